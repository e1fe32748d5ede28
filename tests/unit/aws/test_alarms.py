from datetime import UTC, datetime

import pytest
from botocore.stub import Stubber

from trimtab.aws import alarms, clients
from trimtab.rollout.alarm_event import alarm_described
from trimtab.rollout.guardrail import alarm_definition

pytestmark = pytest.mark.usefixtures("aws")
SINCE = datetime(2026, 11, 20, 8, 42, tzinfo=UTC)
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"
BOTH = ["MetricAlarm", "CompositeAlarm"]


def metric_alarm(name, endpoint="churn", metric="Invocation5XXErrors"):
    return {
        "AlarmName": name,
        "AlarmArn": ARN + name,
        "StateValue": "ALARM",
        "StateUpdatedTimestamp": SINCE,
        "Namespace": "AWS/SageMaker",
        "MetricName": metric,
        "Statistic": "Sum",
        "Period": 60,
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
    }


def composite_alarm(name, *children):
    told = ", ".join(f'{{"arn": "{ARN}{child}", "state": {{"value": "ALARM"}}}}' for child in children)
    return {
        "AlarmName": name,
        "AlarmArn": ARN + name,
        "StateValue": "ALARM",
        "StateUpdatedTimestamp": SINCE,
        "StateReasonData": f'{{"triggeringAlarms": [{told}]}}',
    }


def test_alarms_of_both_kinds_are_read_to_the_last_page():
    with Stubber(clients.cloudwatch()) as stub:
        first = {"MetricAlarms": [metric_alarm("a")], "CompositeAlarms": [composite_alarm("c", "a")], "NextToken": "t"}
        stub.add_response("describe_alarms", first, {"AlarmTypes": BOTH, "StateValue": "ALARM"})
        second = {"MetricAlarms": [metric_alarm("b")]}
        stub.add_response("describe_alarms", second, {"AlarmTypes": BOTH, "StateValue": "ALARM", "NextToken": "t"})
        assert [alarm["AlarmName"] for alarm in alarms.alarms_in_alarm()] == ["a", "c", "b"]


def test_as_many_alarms_are_asked_for_at_once_as_may_be():
    names = [f"alarm-{i}" for i in range(101)]
    with Stubber(clients.cloudwatch()) as stub:
        for batch in (names[:100], names[100:]):
            asked = {"AlarmTypes": BOTH, "AlarmNames": batch}
            stub.add_response("describe_alarms", {"MetricAlarms": [metric_alarm(batch[0])]}, asked)
        assert list(alarms.describe_alarms([*names, names[0]])) == ["alarm-0", "alarm-100"]


def test_an_alarm_is_made_and_made_again():
    for _ in range(2):
        alarms.put_alarm("trimtab-canary-churn", alarm_definition("churn"))
    [described] = alarms.describe_alarms(["trimtab-canary-churn"]).values()
    assert alarm_described(described).endpoints == ("churn",)


def test_an_alarm_that_is_gone_has_no_tags():
    with Stubber(clients.cloudwatch()) as stub:
        stub.add_client_error("list_tags_for_resource", "ResourceNotFoundException", http_status_code=404)
        assert alarms.alarm_tags(ARN + "gone") == {}


def find(monkeypatch, alarm, described=(), tags=None):
    by_name = {each["AlarmName"]: each for each in described}
    asked = []

    def describe(names):
        asked.append(list(names))
        return {name: by_name[name] for name in asked[-1] if name in by_name}

    monkeypatch.setattr(alarms, "describe_alarms", describe)
    monkeypatch.setattr(alarms, "alarm_tags", lambda arn: (tags or {}).get(arn.partition(":alarm:")[2], {}))
    return alarms.by_endpoint([alarm_described(alarm)]), asked


def test_a_composite_alarm_is_about_what_its_alarms_are_about(monkeypatch):
    described = [metric_alarm("a"), metric_alarm("b", "fraud"), metric_alarm("load", "price", "Invocations")]
    found, _ = find(monkeypatch, composite_alarm("c", "a", "b", "load"), described)
    assert list(found) == ["churn", "fraud"]


def test_composite_alarms_of_composite_alarms_are_followed_and_circles_end(monkeypatch):
    described = [composite_alarm("inner", "a"), metric_alarm("a")]
    assert list(find(monkeypatch, composite_alarm("outer", "inner"), described)[0]) == ["churn"]
    found, asked = find(monkeypatch, composite_alarm("c", "c"), [composite_alarm("c", "c")])
    assert (found, len(asked)) == ({}, 4)


@pytest.mark.parametrize(("tag", "names"), [("price", ["price"]), ("off", [])])
def test_a_tag_goes_before_what_the_metrics_say(monkeypatch, tag, names):
    found, _ = find(monkeypatch, metric_alarm("a"), tags={"a": {"trimtab:rollback": tag}})
    assert list(found) == names


def test_alarms_that_are_not_in_alarm_are_left_out(monkeypatch):
    assert find(monkeypatch, metric_alarm("a") | {"StateValue": "OK"})[0] == {}
