"""Inputs for the fuzzer, and what must hold of them.

An input is a capture object as it stands, or payloads that are put into lines here, as its first byte says. Nothing may
raise, no record may be lost uncounted, and the fast ways must give what the slow ones give.
"""

import base64
import gzip
import json
from pathlib import Path

from trimtab.capture import csv_rows, json_rows
from trimtab.capture import decode as decoder
from trimtab.capture.decode import Unreadable, decode
from trimtab.capture.layout import Layout
from trimtab.capture.table import NumericColumn, Table

SHARED = Path(__file__).parents[2] / "shared" / "data" / "capture"
LINE_BREAK = b"\xff\n"
FORMATS = (
    ("CSV", "text/csv"),
    ("JSON", "application/json"),
    ("BASE64", "text/csv"),
    ("BASE64", "application/json"),
    ("BASE64", ""),
    ("NONE", ""),
    ("BASE64", "application/x-npy"),
    ("JSON", "application/jsonlines"),
)
COMPARED = (0, 2)  # in JSON the fast way takes 01 for a number, and the slow one does not
LAYOUTS = (
    Layout(),
    Layout(columns=("a", "b", "c")),
    Layout(keep=frozenset({"c1", "prediction", "a"})),
    Layout(records="instances", predictions=("p",)),
)
PAYLOADS = (
    "1,2.5,red\n",
    "1,2,3\n4,5,6",
    'a,b,c\n1,"x ""y"", z",3',
    "NA,,1e5\r\n-0.0,inf,0x1\r\n",
    '{"instances": [{"a": 1, "b": null, "c": "red"}, {"a": 2.5, "b": true, "c": "blue"}]}',
    '{"instances": [[1, 2, 3], [4, 5, 6]]}',
    '{"inputs": "a prompt", "parameters": {"temperature": 0.1}}',
    '{"predictions": [{"score": 0.5, "label": "no"}]}',
    '{"columns": ["a", "b"], "index": [0], "data": [[1, "x"]]}',
    '{"a": [1, 2], "b": ["x", "y"]}\n{"a": 3, "b": "z"}',
    '{"error": {"code": 500, "message": "no"}}',
    "<html>",
    '"{\\"a\\": 1}"',
    "[0.1, [1, 2], null]",
)


def check(data: bytes) -> None:
    """Decode an input. Raises when the decoder does, or when what it yields is not consistent."""
    if not data:
        return
    mode, content = data[0], data[1:]
    layout = LAYOUTS[(mode >> 5) % len(LAYOUTS)]
    is_wrapped = mode % 2 == 0
    place = (mode >> 1) % len(FORMATS)
    capture = wrapped(content, *FORMATS[place]) if is_wrapped else content
    found = list(decode([capture[:1000], capture[1000:]], layout, group_bytes=2000))
    for item in found:
        if isinstance(item, Table):
            assert item.outputs <= item.columns.keys()
            assert all(len(column) == item.rows for column in item.columns.values())
    if not is_wrapped:
        return
    lost = sum(item.records for item in found if isinstance(item, Unreadable))
    assert lost + sum(item.records for item in found if isinstance(item, Table)) == capture.count(b"\n")
    if place in COMPARED:
        assert plain(found) == plain(slowly(capture, layout))


def wrapped(content: bytes, encoding: str, content_type: str) -> bytes:
    """Lines around payloads; the last payload is every line's answer."""
    *requests, answer = content.split(LINE_BREAK)
    lines = []
    for number, request in enumerate(requests or [answer]):
        sides = {}
        for name, body in (("endpointInput", request), ("endpointOutput", answer)):
            text = base64.b64encode(body).decode() if encoding == "BASE64" else body.decode("utf-8", "replace")
            sides[name] = {"observedContentType": content_type, "data": text, "encoding": encoding}
        metadata = {"eventId": str(number), "inferenceTime": f"2026-01-01T07:{number % 60:02}:00Z"}
        document = {"captureData": sides, "eventMetadata": metadata}
        lines.append(json.dumps(document, ensure_ascii=len(content) % 2 == 0, separators=(",", ":")).encode() + b"\n")
    return b"".join(lines)


def slowly(capture: bytes, layout: Layout) -> list[Table | Unreadable]:
    """What the decoder gives without any of its fast ways."""
    switched = [
        (module, name, getattr(module, name))
        for module, name in (
            (decoder, "read_alike"),
            (csv_rows, "_read_raw"),
            (csv_rows, "_read_regular"),
            (csv_rows, "_read_fitting"),
            (json_rows, "_read_raw"),
            (json_rows, "_read_regular"),
        )
    ]
    try:
        for module, name, _ in switched:
            setattr(module, name, lambda *_: None)
        return list(decode([capture], layout, group_bytes=2000))
    finally:
        for module, name, original in switched:
            setattr(module, name, original)


def plain(items: list[Table | Unreadable]) -> list[object]:
    return [
        (item.hour, item.rows, item.records, item.outputs, {name: cells(each) for name, each in item.columns.items()})
        if isinstance(item, Table)
        else item
        for item in items
    ]


def cells(column: object) -> list[str | None]:
    if isinstance(column, NumericColumn):
        return [*map(repr, column.values.tolist())]
    return [column.values[code] if code >= 0 else None for code in column.codes.tolist()]  # type: ignore[attr-defined]


def seeds() -> list[bytes]:
    """Sound inputs of every kind, and the real captures that are there."""
    found = []
    for place in range(len(FORMATS)):
        for number, payload in enumerate(PAYLOADS):
            mode = bytes([place << 1 | (number % len(LAYOUTS)) << 5])
            found.append(mode + LINE_BREAK.join([payload.encode(), payload.encode(), b"0.5"]))
    real = [line for path in sorted(SHARED.rglob("*.jsonl")) for line in path.read_bytes().splitlines()[:2]]
    lines = [wrapped(payload.encode() + LINE_BREAK + b"0.5", *form) for form in FORMATS for payload in PAYLOADS[::3]]
    captures = [line for line in (*real, *lines) if len(line) < 6000]
    return [*found, *(b"\1" + line for line in captures), b"\1" + gzip.compress(b"".join(lines)[:5000])]
