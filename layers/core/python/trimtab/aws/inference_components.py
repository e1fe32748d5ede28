"""The inference components of an endpoint: what they reserve, and how many requests they get."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from trimtab.aws.clients import sagemaker
from trimtab.aws.cloudwatch_metrics import MetricQuery, read_metrics
from trimtab.cost.components import Reservation

_HOUR = 3600


def read_reservations(endpoint: str) -> list[Reservation]:
    """What each inference component of an endpoint reserves now."""
    pages = sagemaker().get_paginator("list_inference_components").paginate(EndpointNameEquals=endpoint)
    names = [each["InferenceComponentName"] for page in pages for each in page["InferenceComponents"]]
    return [reservation for name in names if (reservation := _read_reservation(name))]


def count_component_requests(
    components: Sequence[str], start: datetime, end: datetime
) -> dict[str, dict[datetime, float]]:
    """The requests to each component by hour, from `start` until before `end`, both whole hours: 0 where there are
    none, and no hour of a component whose requests CloudWatch does not tell whole."""
    queries = [
        MetricQuery("AWS/SageMaker", "Invocations", (("InferenceComponentName", name),), "Sum", _HOUR)
        for name in components
    ]
    hours = [start + i * timedelta(hours=1) for i in range((end - start) // timedelta(hours=1))]
    return {
        name: {hour: series.points.get(hour, 0.0) for hour in hours} if series.is_complete else {}
        for name, series in zip(components, read_metrics(queries, start, end), strict=True)
    }


def _read_reservation(name: str) -> Reservation | None:
    """What a component reserves; None: it was deleted since it was listed."""
    try:
        return _reservation(sagemaker().describe_inference_component(InferenceComponentName=name))
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException" and "Could not find" in str(error):
            return None
        raise


def _reservation(described: Any) -> Reservation:
    needs = described.get("Specification", {}).get("ComputeResourceRequirements", {})
    return Reservation(
        component=described["InferenceComponentName"],
        copies=described.get("RuntimeConfig", {}).get("CurrentCopyCount", 0),
        cpus=needs.get("NumberOfCpuCoresRequired", 0.0),
        accelerators=needs.get("NumberOfAcceleratorDevicesRequired", 0.0),
        memory_mb=needs.get("MinMemoryRequiredInMb", 0.0),
    )
