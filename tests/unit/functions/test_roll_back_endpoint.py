"""Restorations end to end on a small stand-in for AWS, in which each call can be the last."""
# ruff: noqa: N803, ARG002 - the stand-in has boto3's own parameter names

import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import permutations
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from functions.roll_back_endpoint import app
from trimtab.aws import clients, restorations
from trimtab.aws.state_table import StaleStateError, StateDocument, read_state, write_state
from trimtab.findings import Finding
from trimtab.rollout.alarm_event import NotAnAlarmError
from trimtab.rollout.good_configs import history_of
from trimtab.settings import EndpointSettings

EVENTS = Path(__file__).parents[3] / "events" / "roll_back_endpoint"
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ALARMED = datetime(2026, 11, 20, 8, 42, 40, 989000, UTC)
DEPLOYED = ALARMED - 30 * MINUTE
TABLE = "state-table"
ARN = "arn:aws:cloudwatch:eu-west-1:123456789012:alarm:"


class Killed(BaseException):
    """The process is gone; nothing catches that."""


class Clock(datetime):
    shown = ALARMED + MINUTE

    @classmethod
    def now(cls, tz=None):
        return cls.shown.astimezone(tz)


class World:
    """SageMaker, CloudWatch, EventBridge and Lambda as far as the function sees them."""

    def __init__(self):
        self.endpoints = {"churn": {"config": "churn-2", "status": "InService", "failure": "", "instances": 6}}
        self.variants = {"churn": ["AllTraffic"]}
        self.configs = {"churn-1", "churn-2"}
        self.changed = DEPLOYED
        self.pending = ""
        self.updates = []
        self.silent_failures = 0
        self.busy = False
        self.refusal = None
        self.tags = {}
        self.alarms = {}
        self.alarm_tags = {}
        self.metrics = {}
        self.findings = []
        self.started = []
        self.items = {}
        self.objects = {}
        self.calls = 0
        self.kill_at = None

    def passes(self):
        """A moment at which the process can be killed: before and after each call."""
        self.calls += 1
        if self.calls - 1 == self.kill_at:
            raise Killed

    def finish_update(self):
        endpoint = self.endpoints["churn"]
        if endpoint["status"] != "Updating":
            return
        if self.silent_failures:
            self.silent_failures -= 1
            endpoint["failure"] = f"no capacity {self.silent_failures}"
        else:
            endpoint.update(config=self.pending, failure="")
        endpoint["status"], self.pending = "InService", ""
        self.changed += 5 * MINUTE

    def serve(self, endpoint, variant, requests, errors, **other):
        for metric, value in {"Invocations": requests, "InvocationModelErrors": errors, **other}.items():
            self.metrics[endpoint, variant, metric] = value

    # --- SageMaker ---

    def describe_endpoint(self, EndpointName):
        endpoint = self.endpoints.get(EndpointName)
        if endpoint is None:
            raise refused("ValidationException", f"Could not find endpoint {EndpointName}.", "DescribeEndpoint")
        counts = {"CurrentInstanceCount": endpoint["instances"], "DesiredInstanceCount": endpoint["instances"]}
        answer = {
            "EndpointName": EndpointName,
            "EndpointArn": f"arn:aws:sagemaker:eu-west-1:123456789012:endpoint/{EndpointName}",
            "EndpointConfigName": endpoint["config"],
            "EndpointStatus": endpoint["status"],
            "CreationTime": DEPLOYED - 100 * HOUR,
            "LastModifiedTime": self.changed,
            "ProductionVariants": [
                {"VariantName": name, "CurrentWeight": 1.0, "DesiredWeight": 1.0, **counts}
                for name in self.variants[EndpointName]
            ],
        }
        if endpoint["failure"]:
            answer["FailureReason"] = endpoint["failure"]
        if self.pending and EndpointName == "churn":
            answer["PendingDeploymentSummary"] = {"EndpointConfigName": self.pending}
        return answer

    def describe_endpoint_config(self, EndpointConfigName):
        if EndpointConfigName not in self.configs:
            message = f'Could not find endpoint configuration "{EndpointConfigName}".'
            raise refused("ValidationException", message, "DescribeEndpointConfig")
        return {"EndpointConfigName": EndpointConfigName}

    def update_endpoint(self, **request):
        endpoint = self.endpoints[request["EndpointName"]]
        if self.refusal:
            raise self.refusal
        if self.busy or endpoint["status"] != "InService":
            message = f'Cannot update in-progress endpoint "arn:endpoint/{request["EndpointName"]}".'
            raise refused("ValidationException", message, "UpdateEndpoint")
        self.describe_endpoint_config(request["EndpointConfigName"])
        self.updates.append(request)
        self.pending = request["EndpointConfigName"]
        endpoint["status"] = "Updating"
        return {}

    # --- DynamoDB and S3 ---

    class exceptions:  # noqa: N801
        class ConditionalCheckFailedException(Exception):  # noqa: N818
            pass

        class ResourceNotFoundException(Exception):  # noqa: N818
            pass

        ResourceNotFound = ResourceNotFoundException

    def get_item(self, TableName, Key, ConsistentRead):
        item = self.items.get((Key["pk"]["S"], Key["sk"]["S"]))
        return {"Item": item} if item else {}

    def put_item(self, Item, ExpressionAttributeValues, **_):
        key = Item["pk"]["S"], Item["sk"]["S"]
        if key in self.items and self.items[key]["version"] != ExpressionAttributeValues[":read"]:
            raise self.exceptions.ConditionalCheckFailedException
        self.items[key] = Item
        return {}

    def put_object(self, Key, Body, **_):
        self.objects[Key] = json.loads(Body)
        return {}

    # --- CloudWatch, EventBridge, Lambda ---

    def list_tags_for_resource(self, ResourceARN):
        name = ResourceARN.partition(":alarm:")[2]
        return {"Tags": [{"Key": key, "Value": value} for key, value in self.alarm_tags.get(name, {}).items()]}

    def put_events(self, Entries):
        self.findings += [Finding.model_validate_json(entry["Detail"]) for entry in Entries]
        return {"Entries": [{} for _ in Entries]}

    def invoke(self, **request):
        self.started.append((request["FunctionName"], json.loads(request["Payload"])))
        return {}

    def pages(self, operation, **request):
        match operation:
            case "list_endpoints":
                listed = self.endpoints.items()
                return [{"Endpoints": [{"EndpointName": n, "EndpointStatus": e["status"]} for n, e in listed]}]
            case "query":
                wanted = request["ExpressionAttributeValues"][":partition"]["S"]
                return [{"Items": [item for (pk, _), item in self.items.items() if pk == wanted]}]
            case "list_tags":
                return [{"Tags": [{"Key": key, "Value": value} for key, value in self.tags.items()]}]
            case "describe_alarms":
                found = [each for each in self.alarms.values() if self._asked_for(each, request)]
                return [{"MetricAlarms": found[:1]}, {"MetricAlarms": found[1:]}]
            case "get_metric_data":
                return [{"MetricDataResults": [self._series(query, request) for query in request["MetricDataQueries"]]}]
        raise NotImplementedError(operation)

    def _asked_for(self, alarm, request):
        names = request.get("AlarmNames")
        return alarm["AlarmName"] in names if names else alarm["StateValue"] == request["StateValue"]

    def _series(self, query, request):
        metric = query["MetricStat"]["Metric"]
        place = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
        value = self.metrics.get((place["EndpointName"], place["VariantName"], metric["MetricName"]))
        told = {"Timestamps": [request["StartTime"]], "Values": [value]} if value is not None else {}
        return {"Id": query["Id"], "StatusCode": "Complete", "Timestamps": [], "Values": [], **told}


class Client:
    """A boto3 client whose every call can be the last."""

    def __init__(self, world):
        self._world = world

    def __getattr__(self, name):
        if name == "exceptions":
            return World.exceptions
        if name == "get_paginator":
            return lambda operation: Pages(self, operation)
        return lambda *args, **request: self.call(getattr(self._world, name), *args, **request)

    def call(self, do, *args, **request):
        self._world.passes()
        answer = do(*args, **request)
        self._world.passes()
        return answer


class Pages:
    def __init__(self, client, operation):
        self._client, self._operation = client, operation

    def paginate(self, **request):
        return self._client.call(self._client._world.pages, self._operation, **request)


def refused(code, message, operation):
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def described(name, state="ALARM", since=ALARMED, metric="Invocation5XXErrors", **other):
    return {
        "AlarmName": name,
        "AlarmArn": ARN + name,
        "StateValue": state,
        "StateReason": "Threshold Crossed",
        "StateUpdatedTimestamp": since,
        "StateTransitionedTimestamp": since,
        "MetricName": metric,
        "Namespace": "AWS/SageMaker",
        "Statistic": "Sum",
        "Period": 60,
        "Threshold": 10.0,
        "ComparisonOperator": "GreaterThanThreshold",
        "Dimensions": [{"Name": "EndpointName", "Value": "churn"}, {"Name": "VariantName", "Value": "AllTraffic"}],
        **other,
    }


@pytest.fixture
def world(monkeypatch):
    """churn-1 was good for days; churn-2 was deployed half an hour before the alarm, and fails."""
    made = World()
    monkeypatch.setattr(clients, "client", lambda _: Client(made))
    for name in ("NAME", "STATE_BUCKET_NAME", "STATE_TABLE_NAME", "FINDINGS_BUS_NAME", "JUDGE_CANARY_FUNCTION_NAME"):
        monkeypatch.setenv(name, name.lower())
    monkeypatch.setattr(restorations, "load_endpoint_settings", lambda *_: Loaded)
    monkeypatch.setattr(app, "datetime", Clock)
    monkeypatch.setattr(Clock, "shown", ALARMED + MINUTE)
    mode("act")
    begin_anew(made)
    return made


class Loaded:
    """The settings that every endpoint has."""

    settings = EndpointSettings()


def mode(name):
    Loaded.settings = EndpointSettings.model_validate({"rollback": {"mode": name}})


def begin_anew(world):
    """churn-2 serves and is in alarm, and nothing was done yet."""
    world.__init__()
    world.alarms["churn-5xx"] = described("churn-5xx")
    world.serve("churn", "AllTraffic", 10_000, 900)
    good = {"config": "churn-1", "since": (DEPLOYED - 72 * HOUR).isoformat(), "seen_good": DEPLOYED.isoformat()}
    served = [{"config": "churn-2", "since": DEPLOYED.isoformat()}, good]
    write_state(TABLE, "good_config", "churn", {"served": served}, after=StateDocument())


def sample(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


def call(context, event, minutes=None):
    if minutes is not None:
        Clock.shown = ALARMED + minutes * MINUTE
    return app.lambda_handler(sample(event) if isinstance(event, str) else event, context)


def answered(outcome):
    return outcome["endpoints"]["churn"]


def change(world):
    item = world.items.get(("change", "churn"))
    return json.loads(item["content"]["S"]) if item else {}


def history(world):
    return history_of(json.loads(world.items["good_config", "churn"]["content"]["S"]))


def titles(world):
    return [finding.title for finding in world.findings]


# --- act ---


@pytest.mark.parametrize(
    "event",
    ["alarm_raised", "alarm_raised_through_sns", "alarm_told_by_sns", "alarm_calls_function", "composite_alarm_raised"],
)
def test_an_alarm_puts_the_last_good_configuration_back_and_keeps_the_instances(world, context, event):
    assert answered(call(context, event))["phase"] == "restoring"
    [update] = world.updates
    assert update == {
        "EndpointName": "churn",
        "EndpointConfigName": "churn-1",
        "RetainAllVariantProperties": True,
        "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredWeight"}],
    }
    assert answered(call(context, "minute_passed", 2))["phase"] == "restoring"
    world.finish_update()
    assert answered(call(context, "minute_passed", 6))["phase"] == "rolled_back"
    assert titles(world) == ["churn is being put back to churn-1", "churn was put back to churn-1"]
    begun, done = world.findings
    assert (begun.kind, begun.severity, begun.state) == ("rollback", "critical", "raised")
    assert (begun.action.mode, begun.action.outcome) == ("act", "puts back churn-1")
    assert (done.severity, done.state, done.action.outcome) == ("info", "cleared", "put back churn-1")
    assert done.evidence["before"]["variants"] == {"AllTraffic": {"weight": 1.0, "instances": 6}}
    present = history(world).present
    assert (present.config, present.is_put_back) == ("churn-1", True)
    assert call(context, "minute_passed", 7) == {"endpoints": {}}


def test_a_restoration_leaves_a_record_with_before_and_after(world, context):
    call(context, "alarm_raised")
    world.finish_update()
    call(context, "minute_passed", 6)
    record = world.objects[f"rollouts/churn/{change(world)['id']}.json"]
    assert (record["kind"], record["by"], record["phase"]) == ("restoration", "Trimtab", "rolled_back")
    assert record["before"]["config"] == "churn-2"
    assert record["after"]["config"] == "churn-1"
    assert record["alarm"]["name"] == "churn-5xx"


def test_the_end_of_an_alarm_undoes_nothing(world, context):
    call(context, "alarm_raised")
    world.finish_update()
    call(context, "minute_passed", 6)
    assert call(context, "alarm_cleared", 16) == {"endpoints": {}}
    assert len(world.updates) == 1


def test_an_alarm_that_is_over_when_it_arrives_is_left(world, context):
    world.alarms["churn-5xx"] = described("churn-5xx", "OK", ALARMED + MINUTE)
    assert answered(call(context, "alarm_raised"))["rule"] == "no alarm"
    assert (world.updates, world.findings, change(world)) == ([], [], {})


def test_an_alarm_that_cloudwatch_does_not_know_is_believed(world, context):
    world.alarms.clear()
    assert answered(call(context, "alarm_raised"))["phase"] == "restoring"


def test_alarms_in_any_order_and_number_end_alike(world, context):
    told = ["alarm_raised", "alarm_told_by_sns", "composite_alarm_raised", "alarm_cleared"]
    for number, order in enumerate(permutations(told)):
        begin_anew(world)
        for event in (*order, order[number % 4]):
            call(context, event, 1)
        world.finish_update()
        for event in ("minute_passed", order[0], order[1]):
            call(context, event, 6)
        assert len(world.updates) == 1
        assert world.endpoints["churn"]["config"] == "churn-1"
        assert (change(world)["phase"], history(world).present.config) == ("rolled_back", "churn-1")
        assert Counter(titles(world)) == {
            "churn is being put back to churn-1": 1,
            "churn was put back to churn-1": 1,
        }


def scenario(world, context, name):
    """An alarm, told again while the endpoint is being updated, and the minutes after; each run until it succeeds."""
    mode("propose" if name == "approved by a person" else "act")
    if name == "while instances are added":
        world.endpoints["churn"]["status"] = "Updating"
    run_again(context, "alarm_raised", 1)
    if name == "while instances are added":
        world.endpoints["churn"]["status"] = "InService"
    if name == "approved by a person":
        run_again(context, "approved", 2, app.NothingProposedError)
    run_again(context, "minute_passed", 2)
    run_again(context, "alarm_raised", 3)
    world.finish_update()
    for minutes in (6, 7):
        run_again(context, "minute_passed", minutes)
    run_again(context, "quarter_passed", 15)


def run_again(context, event, minutes, refusal=()):
    """As Lambda does it: a run that was killed, or failed, is made again. `refusal`: it was done already."""
    for _ in range(3):
        try:
            call(context, event, minutes)
        except (Killed, app.EndpointsFailedError):
            continue
        except refusal:
            return
        return
    raise AssertionError("it never succeeded")


def ended(world):
    return {
        "endpoint": world.endpoints["churn"]["config"],
        "phase": change(world)["phase"],
        "attempts": len(world.updates),
        "told": {finding.id for finding in world.findings},
        "records": {key: {**record, "called": None, "started": None} for key, record in world.objects.items()},
        "present": (history(world).present.config, history(world).present.is_put_back),
        "good": [each.config for each in history(world).good_before()],
    }


@pytest.mark.parametrize("name", ["at once", "while instances are added", "approved by a person"])
def test_a_run_killed_at_any_call_and_made_again_ends_alike(world, context, name):
    scenario(world, context, name)
    calls, undisturbed = world.calls, ended(world)
    assert (undisturbed["endpoint"], undisturbed["phase"], undisturbed["attempts"]) == ("churn-1", "rolled_back", 1)
    for kill_at in range(calls):
        begin_anew(world)
        world.kill_at = kill_at
        scenario(world, context, name)
        assert ended(world) == undisturbed, f"killed at call {kill_at} of {calls}"


# --- UpdateEndpoint that is refused, or fails without saying so ---


def test_an_update_that_fell_back_silently_is_tried_again(world, context):
    world.silent_failures = 1
    call(context, "alarm_raised")
    world.finish_update()
    assert answered(call(context, "minute_passed", 6))["phase"] == "restoring"
    world.finish_update()
    assert answered(call(context, "minute_passed", 12))["phase"] == "rolled_back"
    assert len(world.updates) == change(world)["attempts"] == 2


def test_an_update_that_always_falls_back_is_given_up_and_told(world, context):
    world.silent_failures = 9
    call(context, "alarm_raised")
    for minutes in (6, 12, 18, 24):
        world.finish_update()
        call(context, "minute_passed", minutes)
    assert change(world)["phase"] == "failed"
    assert len(world.updates) == 3
    assert world.findings[-1].title == "churn was not put back to churn-1"
    assert "no capacity" in world.findings[-1].reason
    assert world.findings[-1].severity == "critical"


def test_a_busy_endpoint_is_tried_until_it_takes_the_update_and_waiting_long_is_told_once(world, context):
    world.busy = True
    call(context, "alarm_raised")
    for minutes in (2, 10, 17, 18):
        call(context, "minute_passed", minutes)
    assert titles(world).count("churn is in alarm, and SageMaker takes no update") == 1
    world.busy = False
    call(context, "minute_passed", 19)
    world.finish_update()
    call(context, "minute_passed", 25)
    assert (change(world)["phase"], len(world.updates)) == ("rolled_back", 1)


@pytest.mark.parametrize("code", ["AccessDeniedException", "ResourceLimitExceeded", "ThrottlingException"])
def test_an_update_that_fails_each_time_is_told_once_with_its_words(world, context, code):
    world.refusal = refused(code, "not now", "UpdateEndpoint")
    for event, minutes in (("alarm_raised", 1), *(("minute_passed", each) for each in (2, 10, 17, 18))):
        with pytest.raises(app.EndpointsFailedError):
            call(context, event, minutes)
    late = [each for each in world.findings if each.title == "churn is in alarm, and SageMaker takes no update"]
    assert len(late) == 1
    assert f"({code}) when calling the UpdateEndpoint operation: not now" in late[0].action.outcome
    world.refusal = None
    assert answered(call(context, "minute_passed", 19))["phase"] == "restoring"


def test_an_update_that_sagemaker_refuses_is_told_with_its_words(world, context):
    message = "The variant AllTraffic has a registered scalable target; deregister it first."
    world.refusal = refused("ValidationException", message, "UpdateEndpoint")
    assert answered(call(context, "alarm_raised"))["phase"] == "failed"
    assert message in world.findings[-1].reason


def test_an_update_that_is_refused_in_unknown_words_while_another_begins_is_waited_for(world, context, monkeypatch):
    def another_begins(**_):
        world.endpoints["churn"]["status"] = "Updating"
        raise refused("ValidationException", "Endpoint churn must be at rest to be changed.", "UpdateEndpoint")

    with monkeypatch.context() as patch:
        patch.setattr(world, "update_endpoint", another_begins)
        assert answered(call(context, "alarm_raised"))["phase"] == "restoring"
    assert answered(call(context, "minute_passed", 2))["phase"] == "restoring"
    world.endpoints["churn"]["status"] = "InService"
    call(context, "minute_passed", 3)
    world.finish_update()
    call(context, "minute_passed", 9)
    assert (change(world)["phase"], len(world.updates)) == ("rolled_back", 1)


def test_throttling_is_no_end(world, context):
    world.refusal = refused("ThrottlingException", "Rate exceeded", "UpdateEndpoint")
    with pytest.raises(app.EndpointsFailedError, match="churn"):
        call(context, "alarm_raised")
    world.refusal = None
    assert answered(call(context, "minute_passed", 2))["phase"] == "restoring"


def test_another_deployment_meanwhile_is_left_alone(world, context):
    world.busy = True
    call(context, "alarm_raised")
    world.endpoints["churn"]["config"] = "churn-3"
    assert answered(call(context, "minute_passed", 5))["phase"] == "failed"
    assert "churn-3 was deployed meanwhile" in change(world)["why"]
    assert world.updates == []


def test_an_endpoint_that_goes_away_ends_the_restoration(world, context):
    world.busy = True
    call(context, "alarm_raised")
    del world.endpoints["churn"]
    call(context, "minute_passed", 5)
    assert change(world)["phase"] == "failed"


# --- alarms while the endpoint is being updated ---


def test_an_alarm_during_an_update_waits_and_is_then_answered(world, context):
    world.endpoints["churn"]["status"] = "Updating"  # instances are being added
    assert answered(call(context, "alarm_raised"))["phase"] == "waiting"
    assert answered(call(context, "minute_passed", 2))["phase"] == "waiting"
    world.endpoints["churn"]["status"] = "InService"
    assert answered(call(context, "minute_passed", 3))["phase"] == "restoring"
    assert change(world)["good"] == "churn-1"


def test_a_deployment_that_sagemaker_itself_takes_back_needs_no_answer(world, context):
    world.configs.add("churn-3")
    world.changed = ALARMED - MINUTE
    world.endpoints["churn"]["status"], world.pending = "Updating", "churn-3"
    call(context, "deployment_bakes", -1)
    call(context, "alarm_raised", 1)
    world.silent_failures = 1
    world.finish_update()
    outcome = answered(call(context, "minute_passed", 5))
    assert outcome["rule"] == "answered"
    assert (world.updates, world.findings, change(world)["phase"]) == ([], [], "failed")


def test_a_new_deployment_that_ends_after_its_alarm_is_taken_back(world, context):
    """The alarm began while churn-3 was being deployed: SageMaker, which knew no alarm, went through with it."""
    world.configs.add("churn-3")
    world.changed = ALARMED - 2 * MINUTE
    world.endpoints["churn"]["status"], world.pending = "Updating", "churn-3"
    call(context, "deployment_bakes", -2)
    call(context, "alarm_raised", 1)
    world.finish_update()
    assert answered(call(context, "minute_passed", 5))["phase"] == "restoring"
    assert change(world)["bad"] == "churn-3"
    # churn-2 never proved to be good
    assert world.updates[0]["EndpointConfigName"] == "churn-1"


# --- modes ---


def test_observing_only_says_what_it_would_do(world, context):
    mode("observe")
    for _ in range(2):
        assert answered(call(context, "alarm_raised"))["answer"] == "restore"
    assert (world.updates, change(world)) == ([], {})
    assert len({finding.id for finding in world.findings}) == 1
    finding = world.findings[0]
    assert (finding.kind, finding.severity, finding.action.mode) == ("rollback", "critical", "observe")
    assert finding.action.outcome == "would put back churn-1"
    assert finding.evidence["health"][0]["error_rate"] == 0.09


def test_a_proposal_waits_for_a_person(world, context):
    mode("propose")
    call(context, "alarm_raised")
    assert (world.updates, change(world)) == ([], {})
    assert '"command": "approve"' in world.findings[0].action.outcome
    world.alarms["churn-5xx"] = described("churn-5xx", "OK", ALARMED + 5 * MINUTE)
    assert answered(call(context, "approved", 60))["phase"] == "restoring"
    world.finish_update()
    call(context, "minute_passed", 66)
    assert (change(world)["phase"], change(world)["by"], change(world)["mode"]) == ("rolled_back", "anna", "propose")


def test_what_was_not_proposed_or_is_past_cannot_be_approved(world, context):
    with pytest.raises(app.NothingProposedError, match="nothing was proposed"):
        call(context, "approved")
    mode("propose")
    call(context, "alarm_raised")
    world.endpoints["churn"]["config"] = "churn-3"
    with pytest.raises(app.NothingProposedError, match="churn-3 serves by now, not churn-2"):
        call(context, "approved", 2)


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("event", [{"command": "approve", "endpoint": "churn"}, {"command": "approve", "by": "anna"}])
def test_an_approval_without_name_is_refused(context, event):
    with pytest.raises(ValidationError, match="names its endpoint and by whom"):
        call(context, event)


# --- refusals ---


def refusal(world, context, **alarm):
    if alarm:
        world.alarms["churn-5xx"] = described("churn-5xx", **alarm)
    outcome = answered(call(context, "alarm_raised"))
    assert outcome["answer"] == "refuse"
    assert world.updates == []
    [finding] = world.findings
    assert (finding.severity, finding.action.outcome) == ("warning", "nothing was done")
    return outcome["rule"], finding.reason


def test_an_alarm_older_than_the_deployment_is_told_and_not_acted_on(world, context):
    document = read_state(TABLE, "good_config", "churn")
    later = history_of(document.content).document()
    later["served"][0]["since"] = (ALARMED + 30 * timedelta(seconds=1)).isoformat()
    write_state(TABLE, "good_config", "churn", later, after=document)
    rule, reason = refusal(world, context)
    assert rule == "alarm before deployment"
    assert "before churn-2 was deployed" in reason


def test_two_variants_that_are_equally_bad_are_an_environment_that_is_ill(world, context):
    world.variants["churn"] = ["AllTraffic", "Challenger"]
    world.serve("churn", "Challenger", 5_000, 500)
    rule, reason = refusal(world, context)
    assert rule == "environment"
    assert "AllTraffic 9.0%, Challenger 10.0%" in reason


def test_one_bad_variant_of_two_is_no_ill_environment(world, context):
    world.variants["churn"] = ["AllTraffic", "Challenger"]
    world.serve("churn", "Challenger", 5_000, 5)
    assert answered(call(context, "alarm_raised"))["phase"] == "restoring"


def test_other_endpoints_that_fail_too_are_an_environment_that_is_ill(world, context):
    for name in ("fraud", "price"):
        world.endpoints[name] = {"config": name, "status": "InService", "failure": "", "instances": 1}
        world.variants[name] = ["AllTraffic"]
        world.serve(name, "AllTraffic", 1_000, 200)
    rule, reason = refusal(world, context)
    assert rule == "environment"
    assert "2 of the 2 other endpoints" in reason


def test_variants_that_are_both_too_slow_are_an_environment_that_is_ill(world, context):
    world.variants["churn"] = ["AllTraffic", "Challenger"]
    world.serve("churn", "AllTraffic", 1_000, 0, ModelLatency=900_000)
    world.serve("churn", "Challenger", 1_000, 0, ModelLatency=700_000)
    rule, reason = refusal(world, context, metric="ModelLatency", Statistic="Average", Threshold=200_000.0)
    assert rule == "environment"
    assert "AllTraffic 900 ms, Challenger 700 ms" in reason


def test_a_configuration_that_was_deleted_is_no_way_back(world, context):
    world.configs.discard("churn-1")
    assert refusal(world, context)[0] == "no good config"


def test_during_a_rollout_the_judge_is_called_and_nothing_else_is_done(world, context):
    rollout = {"kind": "rollout", "phase": "baking"}
    write_state(TABLE, "change", "churn", rollout, after=StateDocument())
    assert answered(call(context, "alarm_raised"))["rule"] == "change in progress"
    assert world.started == [("judge_canary_function_name", {"endpoint": "churn"})]
    assert (world.updates, world.findings, change(world)) == ([], [], rollout)


def test_a_rollout_that_begins_at_the_same_moment_is_not_overrun(world, context, monkeypatch):
    begin = app.begin

    def overtaken(subject, restoration, run):
        write_state(TABLE, "change", "churn", {"kind": "rollout", "phase": "preparing"}, after=StateDocument())
        return begin(subject, restoration, run)

    monkeypatch.setattr(app, "begin", overtaken)
    assert answered(call(context, "alarm_raised"))["rule"] == "change in progress"
    assert (world.updates, change(world)["kind"]) == ([], "rollout")
    assert world.started == [("judge_canary_function_name", {"endpoint": "churn"})]


@pytest.mark.usefixtures("world")
def test_a_run_that_others_overtake_all_the_time_is_an_error(context, monkeypatch):
    def overtaken(*_):
        raise StaleStateError("churn")

    monkeypatch.setattr(app, "begin", overtaken)
    with pytest.raises(app.EndpointsFailedError):
        call(context, "alarm_raised")


@pytest.mark.parametrize("alarmed", [-4, 1])
def test_an_alarm_of_a_canary_that_was_rolled_back_does_not_touch_what_served_before_it(world, context, alarmed):
    """The alarm still rings when the rollout has ended, or comes late."""
    over = {
        "kind": "rollout",
        "phase": "rolled_back",
        "phase_since": ALARMED.isoformat(),
        "before": {"config": "churn-2"},
    }
    write_state(TABLE, "change", "churn", over, after=StateDocument())
    world.alarms["churn-5xx"] = described("churn-5xx", since=ALARMED + alarmed * MINUTE)
    outcome = answered(call(context, "quarter_passed", 2))
    assert outcome["rule"] == ("answered" if alarmed < 0 else "already put back")
    assert (world.updates, history(world).present.since) == ([], ALARMED)


def test_alarms_that_are_none_of_ours_are_left(world, context):
    event = sample("alarm_raised")
    metric = event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]
    metric["name"] = "InvocationsPerInstance"
    assert call(context, event) == {"endpoints": {}}
    world.alarm_tags["churn-5xx"] = {"trimtab:rollback": "off"}
    assert call(context, "alarm_raised") == {"endpoints": {}}


@pytest.mark.parametrize(
    "event",
    [
        {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": "AWS Budget Notification November 20, 2026"}}]},
        {"source": "aws.cloudwatch", "detail-type": "CloudWatch Alarm Configuration Change", "detail": {}},
    ],
)
def test_what_is_no_alarm_on_a_shared_topic_or_rule_is_counted_and_done_with(world, context, capsys, event):
    assert call(context, event) == {"endpoints": {}}
    assert world.findings == []
    assert '"EventsUnrelated":[1.0]' in capsys.readouterr().out


@pytest.mark.usefixtures("world")
def test_a_broken_alarm_is_an_error(context):
    with pytest.raises(NotAnAlarmError, match=r"Message: it is no JSON"):
        call(context, {"Records": [{"Sns": {"Message": '{"AlarmName": "churn-5xx", "NewStateRea'}}]})


def test_a_tag_makes_any_alarm_one_of_an_endpoint(world, context):
    event = sample("alarm_raised")
    event["detail"]["configuration"]["metrics"][0]["metricStat"]["metric"]["dimensions"] = {"QueueName": "q"}
    world.alarm_tags["churn-5xx"] = {"trimtab:rollback": "churn"}
    assert answered(call(context, event))["phase"] == "restoring"


def test_endpoints_that_opt_out_or_do_not_exist_are_left(world, context):
    world.tags = {"trimtab:monitor": "off"}
    assert answered(call(context, "alarm_raised"))["answer"] == "leave"
    world.tags = {}
    del world.endpoints["churn"]
    assert answered(call(context, "alarm_raised"))["answer"] == "leave"


# --- good configurations ---


def forget():
    document = read_state(TABLE, "good_config", "churn")
    write_state(TABLE, "good_config", "churn", {}, after=document)


def test_a_configuration_becomes_good_by_serving_without_alarm(world, context):
    forget()
    world.alarms.clear()
    world.serve("churn", "AllTraffic", 10_000, 100)
    assert not answered(call(context, "endpoint_in_service", -25))["good"]
    assert answered(call(context, "quarter_passed", 1))["good"]
    assert history(world).present.seen_good == Clock.shown


@pytest.mark.parametrize(
    ("requests", "errors", "why"),
    [(10_000, 900, "900 of 10,000"), (0, 0, "nobody has asked"), (None, None, "not known")],
)
def test_a_configuration_that_fails_or_was_not_asked_is_not_good(world, context, requests, errors, why):
    forget()
    world.alarms.clear()
    world.serve("churn", "AllTraffic", requests, errors)
    outcome = answered(call(context, "quarter_passed", 60))
    assert not outcome["good"]
    assert why in outcome["reason"]


def test_an_alarm_begins_the_time_anew(world, context):
    mode("observe")
    world.serve("churn", "AllTraffic", 10_000, 100)
    call(context, "alarm_raised")
    world.alarms["churn-5xx"] = described("churn-5xx", "OK", ALARMED + 5 * MINUTE)
    assert not answered(call(context, "quarter_passed", 20))["good"]
    assert answered(call(context, "quarter_passed", 31))["good"]


def test_a_canary_on_trial_is_nobodys_good_configuration(world, context):
    write_state(TABLE, "change", "churn", {"kind": "rollout", "phase": "baking"}, after=StateDocument())
    world.alarms.clear()
    world.endpoints["churn"]["config"] = "churn-1f2e3d4c5b6a"
    call(context, "quarter_passed", 60)
    assert history(world).present.config == "churn-2"


def test_an_alarm_whose_event_was_lost_is_found_by_schedule(world, context):
    assert answered(call(context, "quarter_passed", 10))["phase"] == "restoring"
    assert len(world.updates) == 1


def test_an_alarm_that_still_rings_after_a_restoration_is_not_answered_again(world, context):
    call(context, "alarm_raised")
    world.finish_update()
    call(context, "minute_passed", 6)
    call(context, "quarter_passed", 15)
    call(context, "alarm_raised", 16)
    assert len(world.updates) == 1
    assert titles(world)[-1] == "churn was put back to churn-1"


def test_one_endpoint_that_fails_does_not_stop_the_others(world, context, monkeypatch):
    world.alarms.clear()
    world.endpoints = {"broken": world.endpoints["churn"], **world.endpoints}
    world.variants["broken"] = ["AllTraffic"]
    read = app.read_subject

    def fails(name, run):
        if name == "broken":
            raise RuntimeError("no")
        return read(name, run)

    monkeypatch.setattr(app, "read_subject", fails)
    with pytest.raises(app.EndpointsFailedError, match="failed: broken; done: churn"):
        call(context, "quarter_passed", 60)


@pytest.mark.usefixtures("world")
@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_every_sample_is_understood(context, path):
    if path.stem == "approved":
        mode("propose")
        call(context, "alarm_raised")
    assert "endpoints" in call(context, path.stem)
