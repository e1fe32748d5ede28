import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from trimtab.aws import clients
from trimtab.aws.lambda_functions import region_and_account, start_function

pytestmark = pytest.mark.usefixtures("aws")


def test_a_function_is_started_and_not_waited_for():
    with Stubber(clients.lambda_()) as stub:
        expected = {"FunctionName": "f", "InvocationType": "Event", "Payload": b'{"endpoint": "churn"}'}
        stub.add_response("invoke", {"StatusCode": 202}, expected)
        start_function("f", {"endpoint": "churn"})


def test_a_function_that_cannot_be_started_is_an_error():
    with Stubber(clients.lambda_()) as stub:
        stub.add_client_error("invoke", "ResourceNotFoundException", http_status_code=404)
        with pytest.raises(ClientError, match="ResourceNotFound"):
            start_function("f", {})


def test_region_and_account_stand_in_the_arn_of_a_function_and_of_its_alias():
    arn = "arn:aws-cn:lambda:cn-north-1:123456789012:function:detect-drift"
    assert region_and_account(arn) == region_and_account(f"{arn}:live") == ("cn-north-1", "123456789012")
