import pytest

from trimtab.aws import clients

pytestmark = pytest.mark.usefixtures("aws")


@pytest.mark.parametrize(
    ("make", "service"),
    [
        (clients.s3, "s3"),
        (clients.dynamodb, "dynamodb"),
        (clients.events, "events"),
        (clients.lambda_, "lambda"),
        (clients.sagemaker, "sagemaker"),
        (clients.sqs, "sqs"),
        (clients.ssm, "ssm"),
    ],
)
def test_a_process_has_one_client_for_each_service(make, service):
    client = make()
    assert client is make()
    assert client.meta.service_model.service_name == service
    assert client.meta.config.retries["mode"] == "adaptive"
    assert client.meta.config.retries["total_max_attempts"] >= 8
