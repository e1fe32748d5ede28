import json
from datetime import UTC, datetime, timedelta
from re import fullmatch

import numpy as np
import pytest

from trimtab.aws import s3, state_bucket
from trimtab.capture.pack import NO_GRID, ObjectId, ObjectProfile, PackError, encode_pack, pack_key
from trimtab.capture.reference import InvalidReferenceError, encode_reference, reference_from_sketch
from trimtab.capture.sample import sample_of_table
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table

pytestmark = pytest.mark.usefixtures("aws")

START = datetime(2026, 11, 20, 22, tzinfo=UTC)
HOUR = timedelta(hours=1)


def sketch(rows):
    return sketch_table(Table(START, rows, rows, {"x": NumericColumn(np.arange(rows, dtype=float))}))


def pack(number, *, endpoint="churn", variant="AllTraffic", rows=5):
    entry = ObjectProfile(ObjectId("captures", f"{number}.jsonl", "2026", "e"), sketch(rows), rows)
    key = pack_key(endpoint, variant, START + number * HOUR, NO_GRID, [entry])
    state_bucket.write_pack("state", key, [entry])
    return key, [entry]


def test_packs_come_back_by_hour():
    packs = [pack(number) for number in range(5)]  # past midnight
    pack(1, variant="AllTraffic2")
    pack(1, endpoint="churn-2")
    s3.write_object("state", "profiles/churn/AllTraffic/2026/11/20/23/notes.txt", b"")
    keys = [key for key, _ in packs]

    def between(start, end):
        return list(state_bucket.pack_keys("state", "churn", "AllTraffic", start, end))

    assert between(None, START + 9 * HOUR) == keys
    assert between(START + HOUR, START + 3 * HOUR) == keys[1:3]
    assert between(START + 3 * HOUR, START + 3 * HOUR) == []
    read = state_bucket.read_packs("state", keys)
    assert [encode_pack(objects) for objects in read] == [encode_pack(objects) for _, objects in packs]


def test_writing_a_pack_again_changes_nothing():
    assert pack(0)[0] == pack(0)[0]
    assert len(list(state_bucket.pack_keys("state", "churn", "AllTraffic", None, START + HOUR))) == 1


def test_a_broken_pack_is_an_error():
    key, _ = pack(0)
    s3.write_object("state", str(key), b"junk")
    with pytest.raises(PackError):
        state_bucket.read_packs("state", [key])


def test_variants_are_those_that_ever_had_a_capture():
    pack(0)
    pack(0, variant="Canary")
    pack(0, endpoint="fraud", variant="Other")
    assert state_bucket.variants_with_packs("state", "churn") == ["AllTraffic", "Canary"]
    assert state_bucket.variants_with_packs("state", "chur") == []


def reference(source):
    return reference_from_sketch(sketch(50), source=source, created=START.isoformat())


def test_the_first_reference_stays_until_it_is_replaced():
    assert state_bucket.read_reference("state", "churn") is None
    assert state_bucket.create_reference("state", "churn", reference("first"))
    assert not state_bucket.create_reference("state", "churn", reference("second"))
    assert state_bucket.read_reference("state", "churn").source == "first"
    state_bucket.replace_reference("state", "churn", reference("third"))
    assert encode_reference(state_bucket.read_reference("state", "churn")) == encode_reference(reference("third"))
    assert state_bucket.read_reference("state", "fraud") is None


def test_a_broken_reference_is_not_taken_for_none():
    s3.write_object("state", "references/churn/current.json", b"{")
    with pytest.raises(InvalidReferenceError):
        state_bucket.read_reference("state", "churn")


def test_the_last_window_is_one_that_had_ended():
    for number, hours in ((0, 1), (1, 3), (6, 1)):
        start = START + number * HOUR
        document = {"window": {"start": start.isoformat(), "end": (start + hours * HOUR).isoformat()}, "n": number}
        state_bucket.write_window("state", "churn", "AllTraffic", start, document)

    def last(hours, variant="AllTraffic"):
        found = state_bucket.last_window("state", "churn", variant, ended_by=START + hours * HOUR)
        return found and found["n"]

    assert [last(hours) for hours in (0, 1, 2, 3, 4, 6, 7, 99)] == [None, 0, 0, 0, 1, 1, 6, 6]
    assert last(99, "Canary") is None


def test_quarantine_has_one_document_for_one_object():
    for _ in range(2):
        state_bucket.write_quarantine("state", START, "captures/a.jsonl", {"reason": "ø"})
    ((key, document),) = ((key, s3.read_object("state", key)) for key in s3.list_keys("state", "quarantine/"))
    assert fullmatch(r"quarantine/2026/11/20/[0-9a-f]{32}\.json", key)
    assert json.loads(document) == {"reason": "ø"}
    state_bucket.write_quarantine("state", START, "captures/b.jsonl", {})
    assert len(list(s3.list_keys("state", "quarantine/"))) == 2


def test_a_rollouts_record_is_replaced_whole():
    assert state_bucket.read_rollout("state", "churn", "1f2e") is None
    state_bucket.write_rollout("state", "churn", "1f2e", {"phase": "baking"})
    state_bucket.write_rollout("state", "churn", "1f2e", {"phase": "promoted"})
    assert state_bucket.read_rollout("state", "churn", "1f2e") == {"phase": "promoted"}


def test_a_reference_has_its_rows_beside_it_until_one_without_rows_takes_its_place():
    rows = sample_of_table(Table(START, 9, 9, {"x": NumericColumn(np.arange(9.0))}), 1, 0, 4)
    assert state_bucket.read_reference_sample("state", "churn") is None
    state_bucket.write_reference_sample("state", "churn", rows)
    state_bucket.write_reference_sample("state", "churn", rows, "AllTraffic.b")
    state_bucket.write_reference_sample("state", "churn", None)
    assert state_bucket.read_reference_sample("state", "churn") is None
    read = state_bucket.read_reference_sample("state", "churn", "AllTraffic.b")
    assert read.columns["x"].tolist() == rows.columns["x"].tolist()
