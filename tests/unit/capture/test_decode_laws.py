"""What holds for any capture: chunks do not matter, the fast ways change nothing, nothing is lost, nothing raises."""

import base64
import gzip
import json
from datetime import UTC, datetime
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trimtab.capture import csv_rows, json_rows
from trimtab.capture import decode as decode_module
from trimtab.capture.decode import decode
from trimtab.capture.layout import Layout
from trimtab.capture.table import NumericColumn, Table

COLUMNS = ("a", "b", "c")
NUMBERS = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr), st.integers(-(10**20), 10**20).map(str), st.just("1e5")
)
THREE = st.just(3)
ODD_TEXTS = st.sampled_from(
    ["", "NA", " ", "inf", "nan", "null", "x,y", 'say "hi"', "a\nb", "{", "}, {", "a: b", "\\", "é"]
)
TEXTS = st.one_of(st.sampled_from(["red", "green", "blue"]), st.text(max_size=4), ODD_TEXTS)
TIMES = st.sampled_from(["2026-01-01T07:30:00Z", "2026-01-01T08:00:00Z", "2026-01-01T07:30:00.5+00:00", "never"])


def quoted(text):
    return '"' + text.replace('"', '""') + '"' if set(text) & set('",\n\r') else text


@st.composite
def rows_of_cells(draw, width=THREE):
    cells = (NUMBERS, st.one_of(NUMBERS, st.sampled_from(["", "NA"])), st.one_of(TEXTS, NUMBERS))
    count = draw(st.integers(1, 3))
    return [[draw(cells[i % 3]) for i in range(draw(width))] for _ in range(count)]


@st.composite
def csv_payloads(draw):
    width = draw(st.sampled_from([THREE] * 6 + [st.integers(1, 5)]))
    rows = draw(rows_of_cells(width))
    header = draw(st.sampled_from([None] * 8 + [list(COLUMNS)]))
    end = draw(st.sampled_from(["\n"] * 5 + ["\r\n"]))
    lines = [",".join(map(quoted, row)) for row in ([header] if header else []) + rows]
    return end.join(lines) + draw(st.sampled_from(["", end])), "CSV"


def scalar(cell):
    try:
        return json.loads(cell)
    except ValueError:
        return cell


@st.composite
def json_payloads(draw):
    rows = [[scalar(cell) for cell in row] for row in draw(rows_of_cells())]
    objects = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    columns = {name: list(cells) for name, cells in zip(COLUMNS, zip(*rows, strict=True), strict=True)}
    shapes = st.sampled_from(
        [{"instances": objects}] * 4
        + [{"instances": rows}, rows, objects, objects[0], rows[0], columns, {"x": objects}]
    )
    indent = draw(st.sampled_from([None, None, None, 2]))
    lines = draw(st.sampled_from([False] * 4 + [True]))
    if lines:
        return "\n".join(map(json.dumps, objects)), "JSON"
    return json.dumps(draw(shapes), indent=indent, ensure_ascii=draw(st.booleans())), "JSON"


PAYLOADS = st.one_of(
    csv_payloads(),
    csv_payloads(),
    json_payloads(),
    json_payloads(),
    st.tuples(st.text(max_size=20), st.sampled_from(["CSV", "JSON", "NONE", "BASE64", "?"])),
)


@st.composite
def sides(draw, payloads):
    data, encoding = draw(payloads)
    content_type = draw(st.sampled_from(["text/csv", "application/json", "", "text/html"]))
    if encoding in ("CSV", "JSON"):
        content_type = draw(st.sampled_from([{"CSV": "text/csv", "JSON": "application/json"}[encoding], ""]))
        if draw(st.integers(0, 5)) == 0:
            data, encoding = base64.b64encode(data.encode("utf-8", "replace")).decode(), "BASE64"
    return {"data": data, "encoding": encoding, "observedContentType": content_type}


@st.composite
def lines(draw, payloads=PAYLOADS):
    if draw(st.integers(0, 15)) == 0:
        return draw(st.one_of(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), st.just(b"{}")))
    captured = {"endpointInput": draw(sides(payloads)), "endpointOutput": draw(sides(payloads))}
    for name in draw(st.sampled_from([(), (), (), (), ("endpointInput",), ("endpointOutput",)])):
        del captured[name]
    document = {"captureData": captured, "eventMetadata": {"eventId": "x", "inferenceTime": draw(TIMES)}}
    indent = draw(st.sampled_from([None] * 9 + [1]))
    return json.dumps(document, indent=indent).encode()


def captures(payloads=PAYLOADS):
    return st.lists(lines(payloads), max_size=12).map(b"\n".join)


LAYOUTS = st.sampled_from(
    [
        Layout(),
        Layout(),
        Layout(columns=COLUMNS),
        Layout(columns=COLUMNS, numeric=frozenset("ac"), categorical=frozenset("b")),
        Layout(keep=frozenset({"b", "c1", "prediction", "output.a"})),
        Layout(predictions=("p",), records="instances"),
    ]
)
FEW = settings(max_examples=70, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def content(column):
    if isinstance(column, NumericColumn):
        return ["numbers", *map(repr, column.values.tolist())]
    return ["texts", *(column.values[code] if code >= 0 else None for code in column.codes.tolist())]


def found_in(chunks, layout, **options):
    """All that a decode yields, as plain values."""
    return [
        (item.hour, item.rows, item.records, sorted(item.outputs), {k: content(v) for k, v in item.columns.items()})
        if isinstance(item, Table)
        else item
        for item in decode(chunks, layout, **options)
    ]


def only_the_slow_ways(patch):
    patch.setattr(decode_module, "read_alike", lambda _: None)
    for module in (csv_rows, json_rows):
        patch.setattr(module, "_read_raw", lambda *_: None)
        patch.setattr(module, "_read_regular", lambda *_: None)
    patch.setattr(csv_rows, "_read_fitting", lambda *_: None)


@FEW
@given(captures(), LAYOUTS, st.lists(st.integers(0, 5000), max_size=8), st.booleans())
def test_chunks_and_compression_change_nothing(data, layout, cuts, is_packed):
    packed = gzip.compress(data) if is_packed else data
    places = sorted({0, len(packed), *(cut % (len(packed) + 1) for cut in cuts)})
    chunks = [packed[start:end] for start, end in pairwise(places)]
    assert found_in(chunks, layout, group_bytes=1000) == found_in([data], layout, group_bytes=1000)


@pytest.mark.parametrize("payloads", [PAYLOADS, csv_payloads(), json_payloads()], ids=["all", "csv", "json"])
@FEW
@given(data=st.data(), layout=LAYOUTS)
def test_fast_ways_give_what_the_slow_ones_give(payloads, data, layout):
    capture = data.draw(captures(payloads))
    fast = found_in([capture], layout)
    with pytest.MonkeyPatch.context() as patch:
        only_the_slow_ways(patch)
        assert found_in([capture], layout) == fast


@FEW
@given(captures(), LAYOUTS)
def test_every_line_is_in_a_table_or_unreadable(data, layout):
    items = list(decode([data], layout))
    lines = [line for line in data.split(b"\n") if line.strip()]
    tables = [item for item in items if isinstance(item, Table)]
    unreadable = [item for item in items if not isinstance(item, Table)]
    counted = sum(table.records for table in tables) + sum(item.records for item in unreadable)
    pretty = sum(line == b"{" for line in lines)
    assert counted == len(lines) if not pretty else counted <= len(lines)
    assert all(1 <= item.line <= data.count(b"\n") + 1 for item in unreadable)
    for table in tables:
        assert table.outputs <= table.columns.keys()
        for column in table.columns.values():
            assert len(column) == table.rows
            if isinstance(column, NumericColumn):
                assert column.values.dtype == np.float64
                assert not np.isinf(column.values).any()
            else:
                assert column.codes.dtype == np.int64
                assert len(set(column.values)) == len(column.values)
                assert column.codes.max(initial=-1) < len(column.values)
                "".join(column.values).encode()


@FEW
@given(st.one_of(st.binary(max_size=300), st.binary(max_size=300).map(lambda data: b"\x1f\x8b" + data)))
def test_no_bytes_raise(data):
    list(decode([data], Layout()))


@st.composite
def alike_captures(draw):
    """Lines of one client, with now and then a byte changed."""
    kinds = st.sampled_from([("CSV", "text/csv"), ("JSON", "application/json"), ("NONE", ""), ("CSV", "")])
    end, ascii_only = draw(st.sampled_from(["", "\n"])), draw(st.booleans())
    are_base64, names = draw(st.booleans()), draw(st.sampled_from([BOTH, BOTH, BOTH, BOTH[:1], BOTH[1:]]))
    spelled = {name: draw(kinds) for name in names}
    fixed = {name: draw(json_rows_alike() if "JSON" in spelled[name] else csv_rows_alike()) for name in names}
    lines = []
    for number in range(draw(st.integers(1, 8))):
        captured = {}
        for name, (encoding, content_type) in spelled.items():
            data = draw(fixed[name]) + end
            if are_base64:
                data, encoding = base64.b64encode(data.encode()).decode(), "BASE64"
            captured[name] = {"observedContentType": content_type, "data": data, "encoding": encoding}
        time = f"2026-01-01T{draw(HOURS)}:{number:02}:00Z"
        event = draw(st.sampled_from([f"id {number}"] * 5 + [f"id {10**number}", 'say "hi"', "a\\nb"]))
        document = {"captureData": captured, "eventMetadata": {"eventId": event, "inferenceTime": time}}
        lines.append(json.dumps(document, ensure_ascii=ascii_only, separators=draw(SEPARATORS)))
    data = bytearray("\n".join(lines).encode())
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        data[draw(st.integers(0, len(data) - 1))] = draw(st.sampled_from(b'\x01\n\\"n,:{}[]\xff\r 0'))
    return bytes(data)


BOTH = ("endpointInput", "endpointOutput")
HOURS = st.sampled_from(["07"] * 8 + ["08", "99"])
SEPARATORS = st.sampled_from([(",", ":")] * 8 + [(", ", ": ")])
CELLS = st.one_of(NUMBERS, NUMBERS, NUMBERS, TEXTS)


@st.composite
def csv_rows_alike(draw):
    width = draw(st.integers(1, 3))
    return st.lists(draw(st.sampled_from([NUMBERS, CELLS])), min_size=width, max_size=width).map(",".join)


@st.composite
def json_rows_alike(draw):
    width, wrap = draw(st.integers(1, 3)), draw(st.sampled_from(["instances", "predictions", "x", None]))
    kind, as_object = draw(st.sampled_from([NUMBERS, CELLS])), draw(st.booleans())

    def payload(cells):
        row = dict(zip(COLUMNS, map(scalar, cells), strict=False)) if as_object else list(map(scalar, cells))
        return json.dumps({wrap: [row]} if wrap else row)

    return st.lists(kind, min_size=width, max_size=width).map(payload)


@settings(FEW, max_examples=250)
@given(alike_captures(), LAYOUTS, st.sampled_from([None, None, datetime(2026, 1, 1, 7, 1, tzinfo=UTC)]))
def test_lines_that_are_alike_give_what_the_decoder_gives(data, layout, now):
    fast = found_in([data], layout, now=now)
    with pytest.MonkeyPatch.context() as patch:
        only_the_slow_ways(patch)
        assert found_in([data], layout, now=now) == fast


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.floats(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["instances", "data", "columns", "features", "inputs", "error", "0", "1", "a"]),
            inner,
            max_size=4,
        ),
    ),
    max_leaves=12,
)


@FEW
@given(st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=4), LAYOUTS)
def test_no_json_raises_and_the_fast_way_agrees(values, layout):
    documents = [
        {
            "captureData": {
                "endpointInput": {"data": json.dumps(sent), "encoding": "JSON"},
                "endpointOutput": {"data": json.dumps(answered), "encoding": "JSON"},
            },
            "eventMetadata": {"inferenceTime": "2026-01-01T07:30:00Z"},
        }
        for sent, answered in values
    ]
    data = "\n".join(map(json.dumps, documents)).encode()
    fast = found_in([data], layout)
    with pytest.MonkeyPatch.context() as patch:
        only_the_slow_ways(patch)
        assert found_in([data], layout) == fast


@FEW
@given(VALUES)
def test_no_envelope_raises(value):
    captured = {"endpointInput": {"data": value, "encoding": value}, "endpointOutput": value}
    for document in (value, {"captureData": value, "eventMetadata": value}, {"captureData": captured}):
        list(decode([json.dumps(document).encode()], Layout()))
        stamped = {"eventMetadata": {"inferenceTime": 1767252600}, "captureData": captured}
        list(decode([json.dumps(stamped).encode()], Layout()))
