"""What a batch transform captures: manifests that name its data files, and the rows of these files.

A manifest is `[{"prefix": "s3://bucket/folder/"}, "a.csv", "b.csv"]`; where the prefix is a file's own address, the
entry is "". The files are the job's input and its output (`a.csv.out`) as they are, without envelopes: each record is
put in one, so that the decoder reads it as it reads a request.

With `GenerateInferenceId` an output record ends in an id and the job's start (two CSV cells, or the keys
`SageMakerInferenceId` and `SageMakerInferenceTime`); both are left out. With `JoinSource` an output record holds its
input too: in JSON the answer is under `SageMakerOutput`, in CSV it is the last cells of a row.
"""

import csv
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from io import BytesIO
from itertools import chain, islice
from pathlib import PurePosixPath
from typing import Literal

import msgspec

from trimtab.capture.csv_rows import read_csv_by_row
from trimtab.capture.decode import decode
from trimtab.capture.event_time import parse_event_time
from trimtab.capture.faults import FaultError, Unreadable
from trimtab.capture.formats import kind_of_text
from trimtab.capture.json_shapes import parse_json
from trimtab.capture.layout import Layout
from trimtab.capture.lines import GROUP_BYTES, LINE_BYTES, groups
from trimtab.capture.rows import Side
from trimtab.capture.table import Table
from trimtab.capture.variants import BATCH_OUTPUT

type Form = Literal["csv", "json", "text", "whole"]
"""How a data file is cut into records: by lines, or not at all (an image, one JSON document on many lines)."""
type Line = tuple[int, bytes]
"""A line's number, from 1, and the line."""

MOST_BYTES = LINE_BYTES // 2
"""The largest file that is one record: in an envelope it is a line that the decoder reads."""
IDS = ("SageMakerInferenceId", "SageMakerInferenceTime")
_ANSWER = b'"SageMakerOutput"'
_FORMS: dict[str, Form] = {
    ".csv": "csv",
    ".json": "json",
    ".jsonl": "json",
    ".jsonlines": "json",
    ".ndjson": "json",
    ".txt": "text",
}
_CONTENT_TYPES = {"csv": "text/csv", "json": "application/json"}
_SAMPLE = 21
_LONGEST_RECORD = 1000
"""More lines are no CSV record with line ends in its cells: a quote was not closed."""


def data_objects(manifest: bytes) -> list[tuple[str, str]]:
    """Bucket and key of each object that a manifest names, once. Raises FaultError with reason `bad_manifest`."""
    try:
        document = msgspec.json.decode(manifest)
    except (msgspec.DecodeError, RecursionError) as error:
        raise FaultError("bad_manifest", f"the manifest is not JSON: {error}") from error
    first = document[0] if isinstance(document, list) and document else None
    prefix = first.get("prefix") if isinstance(first, dict) else None
    if not isinstance(prefix, str) or not prefix.startswith("s3://"):
        raise FaultError("bad_manifest", "the manifest does not begin with a prefix in S3")
    addresses = [prefix + entry if isinstance(entry, str) else "" for entry in document[1:]]
    objects = dict.fromkeys(address.removeprefix("s3://").partition("/")[::2] for address in addresses)
    if not all(bucket and key and not key.endswith("/") for bucket, key in objects):
        raise FaultError("bad_manifest", "an entry of the manifest names no object")
    return list(objects)


def read_data_object(
    chunks: Iterable[bytes], name: str, variant: str, hour: datetime, layout: Layout, *, group_bytes: int = GROUP_BYTES
) -> Iterator[Table | Unreadable]:
    """The rows of a data file, plain or gzip, as tables in the manifest's hour, in constant memory.

    `name` is its key, whose ending tells the format, else the content does. `variant` says which side of the job it is.
    No content raises; what `chunks` raises goes through.
    """
    broken: list[Unreadable] = []
    is_output = variant == BATCH_OUTPUT
    lines = _lines(chunks, group_bytes, broken)
    start = list(islice(lines, _SAMPLE))
    form, content_type = _form(name, start)
    records: Iterator[Line] = chain(start, lines)
    side = "endpointOutput" if is_output else "endpointInput"
    outputs = None
    if form == "csv":
        records = _not_blank(_csv_records(records))
        start = list(islice(records, _SAMPLE))
        header, layout, outputs = _csv_layout([line for _, line in start], layout, is_output=is_output)
        records = chain(start[header:], records)
        side = "endpointInput" if outputs else side
    elif is_output and any(_ANSWER in line for _, line in start):
        side = "batchTransformOutput"
    records = _one_record(records, broken) if form == "whole" else _not_blank(records)
    for item in decode(_envelopes(records, side, content_type, hour), layout, group_bytes=group_bytes):
        yield item if isinstance(item, Unreadable) else _without_ids(item, outputs)
    yield from broken


def _lines(chunks: Iterable[bytes], group_bytes: int, broken: list[Unreadable]) -> Iterator[Line]:
    """The lines; what could not be read goes to `broken`."""
    for group in groups(chunks, group_bytes=group_bytes):
        if isinstance(group, Unreadable):
            broken.append(group)
            continue
        yield from enumerate(BytesIO(group.data), group.first_line)


def _not_blank(lines: Iterable[Line]) -> Iterator[Line]:
    return (each for each in lines if each[1].strip())


def _form(name: str, start: Sequence[Line]) -> tuple[Form, str]:
    """The form by the name's ending (before `.out` and `.gz`), else by the first line; and the content type."""
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes if suffix.lower() not in (".out", ".gz")]
    form = _FORMS.get(suffixes[-1]) if suffixes else None
    try:
        first = next((line.decode().strip() for _, line in start if line.strip()), "")
    except UnicodeDecodeError:
        return form or "whole", _CONTENT_TYPES.get(form or "", "")
    if form is None:
        kind = kind_of_text(first)
        kind = "text" if kind == "table" else kind  # LIBSVM's, of which a line is a row
        form = kind if kind in ("csv", "json", "text") else "whole"
    content_type = _CONTENT_TYPES.get(form, "")
    if form == "json" and first.endswith(("{", "[", ",")) and not _is_json(first):
        form = "whole"
    return form, content_type


def _is_json(text: str) -> bool:
    try:
        parse_json(text)
    except FaultError:
        return False
    return True


def _csv_records(lines: Iterator[Line]) -> Iterator[Line]:
    """The lines, with those joined that are one record because a quoted cell has line ends."""
    for number, line in lines:
        record = [(number, line)]
        is_open = line.count(b'"') % 2
        while is_open and len(record) < _LONGEST_RECORD and (further := next(lines, None)):
            record.append(further)
            is_open ^= further[1].count(b'"') % 2
        if is_open:
            yield from record
        else:
            yield number, b"".join(part for _, part in record)


def _csv_layout(
    start: Sequence[bytes], layout: Layout, *, is_output: bool
) -> tuple[bool, Layout, frozenset[str] | None]:
    """Whether the first row is a header, the layout with the names that the rows have, and which of them came out of
    the model when the rows hold the input too, else None."""
    text = [line.decode(errors="replace") for line in start]
    try:
        rows = [[cell.strip() for cell in row] for row in csv.reader(text) if row]
    except csv.Error:
        return False, layout, None
    if not rows:
        return False, layout, None
    names = layout.predictions if is_output else layout.columns
    alike = [line for line, row in zip(text, rows, strict=False) if len(row) == len(rows[0])]
    sample = read_csv_by_row(["".join(alike).strip("\r\n")], Side("output" if is_output else "input", names))
    header = sample.faults[0].reason == "no_rows" if sample.faults else sample.counts[0] == len(alike) - 1
    if header and not names:
        names = tuple(cell or f"c{i}" for i, cell in enumerate(rows[0]))
    body = rows[header:]
    ids = IDS if is_output and _ends_in_ids(body) else ()
    width = len(body[0]) - len(ids) if body else 0
    predictions = layout.predictions or ("prediction",)
    if is_output and layout.columns and width == len(layout.columns) + len(predictions):
        return header, replace(layout, columns=(*layout.columns, *predictions, *ids)), frozenset(predictions)
    if ids:
        names = (*(names or Side("output").positions(width)), *ids)
    return header, replace(layout, predictions=names) if is_output else replace(layout, columns=names), None


def _ends_in_ids(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the last cells are an id, each its own, and a time, the same for all: when the job started."""
    if not rows or min(map(len, rows)) <= len(IDS) or len({row[-2] for row in rows}) < len(rows):
        return False
    times = {row[-1] for row in rows}
    try:
        return len(times) == 1 and "T" in rows[0][-1] and bool(parse_event_time(rows[0][-1]))
    except FaultError:
        return False


def _one_record(lines: Iterable[Line], broken: list[Unreadable]) -> Iterator[Line]:
    """All lines as one record, when they are not too much for one and none is broken."""
    content = bytearray()
    for _, line in lines:
        content += line
        if len(content) > MOST_BYTES:
            broken.append(Unreadable(1, "file_too_large", f"the file is one record of more than {MOST_BYTES} bytes"))
            return
    if content and not broken:
        yield 1, bytes(content)


def _envelopes(records: Iterable[Line], side: str, content_type: str, hour: datetime) -> Iterator[bytes]:
    """The records as lines of a capture object, each on the line that it had in its file."""
    time = f"{hour:%Y-%m-%dT%H:%M:%SZ}"
    last = 0
    for number, record in records:
        try:
            payload = {"data": record.rstrip(b"\r\n").decode(), "encoding": ""}
        except UnicodeDecodeError:
            payload = {"data": b2a_base64(record, newline=False).decode(), "encoding": "BASE64"}
        captured = {side: {**payload, "observedContentType": content_type}}
        envelope = msgspec.json.encode({"captureData": captured, "eventMetadata": {"inferenceTime": time}})
        yield b"\n" * (number - last - 1) + envelope + b"\n"
        last = number


def _without_ids(table: Table, outputs: frozenset[str] | None) -> Table:
    columns = {name: column for name, column in table.columns.items() if name not in IDS}
    return replace(table, columns=columns, outputs=(table.outputs if outputs is None else outputs) & columns.keys())
