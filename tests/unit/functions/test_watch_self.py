import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import numpy as np
import pytest
from moto.s3.models import s3_backends

from functions.watch_self import app
from trimtab.aws import state_bucket
from trimtab.aws.sagemaker import Endpoint
from trimtab.capture.pack import NO_GRID, ObjectId, ObjectProfile, pack_key
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table

EVENTS = Path(__file__).parents[3] / "events" / "watch_self"
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
NOW = datetime.now(UTC).replace(minute=35, second=0, microsecond=0) - HOUR
THIS_HOUR = NOW.replace(minute=0)
QUEUES = ("alert", "capture-dead", "alert-dead", "failed")


class Clock(datetime):
    """The time of the run; tests move it."""

    shown = NOW

    @classmethod
    def now(cls, tz=None):
        return cls.shown.astimezone(tz)


@pytest.fixture(autouse=True)
def outside(stack, monkeypatch):
    """One endpoint that captures everything, the stack's queues, and findings written down instead of leaving."""
    queues = {name: boto3.client("sqs").create_queue(QueueName=name)["QueueUrl"] for name in QUEUES}
    for name, value in {
        "CAPTURE_BUCKETS": stack.captures,
        "MANAGE_CAPTURE_BUCKETS": "false",
        "FUNCTION_NAMES": "trimtab-detect-drift,trimtab-send-alert",
        "ALERT_QUEUE_URL": queues["alert"],
        "CAPTURE_DEAD_LETTER_QUEUE_URL": queues["capture-dead"],
        "ALERT_DEAD_LETTER_QUEUE_URL": queues["alert-dead"],
        "FAILED_INVOCATIONS_QUEUE_URL": queues["failed"],
        "QUEUE_AGE_MINUTES": "60",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(app.s3, "tells_event_bridge", tells_event_bridge)
    app.s3.tell_event_bridge(stack.captures)
    monkeypatch.setattr(app, "publish_findings", lambda _, findings: stack.findings.extend(findings))
    monkeypatch.setattr(app, "datetime", Clock)
    monkeypatch.setattr(Clock, "shown", NOW)
    endpoint(monkeypatch)
    return queues


def tells_event_bridge(bucket):
    """moto takes this setting and does not show it again."""
    configuration = s3_backends["123456789012"]["aws"].buckets[bucket].notification_configuration
    return configuration is not None and configuration.event_bridge is not None


def endpoint(monkeypatch, **other):
    described = Endpoint(
        name="churn",
        captures_data=True,
        tags={},
        changed=NOW - 30 * 24 * HOUR,
        variants=("blue",),
        capture_status="Started",
        sampling=1.0,
        destination="s3://captures/prefix",
        created=NOW - 30 * 24 * HOUR,
        configuration="churn-1",
        pending="",
    )
    described = replace(described, **other)
    monkeypatch.setattr(app.sagemaker, "endpoint_names", lambda: iter(["churn"]))
    monkeypatch.setattr(app.sagemaker, "describe_endpoint", lambda name: described if name == "churn" else None)


def capture(stack, hour, requests=600, columns=("x", "y"), unreadable=0, key=None, variant="blue"):
    made = Table(hour, requests, requests, {name: NumericColumn(np.ones(requests)) for name in columns})
    identity = ObjectId("captures", key or f"{hour:%d%H}.jsonl", "2026-11-20T00:00:00+00:00", "e")
    unread = {"not_json": unreadable} if unreadable else {}
    entry = ObjectProfile(identity, sketch_table(made), requests, unread, frozenset(columns))
    state_bucket.write_pack(stack.state, pack_key("churn", variant, hour, NO_GRID, [entry]), [entry])


def publish(metric, value, moment, namespace="AWS/SageMaker", **dimensions):
    dimensions = dimensions or {"EndpointName": "churn", "VariantName": "blue"}
    boto3.client("cloudwatch").put_metric_data(
        Namespace=namespace,
        MetricData=[
            {
                "MetricName": metric,
                "Dimensions": [{"Name": name, "Value": each} for name, each in dimensions.items()],
                "Timestamp": moment,
                "Value": value,
            }
        ],
    )


def healthy_hours(stack):
    for i in (3, 2, 1):
        capture(stack, THIS_HOUR - i * HOUR)
        publish("Invocations", 600, THIS_HOUR - i * HOUR + 30 * MINUTE)


def watch(context, minutes=0):
    Clock.shown = NOW + minutes * MINUTE
    return app.lambda_handler(json.loads((EVENTS / "quarter_passed.json").read_text()), context)


def verdicts(outcome, variant="blue"):
    return {name: check["verdict"] for name, check in outcome["endpoints"]["churn"][variant].items()}


def raised(stack):
    return [(finding.evidence["check"], finding.state) for finding in stack.findings]


def test_a_healthy_endpoint_gives_no_finding(stack, context):
    healthy_hours(stack)
    outcome = watch(context)
    assert set(verdicts(outcome).values()) == {"OK"}
    assert set(verdicts(outcome, "*").values()) == {"OK"}
    assert all(check["verdict"] == "OK" for check in outcome["trimtab"].values())
    assert stack.findings == []


def test_the_heartbeat_has_the_dimensions_that_its_alarm_looks_for(context, capsys):
    watch(context)
    beats = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "Heartbeat" in line]
    assert len(beats) == 1
    [dimensions] = beats[0]["_aws"]["CloudWatchMetrics"][0]["Dimensions"]
    assert set(dimensions) == {"service", "Name"}
    assert beats[0]["Name"] == "trimtab"


def test_captures_that_stop_while_requests_come_are_told_once_and_cleared(stack, context):
    capture(stack, THIS_HOUR - 4 * HOUR)
    watch(context, -180)
    for i in (3, 2, 1):
        publish("Invocations", 100, THIS_HOUR - i * HOUR + 30 * MINUTE)
    watch(context)
    watch(context, 15)
    assert raised(stack) == [("capture_silent", "raised")]
    finding = stack.findings[0]
    assert (finding.kind, finding.severity) == ("self", "critical")
    assert "300 requests" in finding.reason
    assert "SageMaker wrote none" in finding.reason
    capture(stack, THIS_HOUR)
    watch(context, 60)
    watch(context, 75)
    assert raised(stack)[1:] == [("capture_silent", "cleared")]


def test_captures_that_never_came_are_told_once_the_endpoint_is_old_enough(stack, context):
    for i in (3, 2, 1):
        publish("Invocations", 100, THIS_HOUR - i * HOUR + 30 * MINUTE)
    watch(context)
    assert ("capture_silent", "raised") in raised(stack)


def test_files_and_full_disks_are_named_as_causes(stack, context):
    for i in (3, 2, 1):
        publish("Invocations", 100, THIS_HOUR - i * HOUR + 30 * MINUTE)
    publish(
        "DiskUtilization",
        91.0,
        THIS_HOUR,
        namespace="/aws/sagemaker/Endpoints",
        EndpointName="churn",
        VariantName="blue",
    )
    key = f"prefix/churn/blue/{THIS_HOUR - HOUR:%Y/%m/%d/%H}/00-00-000-x.jsonl"
    boto3.client("s3").put_object(Bucket=stack.captures, Key=key, Body=b"x")
    watch(context)
    assert "disk is 91 % full" in stack.findings[0].reason
    assert "1 capture files of that time" in stack.findings[0].reason


def test_requests_that_failed_need_no_capture(stack, context):
    for i in (3, 2, 1):
        capture(stack, THIS_HOUR - i * HOUR, requests=300)
        publish("Invocations", 600, THIS_HOUR - i * HOUR + 30 * MINUTE)
        publish("Invocation4XXErrors", 300, THIS_HOUR - i * HOUR + 30 * MINUTE)
    assert verdicts(watch(context))["captures_lost"] == "OK"


def test_lost_captures_are_told_with_the_numbers(stack, context):
    for i in (3, 2, 1):
        capture(stack, THIS_HOUR - i * HOUR, requests=300)
        publish("Invocations", 600, THIS_HOUR - i * HOUR + 30 * MINUTE)
    watch(context)
    assert raised(stack) == [("captures_lost", "raised")]
    assert "900 requests were captured" in stack.findings[0].reason


def test_captures_that_wait_to_be_read_are_not_called_lost(stack, context):
    for i in (3, 2, 1):
        capture(stack, THIS_HOUR - i * HOUR, requests=300)
        publish("Invocations", 600, THIS_HOUR - i * HOUR + 30 * MINUTE)
    boto3.client("sqs").send_message(QueueUrl=stack.queue, MessageBody="x")
    assert "captures_lost" not in verdicts(watch(context))
    publish("ApproximateAgeOfOldestMessage", 120, NOW - 5 * MINUTE, namespace="AWS/SQS", QueueName="captures")
    assert verdicts(watch(context))["captures_lost"] == "ALERT"


def test_without_cloudwatch_nothing_is_fine(stack, context):
    for i in (3, 2, 1):
        capture(stack, THIS_HOUR - i * HOUR)
    assert verdicts(watch(context))["captures_lost"] == "INSUFFICIENT_DATA"
    assert stack.findings == []


def test_unreadable_lines_are_a_data_quality_finding(stack, context):
    healthy_hours(stack)
    capture(stack, THIS_HOUR - HOUR, requests=100, unreadable=500, key="bad")
    watch(context)
    assert ("decode_coverage", "raised") in raised(stack)
    assert stack.findings[-1].detail_type == "Data Quality"


def test_a_changed_schema_is_told_and_cleared_when_it_is_mended(stack, context):
    healthy_hours(stack)
    watch(context)
    for hour in (0, 1, 2):
        capture(stack, THIS_HOUR + hour * HOUR, columns=("x", "z"))
    watch(context, 180)
    assert raised(stack) == [("payload_schema", "raised")]
    assert "new: z; vanished: y" in stack.findings[0].reason
    for hour in (3, 4, 5):
        capture(stack, THIS_HOUR + hour * HOUR)
    watch(context, 360)
    watch(context, 375)
    assert raised(stack)[1:] == [("payload_schema", "cleared")]


def test_packs_are_read_once(stack, context, monkeypatch):
    healthy_hours(stack)
    read = []
    read_packs = state_bucket.read_packs
    monkeypatch.setattr(
        app.state_bucket, "read_packs", lambda bucket, keys: read_packs(bucket, read.extend(keys) or read[-len(keys) :])
    )
    watch(context)
    assert len(read) == 3
    watch(context, 15)
    assert len(read) == 3
    capture(stack, THIS_HOUR - HOUR, key="late")
    watch(context, 30)
    assert len(read) == 5


def test_capture_that_was_switched_off_is_told_and_explains_the_silence(stack, context, monkeypatch):
    healthy_hours(stack)
    endpoint(monkeypatch, captures_data=False, capture_status="", sampling=0.0, destination="")
    watch(context, 300)
    assert raised(stack) == [("capture_switch", "raised")]


def test_endpoints_that_never_captured_or_opt_out_are_left_alone(stack, context, monkeypatch):
    endpoint(monkeypatch, captures_data=False, capture_status="", destination="")
    assert watch(context)["endpoints"] == {}
    healthy_hours(stack)
    endpoint(monkeypatch, captures_data=False, tags={"trimtab:monitor": "off"})
    assert watch(context)["endpoints"] == {}


def switch_notifications_off(stack):
    boto3.client("s3").put_bucket_notification_configuration(Bucket=stack.captures, NotificationConfiguration={})


def test_batch_transforms_of_its_name_do_not_make_an_endpoint_one_that_captured(stack, context, monkeypatch):
    endpoint(monkeypatch, captures_data=False, capture_status="", destination="")
    capture(stack, THIS_HOUR, variant="batch-input")
    assert watch(context)["endpoints"] == {}
    capture(stack, THIS_HOUR)
    watch(context, 15)
    assert raised(stack) == [("capture_switch", "raised")]


def test_a_bucket_that_tells_nobody_is_told_with_what_to_do(stack, context):
    switch_notifications_off(stack)
    watch(context)
    assert raised(stack) == [("capture_bucket", "raised")]
    assert "ManageCaptureBuckets" in stack.findings[0].reason
    assert stack.findings[0].action is None


def test_notifications_are_switched_on_when_that_is_asked_for(stack, context, monkeypatch):
    queue = {"Id": "own", "QueueArn": "arn:aws:sqs:eu-west-1:123456789012:alert", "Events": ["s3:ObjectRemoved:*"]}
    boto3.client("s3").put_bucket_notification_configuration(
        Bucket=stack.captures, NotificationConfiguration={"QueueConfigurations": [queue]}
    )
    monkeypatch.setenv("MANAGE_CAPTURE_BUCKETS", "true")
    watch(context)
    now = boto3.client("s3").get_bucket_notification_configuration(Bucket=stack.captures)
    assert tells_event_bridge(stack.captures)
    assert now["QueueConfigurations"] == [queue]
    action = stack.findings[0].action
    assert (action.name, action.mode) == ("switch_on_notifications", "act")
    watch(context, 15)
    watch(context, 30)
    assert raised(stack) == [("capture_bucket", "raised"), ("capture_bucket", "cleared")]


def test_a_bucket_of_several_endpoints_is_asked_once_and_no_answer_is_not_taken_for_one(stack, context, monkeypatch):
    asked = []

    def refuse(bucket):
        asked.append(bucket)
        raise PermissionError(bucket)

    churn = app.sagemaker.describe_endpoint("churn")
    monkeypatch.setattr(app.s3, "tells_event_bridge", refuse)
    monkeypatch.setattr(app.sagemaker, "endpoint_names", lambda: iter(["churn", "fraud"]))
    monkeypatch.setattr(app.sagemaker, "describe_endpoint", lambda name: replace(churn, name=name))
    outcome = watch(context)["endpoints"]
    assert [each["*"]["capture_bucket"]["verdict"] for each in outcome.values()] == ["INSUFFICIENT_DATA"] * 2
    assert asked == [stack.captures]
    assert stack.findings == []


def test_a_bucket_that_is_not_listened_to_is_told(stack, context, monkeypatch):
    endpoint(monkeypatch, destination="s3://elsewhere/x")
    watch(context)
    assert "CaptureBuckets" in stack.findings[0].reason


def test_dead_letters_are_told_and_cleared_when_they_are_gone(stack, context, outside):
    sqs = boto3.client("sqs")
    sqs.send_message(QueueUrl=outside["capture-dead"], MessageBody="x")
    watch(context)
    watch(context, 15)
    assert raised(stack) == [("dead_letters", "raised")]
    assert stack.findings[0].title == "Trimtab gave something up: the capture dead-letter queue"
    sqs.purge_queue(QueueUrl=outside["capture-dead"])
    watch(context, 30)
    watch(context, 45)
    assert raised(stack) == [("dead_letters", "raised"), ("dead_letters", "cleared")]


def test_a_queue_that_waits_too_long_is_told(stack, context):
    boto3.client("sqs").send_message(QueueUrl=stack.queue, MessageBody="x")
    assert watch(context)["trimtab"]["queue_age:capture"]["verdict"] == "INSUFFICIENT_DATA"
    publish("ApproximateAgeOfOldestMessage", 7200, NOW - 5 * MINUTE, namespace="AWS/SQS", QueueName="captures")
    watch(context)
    assert raised(stack) == [("queue_age", "raised")]


def test_failing_functions_are_looked_for_once_an_hour(stack, context):
    name = "trimtab-detect-drift"
    for metric, value in (("Errors", 3), ("Throttles", 0)):
        publish(metric, value, NOW + 10 * MINUTE, namespace="AWS/Lambda", FunctionName=name)
    watch(context, 15)
    assert raised(stack) == []
    checks = watch(context, 30)["trimtab"]
    assert raised(stack) == [("function_faults", "raised")]
    assert checks["function_faults:trimtab-send-alert"]["verdict"] == "INSUFFICIENT_DATA"


def test_what_drift_judging_fails_at_again_and_again_is_told(stack, context):
    for hour in (2, 5):
        publish("EndpointsJudged", 1, THIS_HOUR - hour * HOUR, namespace="Trimtab", service="detect_drift")
        publish("ExplanationsFailed", 1, THIS_HOUR - hour * HOUR, namespace="Trimtab", service="detect_drift")
    checks = watch(context, 30)["trimtab"]
    assert [(each.title, each.state) for each in stack.findings if each.kind == "self"] == [
        ("Trimtab cannot write why windows drifted", "raised")
    ]
    assert checks["lasting_failure:ModelMonitorReportsFailed"]["verdict"] == "OK"


def test_a_lost_state_write_repeats_the_same_facts(stack, context, monkeypatch):
    switch_notifications_off(stack)
    with monkeypatch.context() as killed:
        killed.setattr(app, "write_state", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(RuntimeError):
            app.lambda_handler({"endpoint": "churn"}, context)
    watch(context, 15)
    first, again = (finding for finding in stack.findings if finding.evidence["check"] == "capture_bucket")
    assert first.id == again.id


def test_one_bad_endpoint_does_not_stop_the_others_nor_the_heartbeat(stack, context, monkeypatch, capsys):
    healthy_hours(stack)
    key = pack_key("broken", "blue", THIS_HOUR - HOUR, NO_GRID, [])
    boto3.client("s3").put_object(Bucket=stack.state, Key=str(key), Body=b"no pack")
    churn = app.sagemaker.describe_endpoint("churn")
    monkeypatch.setattr(app.sagemaker, "endpoint_names", lambda: iter(["broken", "churn"]))
    monkeypatch.setattr(app.sagemaker, "describe_endpoint", lambda name: replace(churn, name=name))
    with pytest.raises(app.EndpointsFailedError, match=r"could not be watched: broken; watched: churn"):
        watch(context)
    assert "Heartbeat" in capsys.readouterr().out


def test_one_endpoint_can_be_asked_for(stack, context):
    healthy_hours(stack)
    event = json.loads((EVENTS / "one_endpoint_asked.json").read_text())
    outcome = app.lambda_handler(event, context)
    assert list(outcome["endpoints"]) == ["churn"]
    assert outcome["trimtab"] == {}


def silent_endpoint(stack, context):
    for i in (3, 2, 1):
        publish("Invocations", 100, THIS_HOUR - i * HOUR + 30 * MINUTE)
    watch(context)
    assert raised(stack) == [("capture_silent", "raised")]


def test_an_alert_of_an_endpoint_that_is_gone_is_ended_once_and_not_called_healthy(stack, context, monkeypatch):
    silent_endpoint(stack, context)
    monkeypatch.setattr(app.sagemaker, "endpoint_names", lambda: iter([]))
    monkeypatch.setattr(app.sagemaker, "describe_endpoint", lambda _: None)
    watch(context, 15)
    watch(context, 30)
    assert raised(stack)[1:] == [("capture_silent", "cleared")]
    finding = stack.findings[1]
    assert (finding.endpoint, finding.variant, finding.kind, finding.severity) == ("churn", "blue", "self", "info")
    assert finding.title == "No longer watched: Captures of churn/blue have stopped"
    assert finding.reason.startswith("The endpoint is gone. It is watched no more")


def test_an_alert_of_an_endpoint_that_opts_out_is_ended(stack, context, monkeypatch):
    silent_endpoint(stack, context)
    endpoint(monkeypatch, tags={"trimtab:monitor": "off"})
    watch(context, 15)
    assert raised(stack)[1:] == [("capture_silent", "cleared")]
    assert "trimtab:monitor=off" in stack.findings[1].reason


def test_an_alert_of_a_variant_that_was_removed_is_ended(stack, context, monkeypatch):
    silent_endpoint(stack, context)
    endpoint(monkeypatch, variants=())
    watch(context, 15)
    assert raised(stack)[1:] == []
    endpoint(monkeypatch, variants=("green",))
    watch(context, 30)
    assert raised(stack)[1:] == [("capture_silent", "cleared")]
    assert stack.findings[1].reason.startswith("The endpoint has no variant blue any more.")


def test_an_alert_that_could_not_be_ended_is_ended_by_the_next_run(stack, context, monkeypatch):
    silent_endpoint(stack, context)
    monkeypatch.setattr(app.sagemaker, "endpoint_names", lambda: iter([]))
    monkeypatch.setattr(app.sagemaker, "describe_endpoint", lambda _: None)
    with monkeypatch.context() as broken:
        broken.setattr(app, "publish_findings", lambda *_: (_ for _ in ()).throw(RuntimeError("EventBridge is away")))
        app.lambda_handler({"endpoint": "churn"}, context)
    watch(context, 15)
    assert raised(stack)[1:] == [("capture_silent", "cleared")]


def test_an_alert_stands_while_its_endpoint_is_being_deleted_or_cannot_be_described(stack, context, monkeypatch):
    silent_endpoint(stack, context)
    monkeypatch.setattr(app.sagemaker, "endpoint_names", lambda: iter([]))
    watch(context, 15)

    def throttled(_):
        raise RuntimeError("Rate exceeded")

    monkeypatch.setattr(app.sagemaker, "describe_endpoint", throttled)
    with pytest.raises(app.EndpointsFailedError, match="churn"):
        watch(context, 30)
    assert raised(stack)[1:] == []


def test_scaling_hides_neither_silence_nor_lost_captures(stack, context, monkeypatch):
    endpoint(monkeypatch, changed=NOW - 4 * HOUR)
    watch(context, -230)
    for i in (3, 2, 1):
        publish("Invocations", 100, THIS_HOUR - i * HOUR + 30 * MINUTE)
    endpoint(monkeypatch, changed=NOW - 10 * MINUTE)
    watch(context)
    assert raised(stack) == [("capture_silent", "raised")]
    for i in (3, 2, 1):
        capture(stack, THIS_HOUR - i * HOUR, 10)
    assert verdicts(watch(context, 15))["captures_lost"] == "ALERT"


def test_a_new_configuration_and_an_endpoint_made_anew_get_time_to_capture(stack, context, monkeypatch):
    watch(context, -230)
    for i in (3, 2, 1):
        publish("Invocations", 100, THIS_HOUR - i * HOUR + 30 * MINUTE)
    endpoint(monkeypatch, configuration="churn-2", changed=NOW - 10 * MINUTE)
    assert verdicts(watch(context))["capture_silent"] == "INSUFFICIENT_DATA"
    endpoint(monkeypatch, configuration="churn-2", created=NOW, changed=NOW)
    assert verdicts(watch(context, 15))["capture_silent"] == "INSUFFICIENT_DATA"
    assert raised(stack) == []
