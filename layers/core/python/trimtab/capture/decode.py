"""From the bytes of a capture object to tables, one event-time hour at a time, in constant memory.

Lines are taken in groups of some megabytes. The lines of a group that have one hour and the same kinds of input and
output are read together, because reading columns is many times faster than reading rows; each such batch is one table.
Nothing is lost silently: every line that is not blank counts in the `records` of one table or is an `Unreadable`.

What is lost with what:
- an envelope, a time or an input that cannot be read: the line;
- an output that cannot be read, is an error message, or has not as many rows as the input: the output. The input's rows
  stay, with missing outputs, and an `Unreadable` with `records` 0 says why;
- where only outputs are captured, an output that cannot be read: the line.

A request in a format that is not read here, such as Parquet, has the rows that its answer has: one without. Its size,
measured once, stands in each of them, so that no column is missing the more the larger requests are.

A row's identity is (`inferenceId` or `eventId`, index of the row in the request). Rows stand in a table in order of
lines, and within a line in order of the request. Where `layout.identities` asks for it, tables say which requests these
are; else no line is looked at for it.
"""

import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain, compress
from typing import Any

import numpy as np

from trimtab.capture.alike import read_alike
from trimtab.capture.columns import column_of_cells, moved
from trimtab.capture.csv_rows import read_csv
from trimtab.capture.delimited import TextPositions
from trimtab.capture.envelope import ABSENT, CaptureData, Envelope, Payload
from trimtab.capture.event_time import parse_event_time
from trimtab.capture.faults import FaultError, Unreadable
from trimtab.capture.formats import Format, Kind, Payloads, each_of, format_of, payload_of, texts_of
from trimtab.capture.free_text import MEASURED, are_free_payloads, measure_free_texts
from trimtab.capture.identities import Requests, identities_of, requests_on
from trimtab.capture.json_rows import read_json
from trimtab.capture.json_shapes import parse_json
from trimtab.capture.layout import Layout
from trimtab.capture.lines import GROUP_BYTES, Group, groups
from trimtab.capture.measures import Measured, read_bytes, read_labels, read_texts, rows_of_array
from trimtab.capture.memory import keep_freed_memory
from trimtab.capture.odd_lines import sorted_by_hour
from trimtab.capture.records import read_records
from trimtab.capture.rows import Rows, Side, columns_of_rows, spread
from trimtab.capture.table import Column, Identities, Table

__all__ = ["Unreadable", "decode"]

CLOCK_SKEW = timedelta(minutes=5)
_UNCOUNTED = ("table", "binary")
"""Kinds of payloads that may hold any number of rows, of which nothing tells it."""
_PLAIN_REASONS = frozenset({"error_response", "row_count_differs"})
type _BatchKey = tuple[datetime, Format, Format]


@dataclass(frozen=True, slots=True)
class _Requests:
    """Lines' numbers, inputs and outputs. Three lists and not one of tuples, which would keep the collector busy."""

    lines: Sequence[int]
    inputs: Payloads
    outputs: Payloads

    def where(self, wanted: Sequence[bool]) -> "_Requests":
        inputs, outputs = each_of(self.inputs), each_of(self.outputs)
        return _Requests(*(list(compress(column, wanted)) for column in (self.lines, inputs, outputs)))

    def each(self) -> Iterator[tuple[int, Any, Any]]:
        return zip(self.lines, each_of(self.inputs), each_of(self.outputs), strict=True)


@dataclass(frozen=True, slots=True)
class _GrowingRequests(_Requests):
    lines: list[int] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    outputs: list[Any] = field(default_factory=list)


def decode(
    chunks: Iterable[bytes], layout: Layout, *, now: datetime | None = None, group_bytes: int = GROUP_BYTES
) -> Iterator[Table | Unreadable]:
    """Tables and unreadable things of a capture object, given as chunks of any size, plain or gzip.

    With `now` given, event times more than five minutes after it are unreadable (`future_time`). No content of the
    object raises; what `chunks` itself raises goes through.
    """
    keep_freed_memory()
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
    known = requests_on(group) if layout.identities else None
    hours: dict[str, datetime] = {}  # by what stands before the minutes
    growing: dict[_BatchKey, _GrowingRequests] = {}
    batches, envelopes = _batches_of_alike(group, latest)
    requests, last_spelling = _GrowingRequests(), None  # most often as on the line before
    for line, envelope in envelopes:
        if isinstance(envelope, FaultError):
            yield Unreadable(line, envelope.reason, envelope.detail)
            continue
        time = envelope.event_metadata.inference_time
        hour = hours.get(time[:13]) if time[13::3] == "::Z" else None
        if hour is None:
            try:
                hour = _hour(time, latest)
            except FaultError as fault:
                yield Unreadable(line, fault.reason, fault.detail)
                continue
            if latest is None or hour + timedelta(hours=1) <= latest:
                hours[time[:13]] = hour
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
        if spelling != last_spelling:
            formats = (format_of(*spelling[1:3]), format_of(*spelling[3:5]))
            requests = growing.setdefault((hour, *formats), _GrowingRequests())
            last_spelling = spelling
        requests.lines.append(line)
        requests.inputs.append(sent.data)
        requests.outputs.append(answered.data)
    of_kinds: dict[tuple[datetime, Kind, Kind], list[_Requests]] = {}
    for key, grown in growing.items():
        batches.setdefault(key, []).append(grown)
    for (hour, sent_format, answer_format), parts in sorted(batches.items(), key=_first_line):
        batch = _in_order(parts)
        of_format, unreadable = _sort_by_kinds(hour, batch, sent_format, answer_format)
        yield from unreadable
        for kinds, part in of_format.items():
            of_kinds.setdefault((hour, *kinds), []).append(part)
    batches.clear()
    growing.clear()
    parts = []
    for hour, sent_kind, answer_kind in list(of_kinds):
        ordered = _in_order(of_kinds.pop((hour, sent_kind, answer_kind)))
        yield from _read_batch(hour, sent_kind, answer_kind, ordered, layout, texts, known)


def _first_line(batch: tuple[_BatchKey, list[_Requests]]) -> int:
    return min(part.lines[0] for part in batch[1])


def _batches_of_alike(
    group: Group, latest: datetime | None
) -> tuple[dict[_BatchKey, list[_Requests]], Iterable[tuple[int, Envelope | FaultError]]]:
    """What can be read together, and the records on the other lines."""
    whole = _batch_of_alike(group.data, range(group.first_line, sys.maxsize), latest)
    if whole:
        group.lines = len(whole[1].lines)
        return {whole[0]: [whole[1]]}, ()
    records = read_records(group.data, group.first_line)
    lines = sorted_by_hour(group.data)
    if lines is None:
        return {}, records
    batches: dict[_BatchKey, list[_Requests]] = {}
    for indices, data in lines.alike:
        batch = _batch_of_alike(data, (indices + group.first_line).tolist(), latest)
        if batch is None:
            return {}, records
        batches.setdefault(batch[0], []).append(batch[1])
    return batches, chain.from_iterable(read_records(line, group.first_line + index) for index, line in lines.odd)


def _batch_of_alike(
    data: bytes | bytearray, lines: Sequence[int], latest: datetime | None
) -> tuple[_BatchKey, _Requests] | None:
    """The lines as one batch when they are alike and none is in the future. `lines` are their numbers."""
    alike = read_alike(data)
    if alike is None:
        return None
    try:
        hour = _hour(alike.envelope.event_metadata.inference_time, latest)
        if latest and hour + timedelta(hours=1) > latest:
            _hour(alike.last_time, latest)
    except FaultError:
        return None
    captured = alike.envelope.capture_data
    sent, answered = captured.endpoint_input, captured.endpoint_output
    key = (
        hour,
        format_of(sent.encoding, sent.observed_content_type),
        format_of(answered.encoding, answered.observed_content_type),
    )
    numbers = lines[: alike.lines]
    return key, _Requests(numbers, alike.inputs or [""] * len(numbers), alike.outputs or [""] * len(numbers))


def _hour(time: str, latest: datetime | None) -> datetime:
    moment = parse_event_time(time)
    if latest and moment > latest:
        raise FaultError("future_time", f"inferenceTime {time} is in the future")
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def _of_batch_transform(captured: CaptureData) -> tuple[Payload, Payload]:
    """Input and output. Model Monitor's merged record of a batch transform has both in one."""
    merged = captured.batch_transform_output
    if merged is ABSENT or captured.endpoint_output is not ABSENT:
        return captured.endpoint_input, captured.endpoint_output
    try:
        (document,) = parse_json(merged.data)
        answer = json.dumps(document.pop("SageMakerOutput"))
        sent = json.dumps({key: value for key, value in document.items() if not key.startswith("SageMakerInference")})
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return captured.endpoint_input, merged
    return Payload(sent, "JSON"), Payload(answer, "JSON")


def _sort_by_kinds(
    hour: datetime, requests: _Requests, sent_format: Format, answer_format: Format
) -> tuple[Mapping[tuple[Kind, Kind], _Requests], list[Unreadable]]:
    """The requests by the kinds of their payloads, with the payloads out of BASE64, and what could not be got out."""
    unreadable: list[Unreadable] = []
    inputs, outputs = texts_of(requests.inputs, sent_format), texts_of(requests.outputs, answer_format)
    if inputs is not None and outputs is not None:
        return {(sent_format.kind, answer_format.kind): _Requests(requests.lines, inputs, outputs)}, unreadable
    by_kinds: dict[tuple[Kind, Kind], _GrowingRequests] = {}
    for line, sent, answer in requests.each():
        try:
            sent_kind, payload = payload_of(sent, sent_format)
        except FaultError as fault:
            unreadable.append(Unreadable(line, fault.reason, fault.detail, hour=hour))
            continue
        try:
            answer_kind, answer_payload = payload_of(answer, answer_format)
        except FaultError as fault:
            unreadable.append(_lost_output(line, fault, hour, alone=sent_kind == "absent"))
            if sent_kind == "absent":
                continue
            answer_kind, answer_payload = "absent", ""
        of_kinds = by_kinds.get((sent_kind, answer_kind))
        if of_kinds is None:
            of_kinds = by_kinds[(sent_kind, answer_kind)] = _GrowingRequests()
        of_kinds.lines.append(line)
        of_kinds.inputs.append(payload)
        of_kinds.outputs.append(answer_payload)
    return by_kinds, unreadable


def _in_order(parts: Sequence[_Requests]) -> _Requests:
    """The requests of all parts in order of lines."""
    if len(parts) == 1:
        return parts[0]
    rows = sorted((row for part in parts for row in part.each()), key=_line_of)
    lines, inputs, outputs = (list(column) for column in zip(*rows, strict=True))
    return _Requests(lines, inputs, outputs)


def _line_of(row: tuple[int, Any, Any]) -> int:
    return row[0]


def _lost_output(line: int, fault: FaultError, hour: datetime, *, alone: bool) -> Unreadable:
    reason = fault.reason if fault.reason in _PLAIN_REASONS else f"output_{fault.reason}"
    return Unreadable(line, reason, fault.detail, records=1 if alone else 0, hour=hour)


def _read_batch(
    hour: datetime,
    sent_kind: Kind,
    answer_kind: Kind,
    requests: _Requests,
    layout: Layout,
    texts: TextPositions,
    known: Requests | None,
) -> Iterator[Table | Unreadable]:
    """The table of requests of one hour whose payloads are of the same kinds. `known`: which request is on which line,
    where tables are to tell."""
    output_side = Side(
        "output",
        layout.predictions,
        layout.output_records,
        keep=layout.keep,
        numeric=layout.numeric,
        categorical=layout.categorical,
    )
    if sent_kind == "absent":
        answered = _read(answer_kind, requests.outputs, output_side, texts)
        for index, fault in sorted(answered.faults.items()):
            yield _lost_output(requests.lines[index], fault, hour, alone=True)
        identities = None if known is None else identities_of(requests.lines, answered.counts, known)
        yield from _table(hour, answered, dict(answered.columns), frozenset(answered.columns), identities, layout)
        return
    input_side = replace(output_side, label="input", names=layout.columns, records=layout.records)
    sent = _read(sent_kind, requests.inputs, input_side, texts)
    headed = [index in sent.headed for index in range(len(requests.lines))] if sent.headed else []
    if not all(headed):
        # rows with names and rows without get tables of their own: a reference can name the columns of the latter
        for part in (requests.where(headed), requests.where([not each for each in headed])):
            yield from _read_batch(hour, sent_kind, answer_kind, part, layout, texts, known)
        return
    for index, fault in sorted(sent.faults.items()):
        yield Unreadable(requests.lines[index], fault.reason, fault.detail, hour=hour)
    outputs: dict[str, Column] = {}
    if answer_kind != "absent":
        good: Sequence[int] = range(len(requests.lines))
        expected, answers = sent.counts, requests.outputs
        if sent.faults:
            good = [index for index in good if index not in sent.faults]
            all_answers = each_of(answers)
            expected, answers = [sent.counts[index] for index in good], [all_answers[index] for index in good]
        of_one, of_table = sent_kind in ("media", "text"), sent_kind == "table"
        answer_side = replace(output_side, taken=sent.names, of_one=of_one, of_table=of_table)
        is_counted = sent_kind not in _UNCOUNTED or answer_kind in _UNCOUNTED
        answered = _read(answer_kind, answers, answer_side, texts, expected if is_counted else None)
        if not is_counted:
            expected = [max(count, 1) for count in answered.counts]
            sent = spread(sent, expected)
        outputs, faults = _joined(answered, expected)
        for position, fault in sorted(faults.items()):
            yield _lost_output(requests.lines[good[position]], fault, hour, alone=False)
    identities = None if known is None else identities_of(requests.lines, sent.counts, known)
    yield from _table(hour, sent, {**sent.columns, **outputs}, frozenset(outputs), identities, layout)


def _table(
    hour: datetime,
    rows: Rows,
    columns: dict[str, Column],
    outputs: frozenset[str],
    identities: Identities | None,
    layout: Layout,
) -> Iterator[Table]:
    records = len(rows.counts) - len(rows.faults)
    if records:
        count = sum(rows.counts)
        counts = np.array(rows.counts, np.int64) if count > records else None  # no record that was read is without rows
        yield measure_free_texts(Table(hour, count, records, columns, outputs, identities, counts), layout)


def _joined(answered: Rows, expected: Sequence[int]) -> tuple[dict[str, Column], dict[int, FaultError]]:
    """The output columns in the rows of the inputs, and the faults of outputs that have none or do not fit."""
    faults = dict(answered.faults)
    if not faults and answered.counts == expected:
        return dict(answered.columns), faults
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
    kind: Kind, payloads: Payloads, side: Side, texts: TextPositions, expected: Sequence[int] | None = None
) -> Rows:
    """The rows of payloads of one kind."""
    if not payloads:
        return Rows({}, frozenset(), [])
    if kind == "csv":
        return read_csv(payloads, side, texts, expected)
    if kind == "json":
        return read_json(payloads, side, texts, expected)
    payloads = each_of(payloads)
    if kind == "numpy":
        return _read_arrays(payloads, side, expected)
    if kind in ("media", *_UNCOUNTED):
        rows = read_bytes(payloads, side)
        return rows if expected is None else spread(rows, expected)
    if kind == "markup" and side.label == "output":
        fault = FaultError("error_response", "the model answered with a page of markup")
        return Rows({}, frozenset(), [0] * len(payloads), dict.fromkeys(range(len(payloads)), fault))
    if side.label == "output" and not _are_free(payloads, side):
        return read_labels(payloads, side)
    return read_texts(payloads, side)


def _are_free(payloads: Sequence[str], side: Side) -> bool:
    if f"{side.label}{MEASURED}" in side.numeric:
        return True
    return side.column(*side.positions(1)) not in side.categorical and are_free_payloads(payloads)


def _read_arrays(payloads: Sequence[bytes], side: Side, expected: Sequence[int] | None) -> Rows:
    named: list[Measured] = []
    counts: list[int] = []
    faults: dict[int, FaultError] = {}
    for index, payload in enumerate(payloads):
        rows: list[Measured] = []
        try:
            rows = rows_of_array(payload, side, None if expected is None else expected[index])
        except FaultError as fault:
            faults[index] = fault
        counts.append(len(rows))
        named += rows
    columns, names = columns_of_rows(named, side, column_of_cells)
    return Rows(columns, names, counts, faults)
