import gzip
import json
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from trimtab.aws.golden_requests import NoGoldenRequestsError, read_golden

pytestmark = pytest.mark.usefixtures("aws")

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)
CAPTURES = {"DataCaptureConfig": {"EnableCapture": True, "DestinationS3Uri": "s3://state/prefix/"}}


def line(body):
    side = {"observedContentType": "text/csv", "mode": "INPUT", "data": body, "encoding": "CSV"}
    return json.dumps(
        {"captureData": {"endpointInput": side}, "eventMetadata": {"inferenceTime": "2026-11-20T00:00:00Z"}}
    ).encode()


def put(key, *bodies, pack=bytes):
    boto3.client("s3").put_object(Bucket="state", Key=key, Body=pack(b"\n".join(line(body) for body in bodies)))


def read(uri=None, config=CAPTURES, most=20):
    cases, source = read_golden(uri, config, "churn", "AllTraffic", most, NOW)
    return [case.body for case in cases], source


def test_the_newest_capture_of_the_variant_is_golden():
    put("prefix/churn/AllTraffic/2026/11/19/23/59-00-000-a.jsonl", "1")
    put("prefix/churn/AllTraffic/2026/11/18/10/00-00-000-b.jsonl", "2")
    put("prefix/churn/Canary/2026/11/20/08/00-00-000-c.jsonl", "3")
    put("prefix/churn/AllTraffic/2026/11/19/23/58-00-000-d.jsonl", "4")
    assert read() == ([b"1"], "s3://state/prefix/churn/AllTraffic/2026/11/19/23/59-00-000-a.jsonl")


def test_a_named_file_goes_before_also_when_it_is_compressed():
    put("golden/a.jsonl.gz", "1", "2", "3", pack=gzip.compress)
    assert read("s3://state/golden/a.jsonl.gz", config={}, most=2) == ([b"1", b"2"], "s3://state/golden/a.jsonl.gz")


@pytest.mark.parametrize(
    ("uri", "config", "reason"),
    [
        (None, {}, "captures no data"),
        (None, CAPTURES, "has no capture of the last 7 days"),
        ("s3://state/nothing.jsonl", CAPTURES, "does not exist"),
        (None, {"DataCaptureConfig": {"EnableCapture": True, "DestinationS3Uri": "s3://nowhere"}}, "s3://nowhere"),
    ],
)
def test_why_there_are_none_is_said(uri, config, reason):
    put(f"prefix/churn/AllTraffic/{NOW - timedelta(days=9):%Y/%m/%d/%H}/a.jsonl", "1")
    with pytest.raises(NoGoldenRequestsError, match=reason):
        read(uri, config)
