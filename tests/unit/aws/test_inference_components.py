"""Inference components, as SageMaker's model of its answers has them."""

from datetime import UTC, datetime, timedelta

import pytest
from botocore.stub import Stubber

from trimtab.aws import clients, inference_components
from trimtab.aws.cloudwatch_metrics import Series
from trimtab.cost.components import Reservation

AT = datetime(2026, 11, 23, 8, tzinfo=UTC)
ARN = "arn:aws:sagemaker:eu-west-1:123456789012"


@pytest.fixture
def sagemaker():
    with Stubber(clients.sagemaker()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def summary(name):
    return {
        "InferenceComponentName": name,
        "InferenceComponentArn": f"{ARN}:inference-component/{name}",
        "EndpointName": "llm",
        "EndpointArn": f"{ARN}:endpoint/llm",
        "VariantName": "AllTraffic",
        "CreationTime": AT,
        "LastModifiedTime": AT,
    }


def test_what_each_component_reserves_is_read_page_by_page(sagemaker):
    asked = {"EndpointNameEquals": "llm"}
    sagemaker.add_response(
        "list_inference_components", {"InferenceComponents": [summary("a")], "NextToken": "t"}, asked
    )
    sagemaker.add_response(
        "list_inference_components", {"InferenceComponents": [summary("adapter")]}, {**asked, "NextToken": "t"}
    )
    needs = {"NumberOfAcceleratorDevicesRequired": 2.0, "NumberOfCpuCoresRequired": 4.0, "MinMemoryRequiredInMb": 1024}
    copies = {"DesiredCopyCount": 3, "CurrentCopyCount": 2}
    for name, specification in (
        ("a", {"ModelName": "m", "ComputeResourceRequirements": needs}),
        ("adapter", {"BaseInferenceComponentName": "a"}),
    ):
        described = {**summary(name), "Specification": specification, "RuntimeConfig": copies}
        sagemaker.add_response("describe_inference_component", described, {"InferenceComponentName": name})
    assert inference_components.read_reservations("llm") == [
        Reservation("a", 2, cpus=4.0, accelerators=2.0, memory_mb=1024),
        Reservation("adapter", 2),
    ]


def test_a_component_that_was_deleted_since_it_was_listed_is_left_out(sagemaker):
    sagemaker.add_response("list_inference_components", {"InferenceComponents": [summary("gone")]})
    sagemaker.add_client_error(
        "describe_inference_component", "ValidationException", f'Could not find "{ARN}:inference-component/gone".'
    )
    assert inference_components.read_reservations("llm") == []


def test_requests_that_are_not_told_whole_are_not_known(monkeypatch):
    def read_metrics(queries, *_):
        assert [query.dimensions for query in queries] == [(("InferenceComponentName", name),) for name in "ab"]
        return [Series({AT: 5.0}, is_complete=True), Series({AT: 5.0}, is_complete=False)]

    monkeypatch.setattr(inference_components, "read_metrics", read_metrics)
    found = inference_components.count_component_requests(["a", "b"], AT, AT + timedelta(hours=2))
    assert found == {"a": {AT: 5.0, AT + timedelta(hours=1): 0.0}, "b": {}}
