from io import BytesIO

import pytest
from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.stub import Stubber

from trimtab.aws import sagemaker_runtime
from trimtab.aws.sagemaker_runtime import invoke_variant

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def stub(aws):  # noqa: ARG001
    with Stubber(sagemaker_runtime._client()) as stub:
        yield stub
        stub.assert_no_pending_responses()


def test_a_variant_is_asked_by_name_and_timed(stub):
    expected = {"EndpointName": "churn", "TargetVariant": "Canary", "Body": b"1,2", "ContentType": "text/csv"}
    body = StreamingBody(BytesIO(b"0.5"), 3)
    stub.add_response("invoke_endpoint", {"Body": body, "ContentType": "text/csv"}, expected)
    answer = invoke_variant("churn", "Canary", b"1,2", "text/csv")
    assert (answer.status, answer.body, answer.content_type) == (200, b"0.5", "text/csv")
    assert answer.milliseconds > 0


def test_the_models_own_status_is_told(stub):
    members = {"OriginalStatusCode": 400, "OriginalMessage": "bad columns"}
    stub.add_client_error("invoke_endpoint", "ModelError", "Received error", 424, modeled_fields=members)
    answer = invoke_variant("churn", "Canary", b"", "")
    assert (answer.status, answer.error) == (400, "ModelError: bad columns")


@pytest.mark.parametrize(
    ("code", "status"), [("ValidationError", 400), ("ServiceUnavailable", 503), ("ModelNotReadyException", 429)]
)
def test_what_sagemaker_answers_in_the_models_place_is_an_answer(stub, code, status):
    stub.add_client_error("invoke_endpoint", code, "no", status)
    assert invoke_variant("churn", "Canary", b"", "").status == status


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException"])
def test_what_is_no_answer_is_raised(stub, code):
    stub.add_client_error("invoke_endpoint", code, "no", 400)
    with pytest.raises(ClientError):
        invoke_variant("churn", "Canary", b"", "")
