import json
import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.capture_objects import CaptureObject
from local.dataset import DataSet, load_dataset, part
from local.faults import Duplicated, Nulls, Reordered, Shift
from local.history import Encoding, replay

START = datetime(2026, 1, 1, tzinfo=UTC)
LOANS = part(load_dataset("car_loan"), 0, 300)
KEY = re.compile(
    r"caps/loans/blue/(\d{4}/\d\d/\d\d/\d\d)/(\d\d-\d\d-\d{3})-[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab].{16}\.jsonl"
)


@pytest.fixture(scope="module")
def loans() -> DataSet:
    return LOANS


def played(dataset: DataSet, **options: object) -> list[CaptureObject]:
    settings = {"endpoint": "loans", "variant": "blue", "destination": "s3://bucket/caps/", **options}
    return list(replay(dataset, **settings))  # type: ignore[arg-type]


def records_of(objects: list[CaptureObject]) -> list[dict[str, dict[str, dict[str, str]]]]:
    return [json.loads(line) for item in objects for line in item.body.decode().splitlines()]


def test_a_record_is_the_row_at_its_own_time(loans: DataSet) -> None:
    item = played(loans)[1]
    assert item.first_time == datetime(2018, 10, 30, 18, 8, 43, 152000, tzinfo=UTC)
    assert item.key.startswith("caps/loans/blue/2018/10/30/18/08-43-152-")
    record = json.loads(item.body)
    assert record["captureData"] == {
        "endpointInput": {
            "observedContentType": "text/csv",
            "mode": "INPUT",
            "data": "52425.0,20K - 40K €,0.6721834686006466,20.0,False,40%,4.963102897846603",
            "encoding": "CSV",
        },
        "endpointOutput": {
            "observedContentType": "text/csv; charset=utf-8",
            "mode": "OUTPUT",
            "data": "0.98,1",
            "encoding": "CSV",
        },
    }
    assert record["eventMetadata"]["inferenceTime"] == "2018-10-30T18:08:43Z"


@given(hours=st.floats(0.05, 200), rotation=st.floats(1, 3600), per_request=st.integers(1, 40))
@settings(max_examples=20, deadline=None)
def test_every_request_is_in_one_file_of_its_rotation(hours: float, rotation: float, per_request: int) -> None:
    objects = played(
        part(LOANS, 0, 100),
        start=START,
        span=timedelta(hours=hours),
        rotation=timedelta(seconds=rotation),
        rows_per_request=per_request,
    )
    records = records_of(objects)
    assert len(records) == sum(item.records for item in objects) == -(-100 // per_request)
    assert "\n".join(r["captureData"]["endpointInput"]["data"] for r in records).count("\n") == 99
    assert len({r["eventMetadata"]["eventId"] for r in records}) == len(records)
    assert len({item.key for item in objects}) == len(objects)
    for item, following in pairwise(objects):
        assert following.first_time - item.first_time >= timedelta(seconds=rotation)
    for item in objects:
        match = KEY.fullmatch(item.key)
        assert match
        assert match[1] == f"{item.first_time:%Y/%m/%d/%H}"
        times = [datetime.fromisoformat(r["eventMetadata"]["inferenceTime"]) for r in records_of([item])]
        assert times == sorted(times)
        assert times[-1] - times[0] <= timedelta(seconds=rotation + 1)
        assert item.arrival == item.first_time + timedelta(seconds=rotation)


@pytest.mark.parametrize(
    ("encoding", "marked", "content_type"),
    [
        ("CSV", "CSV", "text/csv"),
        ("JSON", "JSON", "application/json"),
        ("JSONLINES", "JSON", "application/jsonlines"),
        ("BASE64", "BASE64", "text/csv"),
    ],
)
def test_encodings_are_marked_as_sagemaker_does(
    loans: DataSet, encoding: Encoding, marked: str, content_type: str
) -> None:
    record = records_of(played(loans, encoding=encoding, rows_per_request=2))[0]
    asked, answered = record["captureData"]["endpointInput"], record["captureData"]["endpointOutput"]
    assert asked["encoding"] == answered["encoding"] == marked
    assert asked["observedContentType"] == content_type
    if encoding == "JSON":
        assert [row["loan_length"] for row in json.loads(asked["data"])["instances"]] == [21.0, 20.0]
        assert json.loads(answered["data"])["predictions"][1] == {"y_pred_proba": 0.98, "y_pred": 1}
    elif encoding == "JSONLINES":
        assert [json.loads(line)["loan_length"] for line in asked["data"].split("\n")] == [21.0, 20.0]
    else:
        text = b64decode(answered["data"]).decode() if encoding == "BASE64" else answered["data"]
        assert text == "0.99,1\n0.98,1"


def test_a_seed_gives_the_same_bytes_and_nothing_else_shares_an_id(loans: DataSet) -> None:
    def ids(objects: list[CaptureObject]) -> set[str]:
        return {record["eventMetadata"]["eventId"] for record in records_of(objects)}  # type: ignore[misc]

    faults = [Nulls("car_value", 10, 0.5), Reordered()]
    assert played(loans, seed=1, faults=faults) == played(loans, seed=1, faults=faults)
    once = ids(played(loans))
    assert once == ids(played(part(loans, 0, 100))) | ids(played(part(loans, 100, 300)))
    for other in ({"seed": 1}, {"variant": "green"}, {"endpoint": "cars"}, {"start": START}):
        assert once.isdisjoint(ids(played(loans, **other)))


def test_faults_of_rows_and_of_files_are_planted(loans: DataSet) -> None:
    clean = played(loans)
    faulty = played(loans, faults=[Shift("car_value", 150, 2.0), Duplicated(0.5)])
    assert len(faulty) > len(clean)
    by_key = {item.key: item.body for item in faulty}
    assert by_key.keys() == {item.key for item in clean}
    unchanged = [by_key[item.key] == item.body for item in clean]
    assert unchanged == [True] * 150 + [False] * 150


def test_without_predictions_only_the_input_is_captured(loans: DataSet) -> None:
    inputs_only = type(loans)("x", loans.features, (), (), loans.time, loans.rows)
    assert "endpointOutput" not in records_of(played(inputs_only))[0]["captureData"]


def test_refuses_sizes_that_are_not_positive_and_a_destination_that_is_not_s3(loans: DataSet) -> None:
    for wrong in ({"rows_per_request": 0}, {"rotation": timedelta()}, {"destination": "bucket/prefix"}):
        with pytest.raises(ValueError, match=r"not (positive|an S3 URI)"):
            played(loans, **wrong)
