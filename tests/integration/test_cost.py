"""track_cost on the deployed stack: hours, prices from the Pricing API, the view, its metrics and findings."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.integration.deployed import VARIANT, Deployed, wait_for
from trimtab.cost.catalogue import bundled_catalogue

pytestmark = pytest.mark.integration

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
TYPE = "ml.m5.large"  # what `create_endpoint` makes


@pytest.fixture
def endpoint(stack: Deployed, request: pytest.FixtureRequest) -> Iterator[str]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].rstrip("-")
    stack.create_endpoint(name, captures=False, tags={"team": "growth"})
    yield name
    stack.cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def remember(stack: Deployed, endpoint: str, since: datetime) -> None:
    """As earlier runs would have: the endpoint was made long ago. (SageMaker's side can't make one in the past.)"""
    described = stack.cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)
    variant = {"name": VARIANT, "item": TYPE, "has_model": True}
    config = {"name": endpoint, "created": since.isoformat(), "variants": [variant], "is_async": False}
    content = {
        "created": described["CreationTime"].astimezone(UTC).isoformat(),
        "seen": since.isoformat(),
        "stages": [
            {"configuration": endpoint, "since": since.isoformat(), "serving": since.isoformat(), "until": None}
        ],
        "configurations": [config | {"publish_seconds": 60}],
        "tags": {},
        "alert": {"cursor": None, "state": "cleared", "recent": [], "since": None, "notified": None},
        "unpriced": [],
        "verdict": {},
        "ended": None,
    }
    key = {"pk": {"S": f"endpoint#{endpoint}"}, "sk": {"S": "cost"}}
    item = {**key, "content": {"S": json.dumps(content)}, "version": {"N": "1"}}
    stack.cloud.client("dynamodb").put_item(TableName=stack.outputs["StateTableName"], Item=item)


def count(stack: Deployed, endpoint: str, hour: datetime, *, instances: int, requests: int) -> None:
    """What SageMaker would have published in an hour: a sample an instance and minute, and the requests."""
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": VARIANT}]
    samples = [
        {
            "MetricName": "CPUUtilization",
            "Dimensions": dimensions,
            "Timestamp": hour + i * MINUTE,
            "Values": [40.0],
            "Counts": [float(instances)],
        }
        for i in range(60)
    ]
    asked = {"MetricName": "Invocations", "Dimensions": dimensions, "Timestamp": hour, "Values": [1.0]}
    cloudwatch = stack.cloud.client("cloudwatch")
    cloudwatch.put_metric_data(Namespace="/aws/sagemaker/Endpoints", MetricData=samples)
    if requests:
        cloudwatch.put_metric_data(Namespace="AWS/SageMaker", MetricData=[{**asked, "Counts": [float(requests)]}])


def track(stack: Deployed, endpoint: str) -> dict[str, Any]:
    answer: dict[str, Any] = stack.invoke("track_cost", {"endpoint": endpoint})
    return answer["endpoints"][endpoint]


def stored(stack: Deployed, endpoint: str) -> dict[datetime, Mapping[str, Any]]:
    documents = [json.loads(body) for _, body in stack.objects(stack.state_bucket, f"costs/{endpoint}/")]
    return {datetime.fromisoformat(hour["start"]): hour for document in documents for hour in document["hours"]}


def metric(stack: Deployed, endpoint: str, name: str, hour: datetime) -> float | None:
    statistics = stack.cloud.client("cloudwatch").get_metric_statistics(
        Namespace="Trimtab",
        MetricName=name,
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}],
        StartTime=hour,
        EndTime=hour + MINUTE,
        Period=60,
        Statistics=["Average"],
    )
    return next((point["Average"] for point in statistics["Datapoints"]), None)


def test_the_cost_of_hours_is_told_stored_and_published(stack: Deployed, endpoint: str) -> None:
    usd = bundled_catalogue().priced_in("us-east-1")[TYPE].usd
    # what has just begun counts, too: by then the hours are over and CloudWatch has all of them
    end = (datetime.now(UTC) - 5 * MINUTE).replace(minute=0, second=0, microsecond=0)
    remember(stack, endpoint, end - 4 * HOUR)
    for back, requests in ((4, 2000), (3, 2000), (2, 0), (1, 1000)):
        count(stack, endpoint, end - back * HOUR, instances=2, requests=requests)

    row = track(stack, endpoint)
    assert row["prices"][f"Hosting/{TYPE}"]["source"] == "pricing_api"
    assert row["last_hour"]["usd"] == pytest.approx(2 * usd)
    assert row["last_hour"]["usd_per_thousand_predictions"] == pytest.approx(2 * usd)
    hours = stored(stack, endpoint)
    assert [hours[end - back * HOUR]["serving"][TYPE] for back in (4, 3, 2, 1)] == [
        pytest.approx([2.0, 2 * usd]) for _ in range(4)
    ]

    def published() -> bool:
        last = metric(stack, endpoint, "EndpointCostPerHour", end - HOUR)
        return last is not None and last == pytest.approx(2 * usd)

    wait_for(published, 20, "the metric")
    assert metric(stack, endpoint, "CostPerThousandPredictions", end - HOUR) == pytest.approx(2 * usd)
    assert metric(stack, endpoint, "CostPerThousandPredictions", end - 2 * HOUR) is None

    assert track(stack, endpoint) == row
    assert stored(stack, endpoint) == hours
    view = json.loads(dict(stack.objects(stack.state_bucket, "costs/summary.json"))["costs/summary.json"])
    assert endpoint in view["by_tag"]["team"]["growth"]["endpoints"]
    assert view["prices"]["problem"] == ""
    assert stack.findings(endpoint) == []


def test_what_nobody_can_price_is_a_finding_and_no_zero(stack: Deployed, endpoint: str) -> None:
    end = (datetime.now(UTC) - 5 * MINUTE).replace(minute=0, second=0, microsecond=0)
    remember(stack, endpoint, end - 2 * HOUR)
    key = {"pk": {"S": f"endpoint#{endpoint}"}, "sk": {"S": "cost"}}
    table, dynamodb = stack.outputs["StateTableName"], stack.cloud.client("dynamodb")
    item = dynamodb.get_item(TableName=table, Key=key)["Item"]
    item["content"]["S"] = (
        item["content"]["S"].replace(TYPE, "ml.x9.large").replace(f'"name": "{endpoint}"', '"name": "before"')
    )
    item["content"]["S"] = item["content"]["S"].replace(f'"configuration": "{endpoint}"', '"configuration": "before"')
    dynamodb.put_item(TableName=table, Item=item)
    count(stack, endpoint, end - 2 * HOUR, instances=1, requests=10)
    count(stack, endpoint, end - HOUR, instances=1, requests=10)
    row = track(stack, endpoint)
    assert row["unpriced"] == ["ml.x9.large"]
    assert stored(stack, endpoint)[end - 2 * HOUR]["serving"]["ml.x9.large"] == [pytest.approx(1.0), None]
    track(stack, endpoint)
    wait_for(lambda: len(stack.findings(endpoint)) == 1, 10, "the finding")
    [finding] = stack.findings(endpoint)
    assert (finding["kind"], finding["state"]) == ("cost", "raised")
    assert "no price for Hosting/ml.x9.large" in finding["title"]
    wait_for(lambda: len(stack.mails(endpoint)) == 1, 20, "the mail")


def test_the_dashboard_names_what_the_stack_has_made(stack: Deployed) -> None:
    found = stack.cloud.client("cloudwatch").get_dashboard(DashboardName=stack.outputs["DashboardName"])
    widgets = json.loads(found["DashboardBody"])["widgets"]
    named = {part for each in widgets for entry in each["properties"].get("metrics", []) for part in entry[3:4]}
    functions = {value for key, value in stack.outputs.items() if key.endswith("FunctionName")}
    assert functions <= named
    assert stack.outputs["CaptureQueueUrl"].rpartition("/")[2] in named
    assert "${" not in found["DashboardBody"]
