"""Shuffled and duplicated captures, and workers that are killed at random: the counts are those of one clean pass."""

import os
import random
from collections import defaultdict
from datetime import datetime
from pathlib import Path

import pytest

from local.capture_objects import CaptureObject, write
from local.dataset import part
from local.history import replay
from tests.integration.deployed import HOUR, ROWS_AN_HOUR, START, Deployed, traffic, wait_for
from tests.integration.killing import workers_killed
from trimtab.capture.decode import decode
from trimtab.capture.keys import parse_capture_key
from trimtab.capture.layout import Layout
from trimtab.capture.objects import fold_object
from trimtab.capture.pack import ObjectId, ObjectProfile, decode_pack, encode_pack, parse_pack_key, union

pytestmark = pytest.mark.integration

OBJECTS = int(os.environ.get("TRIMTAB_LOST_WORKERS_OBJECTS", "1500"))
"""So many capture objects in all. The figure in docs/performance.md is for 10,000."""
ENDPOINTS = ("survivor-a", "survivor-b", "survivor-c")
ROWS_AN_OBJECT = 3
DUPLICATED = 0.3


def counts(entries: dict[datetime, list[ObjectProfile]]) -> dict[datetime, bytes]:
    """The counts of each hour as bytes, without when and in which version an object was read."""
    return {
        hour: encode_pack(
            ObjectProfile(ObjectId(entry.object.bucket, entry.object.key, "", ""), entry.profile, entry.records)
            for entry in objects
        )
        for hour, objects in sorted(entries.items())
    }


def clean_pass(bucket: str, objects: list[CaptureObject]) -> dict[datetime, bytes]:
    """What the same code makes of every object once, in order, in this process."""
    hours: dict[datetime, list[ObjectProfile]] = defaultdict(list)
    for item in objects:
        key = parse_capture_key(item.key)
        assert key
        folded = fold_object(ObjectId(bucket, item.key, "", ""), decode([item.body], Layout()), None, key.hour)
        for hour, entry in folded.hours.items():
            hours[hour].append(entry)
    return counts(hours)


def stored(stack: Deployed, endpoint: str) -> dict[datetime, bytes]:
    packs: dict[datetime, list[list[ObjectProfile]]] = defaultdict(list)
    for key, body in stack.objects(stack.state_bucket, f"profiles/{endpoint}/"):
        pack = parse_pack_key(key)
        assert pack
        packs[pack.hour].append(decode_pack(body))
    return counts({hour: union(each) for hour, each in packs.items()})


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the workers by /proc")
def test_lost_workers_lose_and_double_nothing(stack: Deployed) -> None:
    rng = random.Random(2)
    each = OBJECTS // len(ENDPOINTS)
    history = {
        endpoint: list(
            replay(
                part(traffic(each * ROWS_AN_OBJECT // ROWS_AN_HOUR + 1, seed), 0, each * ROWS_AN_OBJECT),
                endpoint=endpoint,
                destination=f"s3://{stack.capture_bucket}/captures",
                start=START,
                span=24 * HOUR,
                rotation=24 * HOUR / each,
            )
        )
        for seed, endpoint in enumerate(ENDPOINTS)
    }
    deliveries = [item for objects in history.values() for item in objects]
    deliveries += rng.sample(deliveries, round(DUPLICATED * len(deliveries)))
    rng.shuffle(deliveries)
    with (
        stack.failed_messages_return_after(15, "CaptureQueue"),
        workers_killed(stack.cloud, stack.function("profile_capture"), every=(0.5, 3.0), times=12) as killed,
    ):
        write(deliveries, stack.cloud.client("s3"), stack.capture_bucket)
        wait_for(lambda: stack.is_empty("CaptureQueue"), 60 + OBJECTS / 25, "the queue to be empty")
    assert killed, "no worker was killed: the test proves nothing"
    for endpoint, objects in history.items():
        assert stored(stack, endpoint) == clean_pass(stack.capture_bucket, objects), endpoint
    dead = stack.cloud.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs["CaptureDeadLetterQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert dead["Attributes"]["ApproximateNumberOfMessages"] == "0"
