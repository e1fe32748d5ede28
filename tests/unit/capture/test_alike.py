"""Which lines are read by one regular expression, and what it gives."""

import json

import pytest

from trimtab.capture.alike import read_alike


def line(number=0, sent="1,2\n", answered="0.5", time="2026-01-01T07:00:00Z", **more):
    side = {"observedContentType": "text/csv", "encoding": "CSV"}
    captured = {"endpointInput": {**side, "data": sent}, "endpointOutput": {**side, "data": answered}}
    metadata = {"eventId": f"id-{number}", "inferenceTime": time}
    return (
        json.dumps({"captureData": captured, "eventMetadata": metadata | more}, separators=(",", ":")).encode() + b"\n"
    )


def test_lines_of_one_client_are_alike():
    alike = read_alike(line(1) + line(22, "3,4\n", "0.25", "2026-01-01T07:59:59Z"))
    assert alike is not None
    assert (alike.lines, alike.inputs.texts(), alike.outputs.texts()) == (2, ["1,2\n", "3,4\n"], ["0.5", "0.25"])
    assert alike.envelope.event_metadata.inference_time == "2026-01-01T07:00:00Z"


def test_escapes_are_undone():
    payload = '{"a": "x", "b": [1,\n2]}'
    alike = read_alike(line(1, payload) + line(2, payload))
    assert alike is not None
    assert alike.inputs.texts() == [payload, payload]


@pytest.mark.parametrize(
    "other",
    [
        b"\n",
        b"nonsense\n",
        b"x" + line(2),
        line(2, time="2026-01-01T08:00:00Z"),
        line(2, time="2026-01-01T07:00:00.5Z"),
        line(2, "1,2"),
        line(2, "1,\t2\n"),
        line(2, "1,\\2\n"),
        line(2, customAttributes="x"),
        line(2).replace(b"id-2", b"id-\x01"),
        line(2).replace(b"id-2", b"id-\xff"),
    ],
    ids=repr,
)
def test_any_other_line_leaves_all_to_the_decoder(other):
    assert read_alike(line(1) + other + line(3)) is None


def test_identities_may_differ_in_length_and_constants_may_be_long():
    alike = read_alike(
        bytearray(line(1, customAttributes="x" * 5000) + line(22222, "3,4\n", customAttributes="x" * 5000))
    )
    assert alike is not None
    assert alike.inputs.texts() == ["1,2\n", "3,4\n"]


def test_a_string_that_escapes_its_end_is_left_to_the_decoder():
    """The counts alone agree: one quotation mark is escaped that should not be, and another is not that should."""
    first, second, third = line(1, 'say "1"\n'), line(2, 'say "2"\n'), line(3, 'say "3"\n')
    second = second.replace(rb"\"2\"\n", rb'\"2"\n').replace(b"id-2", b"id-\\")
    assert read_alike(first + third) is not None
    assert read_alike(first + second + third) is None
