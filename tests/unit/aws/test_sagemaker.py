import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from trimtab.aws import clients
from trimtab.aws.sagemaker import describe_endpoint, endpoint_names

pytestmark = pytest.mark.usefixtures("aws")

CAPTURE = {
    "EnableCapture": True,
    "InitialSamplingPercentage": 100,
    "DestinationS3Uri": "s3://captures",
    "CaptureOptions": [{"CaptureMode": "Input"}],
}


def create(name, capture=None, tags=()):
    client = clients.sagemaker()
    if not client.list_models()["Models"]:
        client.create_model(ModelName="m", ExecutionRoleArn="arn:aws:iam::123456789012:role/r")
    variant = {"VariantName": "v", "ModelName": "m", "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
    client.create_endpoint_config(
        EndpointConfigName=name,
        ProductionVariants=[variant],
        **({"DataCaptureConfig": capture} if capture else {}),
    )
    client.create_endpoint(
        EndpointName=name,
        EndpointConfigName=name,
        Tags=[{"Key": key, "Value": value} for key, value in tags],
    )


def test_an_endpoint_is_described_with_its_tags():
    create("churn", CAPTURE, [("trimtab:monitor", "off"), ("team", "a")])
    endpoint = describe_endpoint("churn")
    assert (endpoint.name, endpoint.captures_data) == ("churn", True)
    assert endpoint.tags == {"trimtab:monitor": "off", "team": "a"}


@pytest.mark.parametrize("capture", [None, CAPTURE | {"EnableCapture": False}])
def test_an_endpoint_without_capture_is_told_from_one_with(capture):
    create("churn", capture)
    endpoint = describe_endpoint("churn")
    assert (endpoint.captures_data, endpoint.tags) == (False, {})


def test_no_endpoint_is_none():
    assert describe_endpoint("none") is None


@pytest.mark.parametrize(
    ("code", "message"), [("AccessDeniedException", "no"), ("ValidationException", "1 validation error detected")]
)
def test_an_endpoint_that_cannot_be_described_is_an_error(code, message):
    with Stubber(clients.sagemaker()) as stub:
        stub.add_client_error("describe_endpoint", code, message, http_status_code=400)
        with pytest.raises(ClientError, match=code):
            describe_endpoint("churn")


def test_endpoints_that_serve_are_listed_to_the_last_page():
    statuses = [
        "InService",
        "Creating",
        "Updating",
        "SystemUpdating",
        "RollingBack",
        "Deleting",
        "Failed",
        "OutOfService",
    ]

    def page(number):
        common = {"EndpointArn": "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/x"}
        times = {"CreationTime": 0, "LastModifiedTime": 0}
        return [
            {"EndpointName": f"{status}-{number}", "EndpointStatus": status, **common, **times} for status in statuses
        ]

    with Stubber(clients.sagemaker()) as stub:
        stub.add_response("list_endpoints", {"Endpoints": page(1), "NextToken": "t"}, {})
        stub.add_response("list_endpoints", {"Endpoints": page(2)}, {"NextToken": "t"})
        names = list(endpoint_names())
    serving = ["InService", "Updating", "SystemUpdating", "RollingBack", "OutOfService"]
    assert names == [f"{status}-{number}" for number in (1, 2) for status in serving]
