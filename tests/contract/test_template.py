"""The template, the sample events and the code agree with each other."""

import json
import re
from pathlib import Path

import pytest
import yaml
from moto.events.models import EventPattern

from trimtab.findings import Finding

PROJECT = Path(__file__).resolve().parents[2]
FUNCTIONS = sorted(path.parent.name for path in (PROJECT / "functions").glob("*/app.py"))


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short forms: `!Ref x` is {"Ref": "x"}."""


def _short_form(loader, suffix, node):
    construct = {
        yaml.ScalarNode: loader.construct_scalar,
        yaml.SequenceNode: lambda node: loader.construct_sequence(node, deep=True),
        yaml.MappingNode: lambda node: loader.construct_mapping(node, deep=True),
    }[type(node)]
    return {suffix: construct(node)}


_Loader.add_multi_constructor("!", _short_form)


@pytest.fixture(scope="module")
def template():
    return yaml.load((PROJECT / "template.yaml").read_text(), _Loader)


@pytest.fixture(scope="module")
def resources(template):
    return template["Resources"]


def logical_id(function):
    return "".join(part.title() for part in function.split("_")) + "Function"


def samples(function):
    return sorted((PROJECT / "events" / function).glob("*.json"))


def samples_from_queue(function):
    return [path for path in samples(function) if "Records" in json.loads(path.read_text())]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_one_name_in_every_place(function, template):
    properties = template["Resources"][logical_id(function)]["Properties"]
    assert properties["CodeUri"] == f"functions/{function}"
    assert properties["Environment"]["Variables"]["POWERTOOLS_SERVICE_NAME"] == function
    assert properties["FunctionName"] == {"Sub": "${Name}-" + function.replace("_", "-")}
    assert template["Outputs"][logical_id(function) + "Name"]["Value"] == {"Ref": logical_id(function)}
    assert samples(function), f"no sample event in events/{function}"
    assert list((PROJECT / "tests" / "unit" / "functions").glob(f"test_{function}*.py"))


def test_every_function_has_its_code(resources):
    declared = {
        resource["Properties"]["CodeUri"].removeprefix("functions/")
        for resource in resources.values()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    assert declared == set(FUNCTIONS)


def environment(template, function):
    shared = template["Globals"]["Function"]["Environment"]["Variables"]
    return shared.keys() | template["Resources"][logical_id(function)]["Properties"]["Environment"]["Variables"].keys()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_template_sets_every_variable_that_a_function_reads(function, template):
    from trimtab import settings
    from trimtab.alerts.settings import SendAlertSettings

    models = {"send_alert": SendAlertSettings}
    model = models.get(function) or getattr(settings, logical_id(function).removesuffix("Function") + "Settings")
    assert {name.upper() for name in model.model_fields} <= environment(template, function)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_has_its_log_group_and_a_place_for_failures(function, template, resources):
    name = logical_id(function)
    group = resources[name.removesuffix("Function") + "LogGroup"]["Properties"]
    assert group["LogGroupName"] == {"Sub": "/aws/lambda/${Name}-" + function.replace("_", "-")}
    assert "RetentionInDays" in group
    properties = resources[name]["Properties"]
    queues = [event for event in properties.get("Events", {}).values() if event["Type"] == "SQS"]
    if queues:
        for event in queues:
            queue = resources[event["Properties"]["Queue"]["GetAtt"].removesuffix(".Arn")]["Properties"]
            assert "RedrivePolicy" in queue
            window = event["Properties"].get("MaximumBatchingWindowInSeconds", 0)
            longest = template["Parameters"][window["Ref"]]["MaxValue"] if isinstance(window, dict) else window
            # as Lambda asks for, and no longer: what failed for a passing reason waits for so long
            assert queue["VisibilityTimeout"] == 6 * properties["Timeout"] + longest
            assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    else:
        assert "OnFailure" in properties["EventInvokeConfig"]["DestinationConfig"]


def test_the_core_layer_ships_the_package(resources):
    properties = resources["CoreLayer"]["Properties"]
    assert (PROJECT / properties["ContentUri"] / "python" / "trimtab" / "__init__.py").is_file()
    assert resources["CoreLayer"]["Metadata"]["BuildMethod"] == "makefile"
    assert "build-CoreLayer:" in (PROJECT / properties["ContentUri"] / "Makefile").read_text()


def test_only_functions_that_read_captures_or_training_data_have_the_arrow_layer(resources):
    with_arrow = {
        name
        for name, resource in resources.items()
        if {"Ref": "ArrowLayer"} in resource.get("Properties", {}).get("Layers", [])
    }
    assert with_arrow == {"ProfileCaptureFunction", "BuildReferenceFunction"}


def test_only_the_function_that_makes_reports_has_evidently(resources):
    with_evidently = {
        name
        for name, resource in resources.items()
        if {"Ref": "EvidentlyLayer"} in resource.get("Properties", {}).get("Layers", [])
    }
    assert with_evidently == {"ReportDriftFunction"}
    properties = resources["ReportDriftFunction"]["Properties"]
    assert properties["MemorySize"] >= 2048
    assert properties["Timeout"] >= 300


def test_evidently_takes_from_the_core_layer_what_that_has():
    core, evidently = (
        dict(line.split("==") for line in (PROJECT / "layers" / name / "requirements.txt").read_text().splitlines())
        for name in ("core", "evidently")
    )
    assert not core.keys() & evidently.keys()
    assert {"numpy", "pydantic", "pyyaml", "msgspec", "typing-extensions"} <= core.keys()
    assert tuple(map(int, evidently["pandas"].split(".")[:2])) < (3, 1)  # Evidently 0.7.23 does not import with 3.1


def test_the_layer_does_not_bring_what_the_runtime_has():
    requirements = (PROJECT / "layers" / "core" / "requirements.txt").read_text()
    assert not re.search(r"^(boto3|botocore|s3transfer)==", requirements, re.MULTILINE)


def test_the_backfill_gets_every_value_it_names_and_leaves_its_maps_to_be_redriven(resources):
    properties = resources["BackfillStateMachine"]["Properties"]
    named = set(re.findall(r"\$\{(\w+)\}", json.dumps(properties["Definition"])))
    assert named == properties["DefinitionSubstitutions"].keys()
    maps = [state for state in properties["Definition"]["States"].values() if state["Type"] == "Map"]
    assert len(maps) == 2
    assert not any("Catch" in state for state in maps)


def test_every_other_function_is_watched(resources):
    environment = resources["WatchSelfFunction"]["Properties"]["Environment"]["Variables"]
    _, names = environment["FUNCTION_NAMES"]["Join"]
    assert {name["Ref"] for name in names} == {logical_id(function) for function in FUNCTIONS} - {"WatchSelfFunction"}


def test_alarms_reach_the_topic_without_a_function(resources):
    alarms = {name: r["Properties"] for name, r in resources.items() if r["Type"] == "AWS::CloudWatch::Alarm"}
    assert all(alarm["AlarmActions"] == [{"Ref": "AlertTopic"}] for alarm in alarms.values())
    # CloudWatch cannot use the AWS-managed key of SNS
    assert "KmsMasterKeyId" not in resources["AlertTopic"]["Properties"]
    allowed = [
        statement
        for statement in resources["AlertTopicPolicy"]["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]
    assert [statement["Principal"] for statement in allowed] == [{"Service": "cloudwatch.amazonaws.com"}]
    watched = {
        alarm["Dimensions"][0]["Value"].get("GetAtt") for alarm in alarms.values() if alarm["Namespace"] == "AWS/SQS"
    }
    targets = {
        r["Properties"].get("RedrivePolicy", {}).get("deadLetterTargetArn", {}).get("GetAtt", "")
        for r in resources.values()
        if r["Type"] == "AWS::SQS::Queue"
    }
    dead = {target.replace(".Arn", ".QueueName") for target in targets if target} | {"FailedInvocationsQueue.QueueName"}
    assert watched == dead
    heartbeat = alarms["HeartbeatAlarm"]
    assert heartbeat["TreatMissingData"] == "breaching"
    # one run of watch_self in each period, and the text says how long their silence lasts
    assert (heartbeat["Period"], heartbeat["EvaluationPeriods"]) == (900, 2)
    assert "at least half an hour" in heartbeat["AlarmDescription"]


def pattern_of(resources, rule, **references):
    pattern = json.loads(json.dumps(resources[rule]["Properties"]["EventPattern"]))
    if rule == "CaptureRule":
        pattern["detail"]["bucket"]["name"] = references["buckets"]
    return EventPattern.load(json.dumps(pattern))


CAPTURES_BY_RULE = [path for path in samples_from_queue("profile_capture") if "aws.s3" in path.read_text()]


@pytest.mark.parametrize("path", CAPTURES_BY_RULE, ids=lambda path: path.stem)
def test_capture_events_match_the_rule_that_brings_them(path, resources):
    pattern = pattern_of(resources, "CaptureRule", buckets=["example-captures"])
    bodies = [json.loads(record["body"]) for record in json.loads(path.read_text())["Records"]]
    s3_events = [body for body in bodies if body.get("source") == "aws.s3"]
    assert s3_events
    assert all(pattern.matches_event(body) for body in s3_events)
    other = {**s3_events[0], "detail": {**s3_events[0]["detail"], "bucket": {"name": "somebody-elses"}}}
    assert not pattern.matches_event(other)


@pytest.mark.parametrize("path", samples("send_alert"), ids=lambda path: path.stem)
def test_finding_events_match_the_rule_that_brings_them(path, resources):
    pattern = pattern_of(resources, "AlertRule")
    bodies = [json.loads(record["body"]) for record in json.loads(path.read_text())["Records"]]
    assert bodies
    assert all(pattern.matches_event(body) for body in bodies)


@pytest.mark.parametrize(
    ("function", "event", "sample"),
    [
        ("start_rollout", "Requested", "requested_on_bus"),
        ("judge_canary", "AlarmRang", "alarm_raised"),
        ("judge_canary", "EndpointChanged", "endpoint_in_service"),
        ("judge_canary", "EndpointChanged", "deployment_bakes"),
        ("report_drift", "Found", "drift_raised"),
        ("report_drift", "Found", "drift_continued"),
        ("start_retraining", "Found", "drift_raised"),
        ("start_retraining", "Found", "model_quality_raised"),
        ("watch_training", "TrainingJobEnded", "training_job_completed"),
        ("watch_training", "TrainingJobEnded", "training_job_waited_too_long"),
        ("watch_training", "PipelineEnded", "pipeline_succeeded"),
        ("release_model", "VersionJudged", "version_approved"),
        ("release_model", "RolloutEnded", "rollout_promoted"),
        ("check_drift_helped", "RolloutEnded", "rollout_promoted"),
    ],
)
def test_events_of_rollouts_and_retraining_match_the_rules_that_bring_them(function, event, sample, resources):
    rule = resources[logical_id(function)]["Properties"]["Events"][event]["Properties"]
    told = json.loads((PROJECT / "events" / function / f"{sample}.json").read_text())
    assert EventPattern.load(json.dumps(rule["Pattern"])).matches_event(told)


def test_an_alert_that_is_over_needs_no_report(resources):
    rule = resources["ReportDriftFunction"]["Properties"]["Events"]["Found"]["Properties"]
    (record,) = json.loads((PROJECT / "events" / "send_alert" / "drift_cleared.json").read_text())["Records"]
    assert not EventPattern.load(json.dumps(rule["Pattern"])).matches_event(json.loads(record["body"]))


@pytest.mark.parametrize("path", samples("send_alert"), ids=lambda path: path.stem)
def test_sample_findings_are_what_is_published(path):
    for record in json.loads(path.read_text())["Records"]:
        body = json.loads(record["body"])
        if body["detail"]["version"] == "1" and set(body["detail"]) <= set(Finding.model_fields):
            finding = Finding.model_validate(body["detail"])
            assert finding.detail_type == body["detail-type"]


def test_alarm_and_endpoint_events_match_the_rules_that_bring_them(resources):
    events = resources["RollBackEndpointFunction"]["Properties"]["Events"]
    alarm, endpoint = (
        EventPattern.load(json.dumps(events[name]["Properties"]["Pattern"]))
        for name in ("AlarmRaised", "EndpointChanged")
    )
    told = {path.stem: json.loads(path.read_text()) for path in samples("roll_back_endpoint")}
    by_rule = {name: event for name, event in told.items() if "detail-type" in event and name != "quarter_passed"}
    assert {name for name, event in by_rule.items() if alarm.matches_event(event)} == {
        name for name in by_rule if name.endswith("alarm_raised")
    }
    assert {name for name, event in by_rule.items() if endpoint.matches_event(event)} == {
        "endpoint_in_service",
        "deployment_bakes",
    }


def test_no_local_only_thing_is_in_the_template():
    text = (PROJECT / "template.yaml").read_text().lower()
    for word in ("localhost", "127.0.0.1", "ministack", "moto", "endpoint_url"):
        assert word not in text


def test_buckets_are_private_encrypted_and_tls_only(resources):
    buckets = [name for name, resource in resources.items() if resource["Type"] == "AWS::S3::Bucket"]
    assert buckets
    for name in buckets:
        properties = resources[name]["Properties"]
        assert all(properties["PublicAccessBlockConfiguration"].values())
        assert properties["BucketEncryption"]
        policy = resources[f"{name}Policy"]["Properties"]["PolicyDocument"]["Statement"]
        assert any(
            s["Effect"] == "Deny" and s["Condition"] == {"Bool": {"aws:SecureTransport": "false"}} for s in policy
        )


def test_queues_are_encrypted(resources):
    queues = [resource for resource in resources.values() if resource["Type"] == "AWS::SQS::Queue"]
    assert queues
    assert all(queue["Properties"]["SqsManagedSseEnabled"] for queue in queues)


def statements(resources):
    for name, resource in resources.items():
        for policy in resource.get("Properties", {}).get("Policies", []):
            for statement in policy["Statement"]:
                yield name, statement["If"][1] if "If" in statement else statement


def test_only_lists_of_endpoints_metrics_and_log_delivery_are_allowed_on_everything(resources):
    wide = {
        (name, statement["Sid"], json.dumps(statement["Action"]))
        for name, statement in statements(resources)
        if statement["Resource"] == "*" or "*" in str(statement["Action"])
    }
    assert {(name, sid) for name, sid, _ in wide} == {
        ("DetectDriftFunction", "FindEndpoints"),
        ("DetectDriftFunction", "PublishAsModelMonitor"),
        ("WatchSelfFunction", "FindEndpoints"),
        ("WatchSelfFunction", "ReadMetrics"),
        ("StartRolloutFunction", "ReadTraffic"),
        ("StartRolloutFunction", "ReadAlarms"),  # of composite alarms CloudWatch tells nobody who may not see all
        ("JudgeCanaryFunction", "ReadTraffic"),
        ("JudgeCanaryFunction", "ReadAlarms"),
        ("JudgeCanaryFunction", "PublishHarm"),
        ("RollBackEndpointFunction", "FindEndpoints"),
        ("RollBackEndpointFunction", "ReadAlarms"),
        ("RollBackEndpointFunction", "ReadHealth"),
        ("TrackCostFunction", "FindEndpoints"),
        ("TrackCostFunction", "FindComponents"),
        ("TrackCostFunction", "FindTrainings"),
        ("TrackCostFunction", "ReadMetrics"),
        ("TrackCostFunction", "ReadPriceLists"),
        ("RightsizeEndpointsFunction", "FindEndpoints"),
        ("RightsizeEndpointsFunction", "ReadAlarms"),
        ("RightsizeEndpointsFunction", "ReadTraffic"),
        ("RightsizeEndpointsFunction", "ReadPriceLists"),
        ("StartRetrainingFunction", "FindTrainings"),
        ("StartRetrainingFunction", "ReadTraffic"),
        ("StartRetrainingFunction", "ReadPriceLists"),
        ("WatchTrainingFunction", "FindVersions"),
        ("ReleaseModelFunction", "FindVersions"),
        ("ReleaseModelFunction", "FindEndpoints"),
        ("BackfillStateMachine", "DeliverLogs"),
    }
    assert not [action for *_, action in wide if "*" in action]
