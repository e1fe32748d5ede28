"""Model quality on the deployed template: from captures with an inference id and ground truth in S3 to a verdict."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from local.capture_objects import CaptureObject
from tests.integration.deployed import HOUR, START, VARIANT, Deployed, traffic, wait_for

pytestmark = pytest.mark.integration

SETTINGS = {"quality": {"positive": "1", "window_rows": 1000, "label_delay_hours": 1}}


def test_answers_are_estimated_before_their_labels_come_and_judged_by_them_after(stack: Deployed) -> None:
    stack.put_settings("judged", json.dumps(SETTINGS))
    captured = [with_inference_ids(each) for each in stack.captures("judged", traffic(3, seed=8))]
    stack.deliver("judged", captured)
    stack.judge_hours("judged", range(3))
    upload_labels(stack, captured[1], hour=2)
    judge(stack, hours=3)
    assert [(each["basis"], each["verdict"]) for each in verdicts(stack)] == [
        ("realised", "INSUFFICIENT_DATA"),  # there was nothing to compare with: it is the reference
        ("estimated", "OK"),
    ]
    upload_labels(stack, captured[2], hour=3)
    estimated = verdicts(stack)[1]["metrics"]["accuracy"]
    judge(stack, hours=5)
    realised = json.loads(dict(documents(stack))["2026-03-02T02"])
    assert (realised["basis"], realised["verdict"], realised["labels"]["share"]) == ("realised", "OK", 1)
    assert estimated["lower"] <= realised["metrics"]["accuracy"]["value"] <= estimated["upper"]
    wait_for(lambda: len(stack.findings("judged")) == 2, 20, "the finding about the reference")
    assert "1,100 labelled rows" in stack.findings("judged")[1]["title"]


def with_inference_ids(captured: CaptureObject) -> CaptureObject:
    """The capture file of requests that were sent with an inference id each."""
    lines = [json.loads(line) for line in captured.body.splitlines()]
    for line in lines:
        line["eventMetadata"]["inferenceId"] = f"order-{line['eventMetadata']['eventId']}"
    return replace(captured, body=b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def upload_labels(stack: Deployed, captured: CaptureObject, hour: int) -> None:
    """Ground truth for the requests of a file, as likely as their scores say, and wait until it is kept."""
    rng, lines = np.random.default_rng(hour), []
    for line in map(json.loads, captured.body.splitlines()):
        score = float(line["captureData"]["endpointOutput"]["data"])
        label = {"data": str(int(rng.random() < score)), "encoding": "CSV"}
        event = {"eventId": line["eventMetadata"]["inferenceId"]}
        lines.append(json.dumps({"groundTruthData": label, "eventMetadata": event, "eventVersion": "0"}))
    collected = START + hour * HOUR + timedelta(minutes=1)
    key = f"ground-truth/judged/{collected:%Y/%m/%d/%H}/labels.jsonl"
    stack.cloud.client("s3").put_object(Bucket=stack.capture_bucket, Key=key, Body="\n".join(lines).encode())
    prefix = f"labels/judged/{collected:%Y/%m/%d/%H}/"
    wait_for(lambda: bool(list(stack.objects(stack.state_bucket, prefix))), 30, "the labels to be kept")


def judge(stack: Deployed, hours: int) -> None:
    stack.invoke("judge_quality", {"endpoint": "judged", "until": (START + hours * HOUR).isoformat()})


def documents(stack: Deployed) -> list[tuple[str, bytes]]:
    """What is stored of the quality of the answers, by its name."""
    prefix = f"quality/judged/{VARIANT}/"
    found = stack.objects(stack.state_bucket, prefix)
    return [(key.removeprefix(prefix).partition(".")[0], body) for key, body in found]


def verdicts(stack: Deployed) -> list[dict[str, Any]]:
    """The series of verdicts."""
    entries: list[dict[str, Any]] = json.loads(dict(documents(stack))["series"])["entries"]
    return entries
