"""From the bytes of a capture object to tables, one event-time hour at a time, in constant memory.

Lines are taken in groups of some megabytes. The lines of a group that have one hour and the same kinds of input and
output are read together, because reading columns is many times faster than reading rows; each such batch is one table.
Nothing is lost silently: every line that is not blank counts in the `records` of one table or is an `Unreadable`.

What is lost with what:
- an envelope, a time or an input that cannot be read: the line;
- an output that cannot be read, is an error message, or has not as many rows as the input: the output. The input's rows
  stay, with missing outputs, and an `Unreadable` with `records` 0 says why;
- where only outputs are captured, an output that cannot be read: the line.

A row's identity is (`inferenceId` or `eventId`, index of the row in the request). Rows stand in a table in order of
lines, and within a line in order of the request.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from trimtab.capture.columns import column_of_cells, moved
from trimtab.capture.csv_rows import read_csv
from trimtab.capture.delimited import TextPositions
from trimtab.capture.envelope import ABSENT, CaptureData, Envelope, Payload, envelope_of, read_envelope, read_strictly
from trimtab.capture.event_time import parse_event_time
from trimtab.capture.faults import FaultError, Unreadable
from trimtab.capture.formats import Format, Kind, format_of, payload_of
from trimtab.capture.json_rows import read_json
from trimtab.capture.json_shapes import parse_json
from trimtab.capture.layout import Layout
from trimtab.capture.lines import GROUP_BYTES, Group, groups
from trimtab.capture.measures import Measured, read_bytes, read_texts, rows_of_array
from trimtab.capture.rows import Rows, Side, columns_of_rows
from trimtab.capture.table import Column, Table

__all__ = ["Unreadable", "decode"]

CLOCK_SKEW = timedelta(minutes=5)
_MOST_LINES_OF_RECORD = 1000
_PLAIN_REASONS = frozenset({"error_response", "row_count_differs"})
_json = json.JSONDecoder()

type _Request = tuple[int, Any, Any]
"""A line's number, its input and its output."""


def decode(
    chunks: Iterable[bytes], layout: Layout, *, now: datetime | None = None, group_bytes: int = GROUP_BYTES
) -> Iterator[Table | Unreadable]:
    """Tables and unreadable things of a capture object, given as chunks of any size, plain or gzip.

    With `now` given, event times more than five minutes after it are unreadable (`future_time`). No content of the
    object raises; what `chunks` itself raises goes through.
    """
    latest = now + CLOCK_SKEW if now else None
    texts: TextPositions = {}
    for group in groups(chunks, group_bytes=group_bytes):
        if isinstance(group, Unreadable):
            yield group
        else:
            yield from _decode_group(group, layout, latest, texts)


def _decode_group(
    group: Group, layout: Layout, latest: datetime | None, texts: TextPositions
) -> Iterator[Table | Unreadable]:
    hours: dict[str, datetime | FaultError] = {}
    # payloads by hour and format; by the spelling of these too, because looking that up is cheaper
    batches: dict[tuple[datetime, Format, Format], list[_Request]] = {}
    by_spelling: dict[tuple[datetime, str, str, str, str], list[_Request]] = {}
    for line, envelope in _envelopes(group):
        if isinstance(envelope, FaultError):
            yield Unreadable(line, envelope.reason, envelope.detail)
            continue
        time = envelope.event_metadata.inference_time
        hour = hours.get(time) or hours.setdefault(time, _hour(time, latest))
        if isinstance(hour, FaultError):
            yield Unreadable(line, hour.reason, hour.detail)
            continue
        captured = envelope.capture_data
        sent, answered = captured.endpoint_input, captured.endpoint_output
        if sent is ABSENT or answered is ABSENT:
            sent, answered = _of_batch_transform(captured)
            if sent is ABSENT and answered is ABSENT:
                yield Unreadable(line, "no_payload", "neither input nor output was captured", hour=hour)
                continue
        spelling = (
            hour,
            sent.encoding,
            sent.observed_content_type,
            answered.encoding,
            answered.observed_content_type,
        )
        batch = by_spelling.get(spelling)
        if batch is None:
            formats = (format_of(*spelling[1:3]), format_of(*spelling[3:5]))
            batch = by_spelling[spelling] = batches.setdefault((hour, *formats), [])
        batch.append((line, sent.data, answered.data))
    del by_spelling, hours
    for hour in dict.fromkeys(hour for hour, _, _ in batches):
        by_kinds: dict[tuple[Kind, Kind], list[_Request]] = {}
        for of_hour, sent_format, answer_format in list(batches):
            if of_hour == hour:
                requests = batches.pop((hour, sent_format, answer_format))
                yield from _sort_by_kinds(requests, (sent_format, answer_format), hour, by_kinds)
        for kinds, requests in by_kinds.items():
            requests.sort(key=_line_of)
            yield from _read_batch(hour, kinds, requests, layout, texts)


def _envelopes(group: Group) -> Iterator[tuple[int, Envelope | FaultError]]:
    """Each record of the group, or why it is none, by the number of its first line."""
    lines = group.data.split(b"\n")
    consumed = 0
    for index, line in enumerate(lines):
        try:
            yield group.first_line + index, read_strictly(line)
            continue
        except (ValueError, RecursionError):
            if index < consumed or not line.strip():
                continue
        try:
            found: Envelope | FaultError = read_envelope(line)
        except FaultError as fault:
            found = fault
            document, count = _document_on_lines(lines, index)
            if count:
                consumed = index + count
                try:
                    found = envelope_of(document)
                except FaultError as other:
                    found = other
        yield group.first_line + index, found


def _document_on_lines(lines: Sequence[bytes], index: int) -> tuple[Any, int]:
    """The JSON that begins on a line and ends on a later one, and on how many lines it stands; 0 when there is none."""
    if not (lines[index].lstrip().startswith(b"{") and lines[index].rstrip().endswith((b"{", b"[", b","))):
        return None, 0
    try:
        text = b"\n".join(lines[index : index + _MOST_LINES_OF_RECORD]).decode("utf-8", "replace")
        document, end = _json.raw_decode(text.lstrip())
    except (ValueError, RecursionError):
        return None, 0
    end += len(text) - len(text.lstrip())
    rest_of_line = text[end:].partition("\n")[0]
    return (None, 0) if rest_of_line.strip() else (document, text.count("\n", 0, end) + 1)


def _hour(time: str, latest: datetime | None) -> datetime | FaultError:
    try:
        moment = parse_event_time(time)
    except FaultError as fault:
        return fault
    if latest and moment > latest:
        return FaultError("future_time", f"inferenceTime {time} is in the future")
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _of_batch_transform(captured: CaptureData) -> tuple[Payload, Payload]:
    """Input and output. Model Monitor's merged record of a batch transform has both in one."""
    merged = captured.batch_transform_output
    if merged is ABSENT or captured.endpoint_output is not ABSENT:
        return captured.endpoint_input, captured.endpoint_output
    try:
        (document,) = parse_json(merged.data)
        answer = document.pop("SageMakerOutput")
        sent = {key: value for key, value in document.items() if not key.startswith("SageMakerInference")}
    except (ValueError, AttributeError, KeyError):
        return captured.endpoint_input, merged
    return Payload(json.dumps(sent), "JSON"), Payload(json.dumps(answer), "JSON")


def _line_of(request: _Request) -> int:
    return request[0]


def _sort_by_kinds(
    requests: list[_Request],
    formats: tuple[Format, Format],
    hour: datetime,
    by_kinds: dict[tuple[Kind, Kind], list[_Request]],
) -> Iterator[Unreadable]:
    """Puts the requests, with their payloads out of BASE64, where their kinds say."""
    sent_format, answer_format = formats
    if not any(form.is_base64 or form.kind == "unknown" for form in formats):
        by_kinds.setdefault((sent_format.kind, answer_format.kind), []).extend(requests)
        return
    for line, sent, answer in requests:
        try:
            sent_kind, sent = payload_of(sent, sent_format)
        except FaultError as fault:
            yield Unreadable(line, fault.reason, fault.detail, hour=hour)
            continue
        try:
            answer_kind, answer = payload_of(answer, answer_format)
        except FaultError as fault:
            yield _lost_output(line, fault, hour, alone=sent_kind == "absent")
            if sent_kind == "absent":
                continue
            answer_kind, answer = "absent", ""
        by_kinds.setdefault((sent_kind, answer_kind), []).append((line, sent, answer))


def _lost_output(line: int, fault: FaultError, hour: datetime, *, alone: bool) -> Unreadable:
    reason = fault.reason if fault.reason in _PLAIN_REASONS else f"output_{fault.reason}"
    return Unreadable(line, reason, fault.detail, records=1 if alone else 0, hour=hour)


def _read_batch(
    hour: datetime, kinds: tuple[Kind, Kind], requests: Sequence[_Request], layout: Layout, texts: TextPositions
) -> Iterator[Table | Unreadable]:
    """The table of requests of one hour whose payloads are of the same kinds."""
    sent_kind, answer_kind = kinds
    hints = {"keep": layout.keep, "numeric": layout.numeric, "categorical": layout.categorical}
    answer_side = Side("output", layout.predictions, layout.output_records, **hints)  # type: ignore[arg-type]
    lines = [line for line, _, _ in requests]
    answers = [answer for _, _, answer in requests]
    if sent_kind == "absent":
        answered = _read(answer_kind, answers, answer_side, texts)
        for index, fault in answered.faults.items():
            yield _lost_output(lines[index], fault, hour, alone=True)
        yield from _table(hour, answered, dict(answered.columns), frozenset(answered.columns))
        return
    sent_side = Side("input", layout.columns, layout.records, **hints)  # type: ignore[arg-type]
    sent = _read(sent_kind, [payload for _, payload, _ in requests], sent_side, texts)
    for index, fault in sent.faults.items():
        yield Unreadable(lines[index], fault.reason, fault.detail, hour=hour)
    outputs: dict[str, Column] = {}
    if answer_kind != "absent":
        good = [index for index in range(len(lines)) if index not in sent.faults]
        expected = [sent.counts[index] for index in good]
        side = Side("output", layout.predictions, layout.output_records, taken=sent.names, **hints)  # type: ignore[arg-type]
        answered = _read(answer_kind, [answers[index] for index in good], side, texts, expected)
        outputs, faults = _joined(answered, expected)
        for position, fault in faults.items():
            yield _lost_output(lines[good[position]], fault, hour, alone=False)
    yield from _table(hour, sent, {**sent.columns, **outputs}, frozenset(outputs))


def _table(hour: datetime, rows: Rows, columns: dict[str, Column], outputs: frozenset[str]) -> Iterator[Table]:
    records = len(rows.counts) - len(rows.faults)
    if records:
        yield Table(hour=hour, rows=sum(rows.counts), records=records, columns=columns, outputs=outputs)


def _joined(answered: Rows, expected: Sequence[int]) -> tuple[dict[str, Column], dict[int, FaultError]]:
    """The output columns in the rows of the inputs, and the faults of outputs that have none or do not fit."""
    faults = dict(answered.faults)
    for position, (count, due) in enumerate(zip(answered.counts, expected, strict=True)):
        if count != due and position not in faults:
            detail = f"{due} rows went in and {count} came out"
            faults[position] = FaultError("row_count_differs", detail)
    if not faults:
        return dict(answered.columns), faults
    if len(faults) == len(expected):
        return {}, faults
    fits = np.array([position not in faults for position in range(len(expected))])
    rows, places = np.repeat(fits, answered.counts), np.repeat(fits, expected)
    return {name: moved(column, rows, places) for name, column in answered.columns.items()}, faults


def _read(
    kind: Kind, payloads: Sequence[Any], side: Side, texts: TextPositions, expected: Sequence[int] | None = None
) -> Rows:
    """The rows of payloads of one kind."""
    if not payloads:
        return Rows({}, frozenset(), [])
    if kind == "csv":
        return read_csv(payloads, side, texts, expected)
    if kind == "json":
        return read_json(payloads, side, texts, expected)
    if kind == "numpy":
        return _read_arrays(payloads, side)
    if kind in ("image", "binary"):
        return read_bytes([_as_bytes(payload) for payload in payloads], side)
    if kind == "markup" and side.label == "output":
        fault = FaultError("error_response", "the model answered with a page of markup")
        return Rows({}, frozenset(), [0] * len(payloads), dict.fromkeys(range(len(payloads)), fault))
    return read_texts(payloads, side)


def _as_bytes(payload: str | bytes) -> bytes:
    return payload.encode() if isinstance(payload, str) else payload


def _read_arrays(payloads: Sequence[str | bytes], side: Side) -> Rows:
    named: list[Measured] = []
    counts: list[int] = []
    faults: dict[int, FaultError] = {}
    for index, payload in enumerate(payloads):
        rows: list[Measured] = []
        try:
            rows = rows_of_array(_as_bytes(payload), side)
        except FaultError as fault:
            faults[index] = fault
        counts.append(len(rows))
        named += rows
    columns, names = columns_of_rows(named, side, column_of_cells)
    return Rows(columns, names, counts, faults)
