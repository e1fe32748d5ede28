"""watch_self on the deployed stack: what is healthy gives no finding, what is not gives one, and recovery clears it."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.sagemaker.metrics import NAMESPACE
from tests.integration.deployed import VARIANT, Deployed, wait_for

pytestmark = pytest.mark.integration

MINUTE = timedelta(minutes=1)
SETTINGS = "watermark_minutes: 5\nhealth: {silent_minutes: 30}"


@pytest.fixture
def endpoint(stack: Deployed, request: pytest.FixtureRequest) -> Iterator[str]:
    name = request.node.name.removeprefix("test_").replace("_", "-")[:40].rstrip("-")
    stack.create_endpoint(name)
    stack.put_settings(name, SETTINGS)
    yield name
    stack.cloud.client("sagemaker").delete_endpoint(EndpointName=name)


def ask(stack: Deployed, endpoint: str, requests: int = 20) -> None:
    runtime = stack.cloud.client("sagemaker-runtime")
    for i in range(requests):
        runtime.invoke_endpoint(EndpointName=endpoint, ContentType="text/csv", Body=f"{i},1.5,web")
    files = stack.cloud.flush_captures()
    prefix = f"s3://{stack.capture_bucket}/"
    stack.wait_until_profiled(endpoint, {file.removeprefix(prefix) for file in files if f"/{endpoint}/" in file})


def watch(stack: Deployed, endpoint: str) -> dict[str, Any]:
    answer: dict[str, Any] = stack.invoke("watch_self", {"endpoint": endpoint})
    return answer["endpoints"][endpoint]


def told(stack: Deployed, endpoint: str) -> list[tuple[str, str]]:
    return [(each["evidence"].get("check"), each["state"]) for each in stack.findings(endpoint)]


def publish_requests(stack: Deployed, endpoint: str, minutes_ago: int, count: int) -> None:
    """Requests of a past minute, as SageMaker would have counted them."""
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": VARIANT}]
    datum = {"MetricName": "Invocations", "Dimensions": dimensions, "Value": count, "Unit": "Count"}
    at = datetime.now(UTC) - minutes_ago * MINUTE
    stack.cloud.client("cloudwatch").put_metric_data(Namespace=NAMESPACE, MetricData=[{**datum, "Timestamp": at}])


def remember_last_capture(stack: Deployed, endpoint: str, minutes_ago: int) -> None:
    """As an earlier run would have."""
    content = {"last_capture": (datetime.now(UTC) - minutes_ago * MINUTE).isoformat()}
    key = {"pk": {"S": f"endpoint#{endpoint}"}, "sk": {"S": f"health#{VARIANT}"}}
    item = {**key, "content": {"S": json.dumps(content)}, "version": {"N": "1"}}
    stack.cloud.client("dynamodb").put_item(TableName=stack.outputs["StateTableName"], Item=item)


def test_a_healthy_endpoint_gives_no_finding(stack: Deployed, endpoint: str) -> None:
    ask(stack, endpoint)
    verdicts = watch(stack, endpoint)
    assert {check["verdict"] for check in verdicts["*"].values()} == {"OK"}
    assert verdicts[VARIANT]["capture_silent"]["verdict"] == "OK"
    assert told(stack, endpoint) == []


def test_the_endpoints_count_their_requests_in_cloudwatch(stack: Deployed, endpoint: str) -> None:
    ask(stack, endpoint, requests=7)
    now = datetime.now(UTC)
    statistics = stack.cloud.client("cloudwatch").get_metric_statistics(
        Namespace=NAMESPACE,
        MetricName="Invocations",
        Dimensions=[{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": VARIANT}],
        StartTime=now - 10 * MINUTE,
        EndTime=now + MINUTE,
        Period=60,
        Statistics=["Sum"],
    )
    assert sum(point["Sum"] for point in statistics["Datapoints"]) == 7


def test_captures_that_do_not_arrive_are_told_and_cleared(stack: Deployed, endpoint: str) -> None:
    remember_last_capture(stack, endpoint, minutes_ago=60)
    publish_requests(stack, endpoint, minutes_ago=40, count=500)
    verdicts = watch(stack, endpoint)
    assert verdicts[VARIANT]["capture_silent"]["verdict"] == "ALERT"
    watch(stack, endpoint)
    wait_for(lambda: told(stack, endpoint) == [("capture_silent", "raised")], 10, "the finding")
    wait_for(lambda: len(stack.mails(endpoint)) == 1, 20, "the mail")
    ask(stack, endpoint)
    watch(stack, endpoint)
    watch(stack, endpoint)
    wait_for(lambda: ("capture_silent", "cleared") in told(stack, endpoint), 10, "the all-clear")


def test_a_bucket_that_tells_nobody_is_told_and_cleared(stack: Deployed, endpoint: str) -> None:
    s3 = stack.cloud.client("s3")
    stack_has = {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=stack.capture_bucket, NotificationConfiguration={})
    try:
        watch(stack, endpoint)
    finally:
        s3.put_bucket_notification_configuration(Bucket=stack.capture_bucket, NotificationConfiguration=stack_has)
    wait_for(lambda: told(stack, endpoint) == [("capture_bucket", "raised")], 10, "the finding")
    watch(stack, endpoint)
    watch(stack, endpoint)
    wait_for(lambda: ("capture_bucket", "cleared") in told(stack, endpoint), 10, "the all-clear")


def test_dead_letters_are_told_and_cleared(stack: Deployed) -> None:
    sqs, url = stack.cloud.client("sqs"), stack.outputs["FailedInvocationsQueueUrl"]

    def about_it() -> list[str]:
        found = [each for each in stack.findings("") if each["evidence"].get("queue") == "failed invocations"]
        return [each["state"] for each in found]

    sqs.send_message(QueueUrl=url, MessageBody="a run that failed")
    checks = stack.invoke("watch_self", {})["trimtab"]
    assert checks["dead_letters:failed invocations"]["verdict"] == "ALERT"
    wait_for(lambda: about_it() == ["raised"], 10, "the finding")
    received = sqs.receive_message(QueueUrl=url)["Messages"]
    sqs.delete_message(QueueUrl=url, ReceiptHandle=received[0]["ReceiptHandle"])
    stack.invoke("watch_self", {})
    stack.invoke("watch_self", {})
    wait_for(lambda: about_it() == ["raised", "cleared"], 10, "the all-clear")


def test_the_alarms_are_there_and_reach_the_topic(stack: Deployed) -> None:
    found = stack.cloud.client("cloudwatch").describe_alarms(AlarmNamePrefix="trimtab-")["MetricAlarms"]
    of_endpoints = "trimtab-canary-"
    alarms = [alarm for alarm in found if not alarm["AlarmName"].startswith(of_endpoints)]
    assert {alarm["AlarmName"] for alarm in alarms} == {
        "trimtab-heartbeat",
        "trimtab-capture-dead-letters",
        "trimtab-alert-dead-letters",
        "trimtab-failed-invocations",
    }
    assert all(alarm["AlarmActions"] == [stack.outputs["AlertTopicArn"]] for alarm in alarms)


def test_an_alarm_is_told_by_mail_without_any_function(stack: Deployed) -> None:
    cloudwatch = stack.cloud.client("cloudwatch")

    def subjects() -> list[str]:
        mails = stack.mail.receive()
        return [
            mail["Subject"].partition(" in ")[0] for mail in mails if "trimtab-heartbeat" in (mail.get("Subject") or "")
        ]

    of = [{"Name": "service", "Value": "watch_self"}, {"Name": "Name", "Value": "trimtab"}]
    beat = {"MetricName": "Heartbeat", "Value": 1, "Dimensions": of}
    cloudwatch.put_metric_data(Namespace="Trimtab", MetricData=[beat])
    cloudwatch.set_alarm_state(AlarmName="trimtab-heartbeat", StateValue="ALARM", StateReason="a drill")
    for expected in ('ALARM: "trimtab-heartbeat"', 'OK: "trimtab-heartbeat"'):
        wait_for(lambda expected=expected: expected in subjects(), 10, expected)
