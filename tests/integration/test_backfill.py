"""Old captures on the deployed stack: the state machine of the backfill profiles them, and does so only once.

The captures lie in the stack's bucket with its events switched off, as captures of before the stack do.
"""

import csv
import gzip
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from local.capture_objects import CaptureObject, write
from local.history import replay
from tests.integration.deployed import HOUR, ROWS_AN_HOUR, START, VARIANT, Deployed, traffic, wait_for
from trimtab.capture.pack import decode_pack, encode_pack, trim_samples, union
from trimtab.settings import EndpointSettings

pytestmark = pytest.mark.integration

HOURS = 6
ROTATION = timedelta(minutes=1)


def old_captures(stack: Deployed, endpoint: str, hours: int = HOURS) -> list[CaptureObject]:
    """Captures of some hours, a file a minute, of which no event tells."""
    made = list(
        replay(
            traffic(hours),
            endpoint=endpoint,
            destination=f"s3://{stack.capture_bucket}/old",
            start=START,
            span=hours * HOUR,
            rotation=ROTATION,
        )
    )
    with events_off(stack):
        write(made, stack.cloud.client("s3"), stack.capture_bucket)
    return made


@contextmanager
def events_off(stack: Deployed) -> Iterator[None]:
    s3, on = stack.cloud.client("s3"), {"EventBridgeConfiguration": {}}
    s3.put_bucket_notification_configuration(Bucket=stack.capture_bucket, NotificationConfiguration={})
    try:
        yield
    finally:
        s3.put_bucket_notification_configuration(Bucket=stack.capture_bucket, NotificationConfiguration=on)


@contextmanager
def no_waits_between_retries(stack: Deployed) -> Iterator[None]:
    def scale(factor: float) -> None:
        body = json.dumps({"stepfunctions._SFN_WAIT_SCALE": factor}).encode()
        urlopen(Request(f"{stack.cloud.endpoint_url}/_ministack/config", body, method="POST")).close()

    scale(0)
    try:
        yield
    finally:
        scale(1)


@contextmanager
def no_packs_of_hour(stack: Deployed, endpoint: str, hour: int) -> Iterator[None]:
    """Nobody may write packs of one hour, as when a policy is wrong."""
    s3 = stack.cloud.client("s3")
    before = s3.get_bucket_policy(Bucket=stack.state_bucket)["Policy"]
    policy = json.loads(before)
    folder = f"profiles/{endpoint}/{VARIANT}/{START + hour * HOUR:%Y/%m/%d/%H}"
    denied = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}
    policy["Statement"].append(denied | {"Resource": f"arn:aws:s3:::{stack.state_bucket}/{folder}/*"})
    s3.put_bucket_policy(Bucket=stack.state_bucket, Policy=json.dumps(policy))
    try:
        yield
    finally:
        s3.put_bucket_policy(Bucket=stack.state_bucket, Policy=before)


def start(stack: Deployed, endpoint: str, **more: object) -> str:
    given = {"bucket": stack.capture_bucket, "prefix": f"old/{endpoint}/", **more}
    answer = stack.cloud.client("stepfunctions").start_execution(
        stateMachineArn=stack.outputs["BackfillStateMachineArn"], input=json.dumps(given)
    )
    arn: str = answer["executionArn"]
    return arn


def end_of(stack: Deployed, execution: str) -> Mapping[str, str]:
    client = stack.cloud.client("stepfunctions")
    wait_for(lambda: client.describe_execution(executionArn=execution)["status"] != "RUNNING", 90, "the backfill")
    answer: Mapping[str, str] = client.describe_execution(executionArn=execution)
    return answer


def backfill(stack: Deployed, endpoint: str, **more: object) -> Mapping[str, str]:
    ended = end_of(stack, start(stack, endpoint, **more))
    assert ended["status"] == "SUCCEEDED", ended
    return ended


def hours(stack: Deployed, endpoint: str) -> dict[str, bytes]:
    """Each hour's packs as one."""
    packs: dict[str, list[bytes]] = {}
    for key, body in stack.objects(stack.state_bucket, f"profiles/{endpoint}/{VARIANT}/"):
        packs.setdefault("/".join(key.split("/")[3:7]), []).append(body)
    most = EndpointSettings().sample_rows
    return {hour: encode_pack(trim_samples(union(map(decode_pack, bodies)), most)) for hour, bodies in packs.items()}


def profiled_keys(stack: Deployed, endpoint: str) -> set[str]:
    return {entry.object.key for entry in stack.profiled(endpoint)}


@pytest.fixture(scope="module")
def clean(stack: Deployed) -> tuple[list[CaptureObject], dict[str, bytes]]:
    """Captures that were backfilled once without trouble, and what became of them."""
    made = old_captures(stack, "attic")
    assert len(made) > 300
    ended = backfill(stack, "attic")
    assert json.loads(ended["output"])["objects"] == {"Total": len(made), "Succeeded": len(made)}
    return made, hours(stack, "attic")


def test_every_row_of_every_old_capture_is_profiled(stack, clean):
    made, _ = clean
    entries = stack.profiled("attic")
    assert {entry.object.key for entry in entries} == {item.key for item in made}
    assert sum(entry.profile.rows for entry in entries) == HOURS * ROWS_AN_HOUR


def test_people_are_told_once_it_has_ended(stack, clean):
    made, _ = clean
    wait_for(lambda: bool(stack.findings("")), 10, "the finding")
    [finding] = [each for each in stack.findings("") if each["evidence"].get("prefix") == "old/attic/"]
    assert (finding["kind"], finding["severity"], finding["state"]) == ("self", "info", "raised")
    assert finding["evidence"]["objects"] == finding["evidence"]["objects_profiled"] == len(made)
    bucket, _, key = finding["links"]["results"].removeprefix("s3://").partition("/")
    manifest = json.loads(stack.cloud.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    assert key.startswith("backfill/")
    assert manifest["ResultFiles"]["FAILED"] == []


def test_doing_it_again_changes_nothing(stack, clean):
    _, before = clean
    backfill(stack, "attic")
    assert hours(stack, "attic") == before


def test_history_is_judged_from_its_beginning(stack, clean):
    made, _ = clean
    assert made[0].first_time < START + HOUR

    def judged() -> bool:
        stack.judge("attic", START + HOURS * HOUR)
        return len(stack.verdicts("attic")) == HOURS - 1

    # the first hour becomes the reference, for which the others are profiled again
    wait_for(judged, 60, "the verdicts")
    assert stack.verdicts("attic") == dict.fromkeys(range(1, HOURS), "OK")


def test_an_inventory_does_as_well_as_a_listing(stack):
    made = old_captures(stack, "cellar", hours=2)
    s3, rows = stack.cloud.client("s3"), io.StringIO()
    writer = csv.writer(rows, quoting=csv.QUOTE_ALL)
    writer.writerows((stack.capture_bucket, item.key, len(item.body)) for item in made)
    manifest = {
        "sourceBucket": stack.capture_bucket,
        "destinationBucket": f"arn:aws:s3:::{stack.capture_bucket}",
        "version": "2016-11-30",
        "fileFormat": "CSV",
        "fileSchema": "Bucket, Key, Size",
        "files": [{"key": "inventory/data.csv.gz", "size": 1, "MD5checksum": ""}],
    }
    with events_off(stack):
        body = gzip.compress(rows.getvalue().encode())
        s3.put_object(Bucket=stack.capture_bucket, Key="inventory/data.csv.gz", Body=body)
        s3.put_object(Bucket=stack.capture_bucket, Key="inventory/manifest.json", Body=json.dumps(manifest))
    backfill(stack, "cellar", inventory={"bucket": stack.capture_bucket, "key": "inventory/manifest.json"})
    assert profiled_keys(stack, "cellar") == {item.key for item in made}


def test_a_run_that_failed_is_redriven_and_ends_as_if_nothing_had_been(stack):
    made = old_captures(stack, "loft", hours=3)
    with no_waits_between_retries(stack), no_packs_of_hour(stack, "loft", 2):
        execution = start(stack, "loft")
        ended = end_of(stack, execution)
    assert (ended["status"], ended["error"]) == ("FAILED", "States.ExceedToleratedFailureThreshold")
    partly = profiled_keys(stack, "loft")
    assert 0 < len(partly) < len(made)
    stack.cloud.client("stepfunctions").redrive_execution(executionArn=execution)
    assert end_of(stack, execution)["status"] == "SUCCEEDED"
    assert profiled_keys(stack, "loft") == {item.key for item in made}
    once_more = hours(stack, "loft")
    backfill(stack, "loft")
    assert hours(stack, "loft") == once_more


def test_a_run_that_was_stopped_is_redriven(stack):
    made, client = old_captures(stack, "shed"), stack.cloud.client("stepfunctions")
    execution = start(stack, "shed", concurrency=1)
    wait_for(lambda: bool(profiled_keys(stack, "shed")), 30, "the first packs")
    client.stop_execution(executionArn=execution)
    [run] = client.list_map_runs(executionArn=execution)["mapRuns"]
    wait_for(
        lambda: client.describe_map_run(mapRunArn=run["mapRunArn"])["status"] != "RUNNING", 30, "the last batch to end"
    )
    assert client.describe_execution(executionArn=execution)["status"] == "ABORTED"
    assert len(profiled_keys(stack, "shed")) < len(made)
    client.redrive_execution(executionArn=execution)
    assert end_of(stack, execution)["status"] == "SUCCEEDED"
    assert profiled_keys(stack, "shed") == {item.key for item in made}
    with pytest.raises(ClientError, match="ExecutionNotRedrivable"):
        client.redrive_execution(executionArn=execution)
