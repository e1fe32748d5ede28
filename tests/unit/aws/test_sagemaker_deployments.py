import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from trimtab.aws import sagemaker_deployments as deployments
from trimtab.aws.clients import sagemaker
from trimtab.rollout.observed import VariantState

pytestmark = pytest.mark.usefixtures("aws")

ROLE = "arn:aws:iam::123456789012:role/x"
VARIANT = {"VariantName": "AllTraffic", "ModelName": "v1", "InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
CONFIG = {"ProductionVariants": [VARIANT | {"InitialVariantWeight": 0.5}], "Tags": [{"Key": "team", "Value": "x"}]}


def refuse(operation, message, code="ValidationException"):
    stub = Stubber(sagemaker())
    stub.add_client_error(operation, code, message)
    return stub


@pytest.fixture
def endpoint(aws):  # noqa: ARG001
    client = boto3.client("sagemaker")
    client.create_model(ModelName="v1", ExecutionRoleArn=ROLE, PrimaryContainer={"Image": "image"})
    deployments.create_config("old", CONFIG)
    client.create_endpoint(EndpointName="churn", EndpointConfigName="old")


@pytest.mark.usefixtures("endpoint")
def test_an_endpoint_is_described_with_what_its_variants_have_and_are_to_have():
    state = deployments.describe_deployment("churn")
    assert (state.config, state.status, state.failure, state.pending) == ("old", "InService", "", "")
    assert state.is_settled
    assert state.variants == {"AllTraffic": VariantState("AllTraffic", 0.5, 0.5, 2, 2)}


@pytest.mark.parametrize(
    "describe", [deployments.describe_deployment, deployments.describe_config, deployments.describe_model]
)
def test_what_is_not_there_is_not_found(describe):
    with pytest.raises(deployments.NotFoundError, match="Could not find"):
        describe("nobody")


@pytest.mark.usefixtures("endpoint")
def test_making_what_is_there_already_is_no_error():
    message = 'Cannot create already existing endpoint configuration "arn:…".'
    with refuse("create_endpoint_config", message):
        deployments.create_config("old", CONFIG)
    with refuse("create_model", 'Cannot create already existing model "arn:…".'):
        deployments.create_model("v1", {})
    with refuse("create_model", "Could not assume role"), pytest.raises(ClientError):
        deployments.create_model("v2", {})


@pytest.mark.parametrize(
    ("operation", "call"),
    [
        ("update_endpoint", lambda: deployments.update_endpoint("churn", "new", ())),
        ("update_endpoint_weights_and_capacities", lambda: deployments.set_weights("churn", {"A": 1.0})),
        ("update_endpoint_weights_and_capacities", lambda: deployments.set_instances("churn", "A", 2)),
    ],
)
def test_a_busy_endpoint_is_told_from_one_that_is_not_there_and_from_other_refusals(operation, call):
    with refuse(operation, 'Cannot update in-progress endpoint "arn:…".'), pytest.raises(deployments.EndpointBusyError):
        call()
    with refuse(operation, 'Could not find endpoint "arn:…".'), pytest.raises(deployments.NotFoundError):
        call()
    with refuse(operation, "1 validation error detected"), pytest.raises(ClientError):
        call()
    with refuse(operation, "Rate exceeded", "ThrottlingException"), pytest.raises(ClientError):
        call()


@pytest.mark.parametrize(
    "message", ["Endpoint churn is updating.", "The endpoint is RollingBack", "Update In Progress"]
)
def test_a_busy_endpoint_is_known_by_other_wordings_too(message):
    with refuse("update_endpoint", message), pytest.raises(deployments.EndpointBusyError):
        deployments.update_endpoint("churn", "new", ())


def test_a_deployment_keeps_what_variants_have_but_for_what_is_named():
    with Stubber(sagemaker()) as stub:
        expected = {
            "EndpointName": "churn",
            "EndpointConfigName": "new",
            "RetainAllVariantProperties": True,
            "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
        }
        stub.add_response("update_endpoint", {"EndpointArn": "arn:aws:sagemaker:endpoint/churn"}, expected)
        deployments.update_endpoint("churn", "new", ["DesiredWeight"])
        stub.assert_no_pending_responses()


def test_weights_go_in_one_call_and_never_with_instances():
    with Stubber(sagemaker()) as stub:
        desired = [{"VariantName": "A", "DesiredWeight": 0.9}, {"VariantName": "B", "DesiredWeight": 0.1}]
        expected = {"EndpointName": "churn", "DesiredWeightsAndCapacities": desired}
        stub.add_response(
            "update_endpoint_weights_and_capacities", {"EndpointArn": "arn:aws:sagemaker:x/churn"}, expected
        )
        deployments.set_weights("churn", {"A": 0.9, "B": 0.1})
        stub.assert_no_pending_responses()


def test_the_members_are_those_of_the_services_model():
    members = deployments.config_members()
    assert {"DataCaptureConfig", "KmsKeyId", "VpcConfig", "AsyncInferenceConfig", "MetricsConfig"} <= set(members)


@pytest.mark.usefixtures("endpoint")
def test_tags_of_a_config_are_read():
    assert deployments.config_tags(deployments.describe_config("old")["EndpointConfigArn"]) == {"team": "x"}
