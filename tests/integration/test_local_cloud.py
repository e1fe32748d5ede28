"""The local cloud itself: what the demo and every other integration test stand on."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cloud import ROOT, Cloud, CloudError, open_cloud, running_cloud
from local.deploy import DeployError, deploy
from local.sagemaker.metrics import NAMESPACE

pytestmark = pytest.mark.integration

ROLE = "arn:aws:iam::000000000000:role/{}"
CAPTURE_KEY = re.compile(r"in/churn/(blue|green)/\d{4}/\d\d/\d\d/\d\d/\d\d-\d\d-\d{3}-[0-9a-f-]{36}\.jsonl")

# A function for the tests: counts a batch, fails what is poison, does a call when asked to.
FUNCTION = """
import json, boto3
def handler(event, context):
    if "call" in event:
        service, operation, arguments = event["call"]
        try:
            return json.loads(json.dumps(getattr(boto3.client(service), operation)(**arguments), default=str))
        except Exception as error:
            return {"error": str(error)}
    if "import" in event:
        __import__(event["import"])
    bodies = {r["messageId"]: json.loads(r["body"])["detail"]["object"]["key"] for r in event.get("Records", [])}
    good = [key for key in bodies.values() if "poison" not in key]
    if bodies:
        key = "batches/" + context.aws_request_id
        boto3.client("s3").put_object(Bucket="loop", Key=key, Body=json.dumps([len(bodies), good]))
    return {"batchItemFailures": [{"itemIdentifier": id} for id, key in bodies.items() if "poison" in key]}
"""

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Names: {Type: CommaDelimitedList, Default: ""}
Conditions:
  NoNames: !Equals [!Join ["", !Ref Names], ""]
Resources:
  Own: {Type: AWS::S3::Bucket, Condition: NoNames}
  Greet:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: src, Handler: app.handler, Runtime: python3.13}
Outputs:
  Function: {Value: !Ref Greet}
  Bucket: {Condition: NoNames, Value: !Ref Own}
"""


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="module")
def function(cloud: Cloud) -> Callable[..., Any]:
    """A function that may write to the bucket `loop` and describe the endpoint `churn`, and nothing else."""
    statements = [
        {"Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::loop/batches/*"},
        {"Effect": "Allow", "Action": "sagemaker:DescribeEndpoint", "Resource": "arn:aws:sagemaker:*:*:endpoint/churn"},
        {"Effect": "Allow", "Action": "sqs:*", "Resource": "*"},
        {"Effect": "Allow", "Action": "sagemaker:UpdateEndpoint", "Resource": "arn:aws:sagemaker:*:*:endpoint/churn"},
        {"Effect": "Allow", "Action": "application-autoscaling:Describe*", "Resource": "*"},
    ]
    make_function(cloud, "probe", statements)

    def invoke(**event: Any) -> Any:
        answer = cloud.client("lambda").invoke(FunctionName="probe", Payload=json.dumps(event))
        return json.load(answer["Payload"])

    return invoke


def test_says_what_it_is_and_answers_only_on_loopback(cloud: Cloud) -> None:
    assert open_cloud(cloud.folder) == cloud
    assert cloud.endpoint_url.startswith("http://127.0.0.1:")
    assert cloud.env["AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME"] == cloud.sagemaker_url
    sockets = subprocess.run(["ss", "-ltn"], capture_output=True, text=True, check=False).stdout if has("ss") else ""
    ports = [url.rpartition(":")[2] for url in (cloud.endpoint_url, cloud.sagemaker_url)]
    assert not [
        line for line in sockets.splitlines() for port in ports if f":{port} " in line and "127.0.0.1" not in line
    ]


def test_a_folder_or_port_in_use_is_refused_in_one_line(cloud: Cloud, tmp_path: Path) -> None:
    with pytest.raises(CloudError, match=r"^a local cloud is up in .* already$"), running_cloud(cloud.folder):
        pass
    port = int(cloud.sagemaker_url.rpartition(":")[2])
    message = rf"^port {port} is taken; set TRIMTAB_LOCAL_SAGEMAKER_PORT to another one$"
    with pytest.raises(CloudError, match=message), running_cloud(tmp_path, sagemaker_port=port):
        pass


def test_a_role_can_do_what_its_policy_says_and_nothing_else(cloud: Cloud, function: Callable[..., Any]) -> None:
    ensure_endpoint(cloud)
    own = function(call=["s3", "put_object", {"Bucket": "loop", "Key": "batches/x", "Body": "1"}])
    other = function(call=["s3", "put_object", {"Bucket": "loop", "Key": "elsewhere", "Body": "1"}])
    assert "ETag" in own
    assert "is not authorized to perform: s3:PutObject" in other["error"]
    assert function(call=["sagemaker", "describe_endpoint", {"EndpointName": "churn"}])["EndpointStatus"] == "InService"
    for operation, arguments in (("list_endpoints", {}), ("delete_endpoint", {"EndpointName": "churn"})):
        assert "is not authorized to perform: sagemaker:" in function(call=["sagemaker", operation, arguments])["error"]
    update = {"EndpointName": "churn", "EndpointConfigName": "both"}
    refused = function(call=["sagemaker", "update_endpoint", update])["error"]  # it would need the config as well
    assert "sagemaker:UpdateEndpoint on resource: arn:aws:sagemaker:us-east-1:000000000000:endpoint-config/" in refused
    scaling = "application-autoscaling"
    assert (
        function(call=[scaling, "describe_scalable_targets", {"ServiceNamespace": "sagemaker"}])["ScalableTargets"]
        == []
    )
    target = scalable("churn", "blue") | {"MinCapacity": 1, "MaxCapacity": 2}
    refused = function(call=[scaling, "register_scalable_target", target])["error"]
    assert "application-autoscaling:RegisterScalableTarget on resource: arn:aws:application-autoscaling" in refused


def test_unknown_keys_are_refused(cloud: Cloud) -> None:
    with pytest.raises(ClientError, match=r"InvalidAccessKeyId|UnrecognizedClient|SignatureDoesNotMatch|InvalidClient"):
        cloud.client("sqs", access_key="AKIAIOSFODNN7EXAMPLE", secret_key="no").list_queues()


def test_functions_have_only_what_the_lambda_runtime_has(function: Callable[..., Any]) -> None:
    assert "No module named 'pydantic'" in function(**{"import": "pydantic"})["errorMessage"]
    assert "errorMessage" not in function(**{"import": "boto3"})


def test_objects_reach_a_function_in_whole_batches_and_failed_items_end_in_the_dead_letter_queue(
    cloud: Cloud, function: Callable[..., Any]
) -> None:
    del function  # it must be there
    s3, sqs = cloud.client("s3"), cloud.client("sqs")
    make_bucket_events_reach(cloud, "probe", batch_size=50, window=2)
    for number in range(120):
        s3.put_object(Bucket="loop", Key=f"in/{number:03d}", Body=b"x")
    s3.put_object(Bucket="loop", Key="in/poison", Body=b"x")
    dead = sqs.get_queue_url(QueueName="dead")["QueueUrl"]
    wait_for(lambda: queue_length(sqs, dead) == 1, seconds=25)
    batches = [
        json.load(s3.get_object(Bucket="loop", Key=key)["Body"])
        for key in keys(s3, "loop", "batches/")
        if key != "batches/x"
    ]
    assert sorted(key for _, good in batches for key in good) == [f"in/{number:03d}" for number in range(120)]
    assert max(size for size, _ in batches) == 50
    body = sqs.receive_message(QueueUrl=dead)["Messages"][0]["Body"]
    assert json.loads(body)["detail"]["object"]["key"] == "in/poison"


def test_an_endpoint_answers_and_its_captures_are_real_files(cloud: Cloud) -> None:
    ensure_endpoint(cloud)
    runtime, s3 = cloud.client("sagemaker-runtime"), cloud.client("s3")
    variants = set()
    for number in range(40):
        answer = runtime.invoke_endpoint(
            EndpointName="churn", Body=f"{number},2", ContentType="text/csv; charset=utf-8", InferenceId=str(number)
        )
        assert answer["Body"].read() == f"{number},2".encode()
        variants.add(answer["InvokedProductionVariant"])
    assert variants == {"blue", "green"}
    targeted = runtime.invoke_endpoint(EndpointName="churn", Body=b"\xff\x00", ContentType="x/y", TargetVariant="green")
    assert targeted["InvokedProductionVariant"] == "green"
    files = cloud.flush_captures()
    assert sorted(files) == sorted(f"s3://captures/{key}" for key in keys(s3, "captures", "in/"))
    assert all(CAPTURE_KEY.fullmatch(file.removeprefix("s3://captures/")) for file in files)
    texts = [s3.get_object(Bucket="captures", Key=key)["Body"].read().decode() for key in keys(s3, "captures", "in/")]
    records = [json.loads(line) for text in texts for line in text.splitlines()]
    assert sorted(
        int(r["eventMetadata"]["inferenceId"]) for r in records if "inferenceId" in r["eventMetadata"]
    ) == list(range(40))
    assert {r["captureData"]["endpointInput"]["encoding"] for r in records} == {"CSV", "BASE64"}
    assert cloud.flush_captures() == []


def test_a_model_can_be_replaced_and_its_failure_is_a_model_error(cloud: Cloud) -> None:
    ensure_endpoint(cloud)
    runtime = cloud.client("sagemaker-runtime")
    cloud.serve_with("second", "json:loads")
    try:
        with pytest.raises(ClientError, match="TypeError") as caught:
            runtime.invoke_endpoint(EndpointName="churn", Body=b"1", TargetVariant="green")
        assert caught.value.response["Error"]["Code"] == "ModelError"
        assert caught.value.response["OriginalStatusCode"] == 500
    finally:
        cloud.serve_with("second", "local.models:echo")
    with pytest.raises(ClientError, match=r"ValidationError.* not found"):
        runtime.invoke_endpoint(EndpointName="none", Body=b"1")


def test_endpoints_are_listed_described_and_tagged_as_sagemaker_does(cloud: Cloud) -> None:
    ensure_endpoint(cloud)
    sagemaker = cloud.client("sagemaker")
    for number in range(11):
        sagemaker.create_endpoint(EndpointName=f"other-{number}", EndpointConfigName="both")
    page = sagemaker.list_endpoints(StatusEquals="InService")
    assert [e["EndpointName"] for e in page["Endpoints"]] == [f"other-{number}" for number in range(10, 0, -1)]
    rest = sagemaker.list_endpoints(StatusEquals="InService", NextToken=page["NextToken"])
    assert [e["EndpointName"] for e in rest["Endpoints"]] == ["other-0", "churn"]
    assert "NextToken" not in rest
    assert sagemaker.list_endpoints(StatusEquals="Failed")["Endpoints"] == []
    described = sagemaker.describe_endpoint(EndpointName="churn")
    assert described["DataCaptureConfig"] == {
        "EnableCapture": True,
        "CaptureStatus": "Started",
        "CurrentSamplingPercentage": 100,
        "DestinationS3Uri": "s3://captures/in",
        "KmsKeyId": "",
    }
    arn = described["EndpointArn"]
    for value in ("on", "off"):
        sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "trimtab:monitor", "Value": value}])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "trimtab:monitor", "Value": "off"}]
    with pytest.raises(ClientError, match='Could not find endpoint "arn:'):
        sagemaker.describe_endpoint(EndpointName="none")


def test_an_endpoint_gets_a_canary_and_hours_pass_in_a_moment(cloud: Cloud) -> None:
    sagemaker, cloudwatch = cloud.client("sagemaker"), cloud.client("cloudwatch")
    make_rollout(cloud, "hours", declared={"TRIMTAB_LOCAL_ERROR_RATE": "0.5", "TRIMTAB_LOCAL_LATENCY_MS": "80"})
    events = make_event_log(cloud, "hours")
    start = datetime(2026, 3, 1, 8, tzinfo=UTC)
    cloud.set_clock(start)
    try:
        sagemaker.update_endpoint(EndpointName="hours", EndpointConfigName="hours-new")
        assert sagemaker.describe_endpoint(EndpointName="hours")["EndpointStatus"] == "Updating"
        cloud.set_clock(start + timedelta(minutes=1))
        endpoint = sagemaker.describe_endpoint(EndpointName="hours")
        assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "hours-new")
        assert endpoint["LastModifiedTime"] < start + timedelta(minutes=1)
        served = {}
        for minute in range(1, 121):
            at = start + timedelta(minutes=minute)
            for part in cloud.send_traffic("hours", at, 60, seed=minute):
                served[part["variant"], at] = part["requests"], part["errors"]
            cloud.set_clock(at + timedelta(minutes=1))
        counted = {
            (variant, at): (requests, errors)
            for variant in ("main", "canary")
            for at, requests, errors in minute_sums(cloudwatch, "hours", variant, start, start + timedelta(hours=3))
        }
        assert counted == {key: value for key, value in served.items() if value[0]}
        assert sum(errors for (variant, _), (_, errors) in counted.items() if variant == "main") == 0
    finally:
        cloud.set_clock(None)
    # one event about the endpoint, and one for each stage of the new fleet
    wait_for(lambda: sorted(events()) == ["IN_SERVICE", *["UPDATING"] * 3], seconds=5)


def test_an_alarm_rolls_a_guarded_deployment_back(cloud: Cloud) -> None:
    sagemaker, cloudwatch = cloud.client("sagemaker"), cloud.client("cloudwatch")
    make_rollout(cloud, "guarded", declared={})
    cloudwatch.put_metric_alarm(
        AlarmName="harm",
        Namespace="Test",
        MetricName="Harm",
        Statistic="Maximum",
        Period=60,
        EvaluationPeriods=1,
        Threshold=4.6,
        ComparisonOperator="GreaterThanThreshold",
        TreatMissingData="notBreaching",
    )
    size = {"Type": "CAPACITY_PERCENT", "Value": 50}
    routing = {"Type": "LINEAR", "WaitIntervalInSeconds": 600, "LinearStepSize": size}
    sagemaker.update_endpoint(
        EndpointName="guarded",
        EndpointConfigName="guarded-new-main",
        DeploymentConfig={
            "BlueGreenUpdatePolicy": {"TrafficRoutingConfiguration": routing},
            "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": "harm"}]},
        },
    )

    def stage() -> str:
        pending = sagemaker.describe_endpoint(EndpointName="guarded").get("PendingDeploymentSummary")
        return pending["ProductionVariants"][0]["VariantStatus"][0]["Status"] if pending else ""

    wait_for(lambda: stage() == "Baking", seconds=5)
    parts = cloud.send_traffic("guarded", datetime.now(UTC), 1000, seed=1)
    assert [part["config"] for part in parts] == ["guarded-old", "guarded-new-main"]
    cloudwatch.put_metric_data(Namespace="Test", MetricData=[{"MetricName": "Harm", "Value": 9}])
    wait_for(lambda: "FailureReason" in sagemaker.describe_endpoint(EndpointName="guarded"), seconds=15)
    endpoint = sagemaker.describe_endpoint(EndpointName="guarded")
    assert (endpoint["EndpointStatus"], endpoint["EndpointConfigName"]) == ("InService", "guarded-old")
    assert "harm" in endpoint["FailureReason"]


def test_planted_faults_are_seen_by_who_calls(cloud: Cloud) -> None:
    sagemaker = cloud.client("sagemaker")
    make_rollout(cloud, "faulty", declared={})
    cloud.plant_faults(
        throttle={"DescribeEndpoint": 1}, lose_answers={"UpdateEndpoint": 1}, fail_updates=["no capacity"]
    )
    try:
        with pytest.raises(ClientError, match=r"ThrottlingException.*Rate exceeded"):
            sagemaker.describe_endpoint(EndpointName="faulty")
        update = {"EndpointName": "faulty", "EndpointConfigName": "faulty-new"}
        with pytest.raises(ClientError, match="ServiceUnavailable"):
            sagemaker.update_endpoint(**update)
        with pytest.raises(ClientError, match="Cannot update in-progress endpoint"):  # the lost call was heard
            sagemaker.update_endpoint(**update)
        wait_for(lambda: "FailureReason" in sagemaker.describe_endpoint(EndpointName="faulty"), seconds=5)
        assert sagemaker.describe_endpoint(EndpointName="faulty")["EndpointConfigName"] == "faulty-old"
    finally:
        cloud.plant_faults()
    with pytest.raises(CloudError, match=r"refuses PUT faults: (?s:.*)Extra inputs"):
        cloud.plant_faults(trottle={})


def test_events_of_aws_services_reach_rules(cloud: Cloud) -> None:
    events, sqs = cloud.client("events"), cloud.client("sqs")
    url, arn = make_queue(sqs, "endpoint-changes")
    pattern = json.dumps({"source": ["aws.sagemaker"], "detail": {"EndpointStatus": ["IN_SERVICE"]}})
    events.put_rule(Name="endpoint-changes", EventPattern=pattern)
    events.put_targets(Rule="endpoint-changes", Targets=[{"Id": "queue", "Arn": arn}])
    detail = json.dumps({"EndpointStatus": "IN_SERVICE"})
    entry = {"Source": "aws.sagemaker", "DetailType": "SageMaker Endpoint State Change", "Detail": detail}
    assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    wait_for(lambda: queue_length(sqs, url) == 1, seconds=5)


def test_a_template_is_built_and_deployed_and_deployed_again_unchanged(cloud: Cloud, tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("def handler(event, context):\n    return 'hello ' + event['name']\n")
    template = tmp_path / "template.yaml"
    template.write_text(TEMPLATE)
    said: list[str] = []
    first = deploy(cloud, template=template, stack="greeting", progress=said.append)
    answer = cloud.client("lambda").invoke(FunctionName=first.outputs["Function"], Payload=b'{"name": "you"}')
    assert json.load(answer["Payload"]) == "hello you"
    assert first.outputs["Bucket"] in [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
    assert any("create complete: Greet" in line for line in said)
    assert deploy(cloud, template=template, stack="greeting", progress=said.append).outputs == first.outputs


def test_a_template_that_cannot_be_built_is_refused_with_what_sam_says(cloud: Cloud, tmp_path: Path) -> None:
    template = tmp_path / "template.yaml"
    template.write_text("Resources: {Greet: {Type: AWS::Serverless::Function}}")
    with pytest.raises(DeployError, match=r"`sam build` failed with status 1:(?s:.*)function: Greet"):
        deploy(cloud, template=template, stack="none", progress=lambda _: None)


def test_nothing_is_left_when_the_block_raises(tmp_path: Path) -> None:
    pids: tuple[int, int] = (0, 0)

    def fail() -> None:
        nonlocal pids
        with running_cloud(tmp_path) as running:
            pids = running.pids
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert living(pids) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock", "ministack.log", "sagemaker.log"]


def test_nothing_is_left_when_the_starter_is_killed(tmp_path: Path) -> None:
    """Function processes too, and the next start in the same folder is not held up by what a crash left."""
    script = f"""
import sys, time
from pathlib import Path
from local.cloud import running_cloud
from tests.integration.test_local_cloud import make_function
with running_cloud(Path({str(tmp_path)!r})) as cloud:
    make_function(cloud, "idle", [])
    cloud.client("lambda").invoke(FunctionName="idle", Payload=b"{{}}")
    print(flush=True)
    time.sleep(60)
"""
    starter = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    with starter:
        assert starter.stdout
        assert starter.stdout.readline(), "the starter failed"
        pids = open_cloud(tmp_path).pids
        assert len(living(pids)) >= 3
        os.kill(starter.pid, signal.SIGKILL)
    wait_for(lambda: living(pids) == [] and list((tmp_path / "tmp").iterdir()) == [], seconds=15)
    with pytest.raises(CloudError, match="is not up"):
        open_cloud(tmp_path)
    with running_cloud(tmp_path) as again:
        assert again.client("s3").list_buckets()["Buckets"] == []


def make_function(cloud: Cloud, name: str, statements: list[dict[str, Any]]) -> None:
    iam, packed = cloud.client("iam"), io.BytesIO()
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    if statements:
        policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    with zipfile.ZipFile(packed, "w") as code:
        code.writestr("app.py", FUNCTION)
    cloud.client("lambda").create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role=ROLE.format(name),
        Handler="app.handler",
        Code={"ZipFile": packed.getvalue()},
        Timeout=20,
    )
    buckets = [bucket["Name"] for bucket in cloud.client("s3").list_buckets()["Buckets"]]
    if "loop" not in buckets:
        cloud.client("s3").create_bucket(Bucket="loop")


def make_bucket_events_reach(cloud: Cloud, function: str, *, batch_size: int, window: int) -> None:
    s3, sqs, events = cloud.client("s3"), cloud.client("sqs"), cloud.client("events")
    s3.put_bucket_notification_configuration(Bucket="loop", NotificationConfiguration={"EventBridgeConfiguration": {}})
    _, dead = make_queue(sqs, "dead")
    redrive = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
    _, arn = make_queue(sqs, "work", VisibilityTimeout="2", RedrivePolicy=redrive)
    pattern = {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"object": {"key": [{"prefix": "in/"}]}},
    }
    events.put_rule(Name="loop", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="loop", Targets=[{"Id": "queue", "Arn": arn}])
    cloud.client("lambda").create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=arn,
        BatchSize=batch_size,
        MaximumBatchingWindowInSeconds=window,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )


def make_queue(sqs: Any, name: str, **attributes: str) -> tuple[str, str]:
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    return sqs.create_queue(QueueName=name, Attributes={"Policy": policy, **attributes})["QueueUrl"], arn


def ensure_endpoint(cloud: Cloud) -> None:
    """The endpoint `churn`: two echoing variants of equal weight, everything captured, CSV by its header."""
    sagemaker = cloud.client("sagemaker")
    if any(e["EndpointName"] == "churn" for e in sagemaker.list_endpoints(NameContains="churn")["Endpoints"]):
        return
    cloud.client("s3").create_bucket(Bucket="captures")
    container = {"Image": "none", "Environment": {"TRIMTAB_LOCAL_MODEL": "local.models:echo"}}
    for name in ("first", "second"):
        sagemaker.create_model(ModelName=name, ExecutionRoleArn=ROLE.format("model"), PrimaryContainer=container)
    sagemaker.create_endpoint_config(
        EndpointConfigName="both",
        ProductionVariants=[
            {"VariantName": variant, "ModelName": model, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
            for variant, model in (("blue", "first"), ("green", "second"))
        ],
        DataCaptureConfig={
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": "s3://captures/in",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        },
    )
    sagemaker.create_endpoint(EndpointName="churn", EndpointConfigName="both")


def make_rollout(cloud: Cloud, name: str, *, declared: dict[str, str]) -> None:
    """Endpoint NAME by config NAME-old; NAME-new adds a canary that behaves as declared, NAME-new-main is only that."""
    sagemaker = cloud.client("sagemaker")
    for model, environment in ((f"{name}-old", {}), (f"{name}-new", declared)):
        container = {"Image": "none", "Environment": {"TRIMTAB_LOCAL_MODEL": "local.models:echo", **environment}}
        sagemaker.create_model(ModelName=model, ExecutionRoleArn=ROLE.format("model"), PrimaryContainer=container)

    def config(suffix: str, **models: str) -> None:
        instances = {"InstanceType": "ml.c7i.large", "InitialInstanceCount": 2}
        variants = [{"VariantName": v, "ModelName": f"{name}-{model}", **instances} for v, model in models.items()]
        sagemaker.create_endpoint_config(EndpointConfigName=f"{name}-{suffix}", ProductionVariants=variants)

    config("old", main="old")
    config("new", main="old", canary="new")
    config("new-main", main="new")
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=f"{name}-old")


def make_event_log(cloud: Cloud, endpoint: str) -> Callable[[], list[str]]:
    """Gives the statuses that SageMaker's events about an endpoint have told by then."""
    events, sqs = cloud.client("events"), cloud.client("sqs")
    url, arn = make_queue(sqs, f"events-of-{endpoint}")
    pattern = {"source": ["aws.sagemaker"], "detail": {"EndpointName": [endpoint]}}
    events.put_rule(Name=f"events-of-{endpoint}", EventPattern=json.dumps(pattern))
    events.put_targets(Rule=f"events-of-{endpoint}", Targets=[{"Id": "queue", "Arn": arn}])
    told: list[str] = []

    def statuses() -> list[str]:
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
                told.append(json.loads(message["Body"])["detail"]["EndpointStatus"])
        return told

    return statuses


def minute_sums(
    cloudwatch: Any, endpoint: str, variant: str, start: datetime, end: datetime
) -> list[tuple[datetime, int, int]]:
    """Requests and errors of each minute that has any requests."""
    dimensions = [{"Name": "EndpointName", "Value": endpoint}, {"Name": "VariantName", "Value": variant}]
    queries = [
        {
            "Id": name,
            "MetricStat": {
                "Metric": {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": dimensions},
                "Period": 60,
                "Stat": "Sum",
            },
        }
        for name, metric in (("requests", "Invocations"), ("errors", "InvocationModelErrors"))
    ]
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=queries, StartTime=start, EndTime=end, ScanBy="TimestampAscending"
    )
    requests, errors = (result["Values"] for result in answer["MetricDataResults"])
    return list(zip(answer["MetricDataResults"][0]["Timestamps"], map(int, requests), map(int, errors), strict=True))


def scalable(endpoint: str, variant: str) -> dict[str, str]:
    """A variant as a scalable target."""
    resource = f"endpoint/{endpoint}/variant/{variant}"
    dimension = "sagemaker:variant:DesiredInstanceCount"
    return {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": dimension}


def keys(s3: Any, bucket: str, prefix: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])]


def queue_length(sqs: Any, url: str) -> int:
    name = "ApproximateNumberOfMessages"
    return int(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"][name])


def living(groups: tuple[int, int]) -> list[str]:
    """The processes of these process groups that are not zombies."""
    listed = subprocess.run(["ps", "-A", "-o", "pgid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    fields = [line.split(None, 2) for line in listed.splitlines()]
    return [" ".join(f) for f in fields if int(f[0]) in groups and not f[1].startswith("Z")]


def has(program: str) -> bool:
    return any((Path(folder) / program).exists() for folder in os.environ.get("PATH", "").split(os.pathsep))


def wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)
