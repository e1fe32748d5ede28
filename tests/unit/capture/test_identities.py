"""Which request each row is of: by a decoder that is told to say so, and only then."""

import json
from datetime import UTC, datetime

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.decode import decode
from trimtab.capture.faults import Unreadable
from trimtab.capture.layout import Layout
from trimtab.capture.models import decode_models

TOLD = Layout(identities=True)
EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)


def line(sent="1,2", answered="0.5", encoding="CSV", time="2026-03-02T08:00:05Z", **ids):
    mime = {"CSV": "text/csv", "JSON": "application/json"}[encoding]

    def side(mode, data):
        return {"observedContentType": mime, "mode": mode, "data": data, "encoding": encoding}

    captured = {"endpointInput": side("INPUT", sent), "endpointOutput": side("OUTPUT", answered)}
    known = {name: value for name, value in {"eventId": "e", "inferenceTime": time, **ids}.items() if value is not None}
    return json.dumps({"captureData": captured, "eventMetadata": known, "eventVersion": "0"})


def tables(*lines, layout=TOLD):
    found = decode(["\n".join(lines).encode()], layout)
    return [item for item in found if not isinstance(item, Unreadable)]


def identified(*lines):
    """(request, index, moment) of each row, in order of tables and rows."""
    return [
        (request, index, moment)
        for table in tables(*lines)
        for request, moment, count in zip(
            table.identities.requests, table.identities.moments, table.identities.counts.tolist(), strict=True
        )
        for index in range(count)
    ]


def test_only_who_asks_is_told():
    assert [table.identities for table in tables(line(), layout=Layout())] == [None]


def test_a_row_is_named_by_its_inference_id_else_its_event_id():
    rows = identified(line(eventId="a"), line(eventId="b", inferenceId="B"), line(eventId="c", inferenceId=None))
    assert [request for request, _, _ in rows] == ["a", "B", "c"]
    assert {moment for _, _, moment in rows} == {int(EIGHT.timestamp()) + 5}
    assert identified(line(eventId="a", inferenceId=""))[0][0] == "a"
    assert identified(line(eventId=None))[0][0] == ""
    assert identified(line(eventId=7))[0][0] == "7"


def test_every_row_of_a_request_has_its_place():
    many = line("1,2\n3,4\n5,6", "0.1\n0.2\n0.3", inferenceId="many")
    rows = identified(many, line(inferenceId="one"), line("[[1,2],[3,4]]", "[[0.1],[0.2]]", "JSON", inferenceId="json"))
    assert [(request, index) for request, index, _ in rows] == [
        ("many", 0), ("many", 1), ("many", 2), ("one", 0), ("json", 0), ("json", 1)
    ]  # fmt: skip


def test_lines_that_cannot_be_read_take_no_place():
    broken = line('"1', inferenceId="broken")
    rows = identified("junk", line(inferenceId="a"), broken, line(inferenceId="b"), line(time="soon", inferenceId="c"))
    assert [request for request, _, _ in rows] == ["a", "b"]


def test_odd_lines_are_named_too():
    pretty = json.dumps(json.loads(line(inferenceId="pretty")), indent=2)
    numbers = line(inferenceId="nan").replace('"0.5"', "NaN")
    rows = identified(pretty, line(inferenceId="plain"), numbers, line(inferenceId="last"))
    assert {request for request, _, _ in rows} == {"pretty", "plain", "nan", "last"}


def test_each_model_names_its_own_requests():
    lines = [line(inferenceId=f"m{number % 2}/{number}") for number in range(6)]
    found = list(decode_models(["\n".join(lines).encode()], "inferenceId:/", lambda _: TOLD))
    assert {model: item.identities.requests for model, item in found} == {
        "m0": ("m0/0", "m0/2", "m0/4"), "m1": ("m1/1", "m1/3", "m1/5")
    }  # fmt: skip


@given(
    st.lists(
        st.tuples(st.integers(1, 4), st.sampled_from(["CSV", "JSON"]), st.integers(0, 1), st.booleans(), st.booleans()),
        max_size=12,
    )
)
def test_every_row_stands_beside_its_identity(requests):
    """The first cell of each row says which request and place it is of; the identities say the same."""
    lines = []
    for number, (rows, encoding, hour, has_id, is_broken) in enumerate(requests):
        cells = [[number * 10 + index, 1] for index in range(rows)]
        sent = json.dumps(cells) if encoding == "JSON" else "\n".join(",".join(map(str, row)) for row in cells)
        answered = "0.5" if is_broken else json.dumps([[0.5]] * rows) if encoding == "JSON" else "0.5\n" * rows
        time = f"2026-03-02T0{8 + hour}:00:00Z"
        lines.append(
            line(sent, answered, encoding, time, inferenceId=f"r{number}" if has_id else None, eventId=f"r{number}")
        )
    for table in tables(*lines):
        first = next(iter(table.columns.values())).values
        told = [
            int(request[1:]) * 10 + index
            for request, count in zip(table.identities.requests, table.identities.counts, strict=True)
            for index in range(count)
        ]
        assert np.array_equal(first, told)
