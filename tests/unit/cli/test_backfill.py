import json

import boto3
import pytest
from moto import mock_aws

from trimtab.aws import clients
from trimtab.cli.main import main

BUCKET = "captures"
STACK = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {"BackfillStateMachineArn": {"Value": {"Fn::Sub": "${Arn}"}}},
    "Parameters": {"Arn": {"Type": "String"}},
}


@pytest.fixture
def s3():
    with mock_aws():
        clients.client.cache_clear()
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client
        clients.client.cache_clear()


@pytest.fixture
def state_machine(s3):  # noqa: ARG001 - only moto need be on
    """A deployed stack's state machine."""
    arn = boto3.client("stepfunctions").create_state_machine(
        name="trimtab-backfill",
        definition=json.dumps({"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 9, "End": True}}}),
        roleArn="arn:aws:iam::123456789012:role/backfill",
    )["stateMachineArn"]
    boto3.client("cloudformation").create_stack(
        StackName="trimtab",
        TemplateBody=json.dumps(STACK),
        Parameters=[{"ParameterKey": "Arn", "ParameterValue": arn}],
    )
    return arn


def put(s3, number, folder="in/churn/AllTraffic/2024/01/31/{hour:02}", **how):
    for i in range(number):
        key = f"{folder.format(hour=i % 24)}/{i:05}.jsonl"
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"x" * 10, **how)


def executions(state_machine):
    client = boto3.client("stepfunctions")
    listed = client.list_executions(stateMachineArn=state_machine)["executions"]
    return [json.loads(client.describe_execution(executionArn=each["executionArn"])["input"]) for each in listed]


def test_lists_all_pages_and_starts_nothing(s3, state_machine, capsys):
    put(s3, 1001)
    s3.put_object(Bucket=BUCKET, Key="in/readme.txt", Body=b"")
    assert main(["backfill", f"s3://{BUCKET}/in/", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    estimate = document.pop("estimate")
    assert document == {
        "objects": 1001,
        "bytes": 10010,
        "manifests": 0,
        "others": 1,
        "archived": 0,
        "endpoints": ["churn"],
        "hours": 24,
        "first": "2024-01-31T00Z",
        "last": "2024-01-31T23Z",
        "execution": None,
    }
    assert 0 < estimate["usd"][0] <= estimate["usd"][1]
    assert executions(state_machine) == []


def test_starts_the_stacks_state_machine_when_told_to(s3, state_machine, capsys):
    put(s3, 3)
    assert main(["backfill", f"s3://{BUCKET}/in/churn/", "--start", "--concurrency", "5"]) == 0
    assert executions(state_machine) == [{"bucket": BUCKET, "prefix": "in/churn/", "concurrency": 5}]
    assert "Started: arn:aws:states:" in capsys.readouterr().out


def test_prints_what_there_is_and_what_it_costs(s3, capsys):
    put(s3, 2)
    put(s3, 1, folder="in/fraud/AllTraffic/2024/02/01/{hour:02}", StorageClass="GLACIER")
    s3.put_object(Bucket=BUCKET, Key="in/readme.txt", Body=b"")
    assert main(["backfill", f"s3://{BUCKET}/in"]) == 0
    said = capsys.readouterr().out
    assert "3 captures, 3e-08 GB, of 2 endpoints in 3 hours from 2024-01-31T00Z to 2024-02-01T00Z" in said
    assert "skipped: 1 object." in said
    assert "Archived, to be quarantined unless restored before: 1 capture." in said
    assert "Lambda GB-seconds" in said
    assert "Nothing was started" in said


def test_captures_of_batch_transforms_are_something_to_profile(s3, state_machine, capsys):
    for side in ("input", "output"):
        s3.put_object(Bucket=BUCKET, Key=f"in/churn-batch/{side}/2024/01/31/00/m.json", Body=b"[]")
    assert main(["backfill", f"s3://{BUCKET}/in/churn-batch/", "--start"]) == 0
    assert "2 manifests: the data files that they name are profiled, too" in capsys.readouterr().out
    assert len(executions(state_machine)) == 1


@pytest.mark.parametrize("prefix", ["/some/folder", "s3://", "in/churn"])
@pytest.mark.usefixtures("s3")
def test_an_address_that_is_none_is_refused(prefix, capsys):
    assert main(["backfill", prefix]) == 2
    assert "s3://bucket/prefix" in capsys.readouterr().err


def test_a_prefix_without_captures_is_refused(s3, state_machine, capsys):
    s3.put_object(Bucket=BUCKET, Key="in/readme.txt", Body=b"")
    assert main(["backfill", f"s3://{BUCKET}/in", "--start"]) == 2
    assert "no captures among 1 object" in capsys.readouterr().err
    assert executions(state_machine) == []


@pytest.mark.usefixtures("s3")
def test_a_bucket_that_is_not_there_is_named(capsys):
    assert main(["backfill", "s3://nobodys/in"]) == 2
    assert "s3://nobodys/in" in capsys.readouterr().err


@pytest.mark.parametrize("stack", ["elsewhere", "old"])
def test_a_stack_without_the_backfill_is_named(s3, stack, capsys):
    put(s3, 1)
    template = json.dumps({"Resources": STACK["Resources"]})
    boto3.client("cloudformation").create_stack(StackName="old", TemplateBody=template)
    assert main(["backfill", f"s3://{BUCKET}/in", "--start", "--stack", stack]) == 2
    assert stack in capsys.readouterr().err
