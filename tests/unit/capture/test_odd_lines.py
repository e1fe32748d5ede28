"""Which lines of a mixed group are read together, and that nothing else changes by it."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from trimtab.capture import decode as decode_module
from trimtab.capture.decode import Unreadable, decode
from trimtab.capture.layout import Layout
from trimtab.capture.odd_lines import sorted_by_hour


def line(number, hour="07", sent=None, **more):
    side = {"observedContentType": "text/csv", "encoding": "CSV"}
    captured = {
        "endpointInput": {**side, "data": sent or f"{number},{number % 3}\n"},
        "endpointOutput": {**side, "data": "0.5"},
    }
    metadata = {"eventId": f"id-{number}", "inferenceTime": f"2026-01-01T{hour}:{number % 60:02}:00Z"}
    return json.dumps({"captureData": captured, "eventMetadata": metadata, **more}).encode() + b"\n"


def sorted_lines(lines):
    """Where the alike lines of each hour stand, and where the odd ones, or None."""
    found = sorted_by_hour(b"".join(lines))
    if found is None:
        return None
    for indices, data in found.alike:
        assert data == b"".join(lines[index] for index in indices)
    assert all(lines[index] == line for index, line in found.odd)
    return [indices.tolist() for indices, _ in found.alike], [index for index, _ in found.odd]


def test_lines_are_sorted_by_hour():
    lines = [line(0), line(1, "08"), b"nonsense\n", line(2), line(3, "08"), line(4, sent="1,\t2\n"), line(5)]
    assert sorted_lines(lines) == ([[0, 3, 6], [1, 4]], [2, 5])
    broken = [b"\xff" + line(6), line(7).replace(b"id-7", b"id\xff7"), line(8).replace(b"id-8", b"id\x018"), b"\n"]
    assert sorted_lines([*lines[:2] * 4, b'{"cut of']) == ([[0, 2, 4, 6], [1, 3, 5, 7]], [8])
    assert sorted_lines(lines[:2] * 4 + broken) == ([[0, 2, 4, 6], [1, 3, 5, 7]], [8, 9, 10, 11])


def test_the_first_line_may_be_the_odd_one():
    assert sorted_lines([b"\n", line(1), line(2), line(3)]) == ([[1, 2, 3]], [0])


@pytest.mark.parametrize("odd", [b"{\n", b'{"a": [\n', line(0)[:100] + b",\n"])
def test_what_only_looks_like_a_document_is_odd(odd):
    assert sorted_lines([line(0), odd, line(1), line(2)]) == ([[0, 2, 3]], [1])


def test_nothing_is_sorted_when_a_document_stands_on_several_lines():
    document = json.dumps(json.loads(line(9)), indent=1).encode().splitlines(keepends=True)
    lines = [*map(line, range(40)), *document, b"\n", *map(line, range(40))]
    assert sorted_lines(lines) is None
    (table,) = decode([b"".join(lines)], Layout())
    assert table.records == 81


def test_a_capture_within_a_document_is_none():
    lines = [line(0), line(1), b'{"x": [\n', line(2), b"]}\n", line(3)]
    found = list(decode([b"".join(lines)], Layout()))
    assert [(item.line, item.reason) for item in found[:1]] == [(3, "not_a_capture")]
    assert found[1].records == 3


def test_nothing_is_sorted_when_most_are_odd():
    assert sorted_lines([line(0), b"a\n", b"b\n"]) is None


def test_odd_lines_leave_the_others_fast(monkeypatch):
    lines = [line(number, "08" if number > 700 else "07") for number in range(1000)]
    lines[300] = b"nonsense\n"
    lines[400] = line(400, extra=1)
    read_singly = []

    def spied(data, first_line):
        read_singly.append(first_line)
        return original(data, first_line)

    original = decode_module.read_records
    monkeypatch.setattr(decode_module, "read_records", spied)
    fault, early, late = decode([b"".join(lines)], Layout())
    # the whole is asked for, but nothing is taken from it
    assert set(read_singly) == {1, 301, 401}
    assert isinstance(fault, Unreadable)
    assert (fault.line, fault.reason) == (301, "not_json")
    assert [table.hour.hour for table in (early, late)] == [7, 8]
    expected = [number for number in range(701) if number != 300]
    np.testing.assert_array_equal(early.columns["c0"].values, expected)
    np.testing.assert_array_equal(late.columns["c0"].values, range(701, 1000))


def test_the_present_hour_is_read_together_up_to_now(monkeypatch):
    lines = [line(number) for number in range(10)]
    monkeypatch.setattr(decode_module, "read_records", None)
    (table,) = decode([b"".join(lines)], Layout(), now=datetime(2026, 1, 1, 7, 4, tzinfo=UTC))
    assert table.rows == 10


def test_a_time_in_the_future_costs_its_line_alone():
    found = list(decode([line(0), line(9), line(1)], Layout(), now=datetime(2026, 1, 1, 7, 3, tzinfo=UTC)))
    assert [(item.line, item.reason) for item in found[:1]] == [(2, "future_time")]
    assert found[1].rows == 2
