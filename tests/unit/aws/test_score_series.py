"""The score series in the state bucket: whatever write is lost, the next run makes it good."""

import json
from datetime import UTC, datetime, timedelta

import boto3
import numpy as np
import pytest
from moto import mock_aws

from trimtab.aws import clients, state_bucket
from trimtab.aws.score_series import ScoreSeries
from trimtab.capture.pack import profile_document
from trimtab.capture.profile import ColumnProfile, Profile

START = datetime(2026, 11, 20, tzinfo=UTC)
HOUR = timedelta(hours=1)
KEY = "series/churn/AllTraffic.json"


@pytest.fixture(autouse=True)
def bucket():
    with mock_aws():
        clients.client.cache_clear()
        where = {"LocationConstraint": "eu-west-1"}
        boto3.client("s3").create_bucket(Bucket="state", CreateBucketConfiguration=where)
        yield


def document(hour, verdict="OK", rows=1000, **more):
    start = START + hour * HOUR
    window = {"start": start.isoformat(), "end": (start + HOUR).isoformat(), "rows": rows}
    return {
        "window": window,
        "verdict": verdict,
        "state": "cleared",
        "since": None,
        "coverage": {"share": 1.0},
        "reference": {"grid": "g"},
        "columns": {"x": {"psi_adjusted": 0.01}},
        "drifted": [],
        **more,
    }


def store(*documents):
    for each in documents:
        start = datetime.fromisoformat(each["window"]["start"])
        state_bucket.write_window("state", "churn", "AllTraffic", start, each)


def series(until=START + 100 * HOUR):
    return ScoreSeries("state", "churn", "AllTraffic", until)


def entered():
    body = boto3.client("s3").get_object(Bucket="state", Key=KEY)["Body"].read()
    return [(entry["start"][11:13], entry["verdict"]) for entry in json.loads(body)["windows"]]


def test_a_variant_never_judged_has_no_scores():
    assert series().scores == ()


def test_every_window_is_entered_and_read_back():
    run = series()
    for each in (document(0), document(1, "WARN")):
        store(each)
        run.add(each)
    assert entered() == [("00", "OK"), ("01", "WARN")]
    assert series().scores == run.scores


def test_a_lost_write_is_made_good_by_the_next_window():
    store(document(0))
    series().add(document(0))
    store(document(1), document(2))  # the run ended before the series was written
    series().add(document(2))
    assert [hour for hour, _ in entered()] == ["00", "01", "02"]


def test_a_window_judged_again_is_entered_though_the_write_was_lost():
    store(document(0), document(1))
    run = series()
    run.add(document(1))
    written = boto3.client("s3").head_object(Bucket="state", Key=KEY)["LastModified"]
    store(document(0, "ALERT", rows=4000))
    assert (
        boto3.client("s3").head_object(Bucket="state", Key="windows/churn/AllTraffic/2026-11-20T00.json")[
            "LastModified"
        ]
        >= written
    )
    assert [(each.verdict.value, each.rows) for each in series().scores] == [("ALERT", 4000), ("OK", 1000)]


def test_a_series_that_was_deleted_comes_back_whole():
    run = series()
    for each in map(document, range(3)):
        store(each)
        run.add(each)
    boto3.client("s3").delete_object(Bucket="state", Key=KEY)
    store(document(3))
    series().add(document(3))
    assert [hour for hour, _ in entered()] == ["00", "01", "02", "03"]


def test_windows_older_than_ninety_days_are_not_read():
    store(document(0), document(24))
    assert [each.start for each in series(until=START + 90 * 24 * HOUR + HOUR).scores] == [START + 24 * HOUR]


def test_only_what_is_new_is_read(monkeypatch):
    for each in map(document, range(3)):
        store(each)
    series().add(document(2))
    read = []
    monkeypatch.setattr(state_bucket, "read_window", lambda *key: read.append(key[-1]))
    # stored in the same second as the series was written, so that it may have been after
    boto3.client("s3").copy_object(Bucket="state", Key=KEY, CopySource=f"state/{KEY}", MetadataDirective="REPLACE")
    monkeypatch.setattr(state_bucket, "windows_stored", lambda *_: {START + i * HOUR: START for i in range(4)})
    assert len(series().scores) == 3
    assert read == [START + 3 * HOUR]


def test_counts_of_past_windows_are_read_where_they_were_kept():
    profile = Profile("g", 3, {"x": ColumnProfile(np.array([0, 3, 0]), minimum=1.0, maximum=2.0, total=4.0)})
    store(document(0, profile=profile_document(profile)), document(1))
    found = series().profiles([START, START + HOUR, START + 2 * HOUR])
    assert list(found) == [START]
    assert profile_document(found[START]) == profile_document(profile)
