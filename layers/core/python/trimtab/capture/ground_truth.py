"""Ground-truth records: what a request's answer should have been, as Model Monitor asks its users to deliver it.

One line is `{"groundTruthData": {"data": "1", "encoding": "CSV"}, "eventMetadata": {"eventId": "…"}}`: the `eventId` is
the request's `inferenceId` if it had one, else its `eventId`. A request of many rows has a label for each.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from itertools import repeat
from math import isnan
from typing import Any

import msgspec

from trimtab.capture.csv_rows import read_csv
from trimtab.capture.delimited import TextPositions
from trimtab.capture.envelope import TOO_DEEP, parse_tolerantly, without_surrogates
from trimtab.capture.faults import FaultError, Unreadable
from trimtab.capture.formats import format_of, payload_of
from trimtab.capture.json_rows import read_json
from trimtab.capture.lines import GROUP_BYTES, groups
from trimtab.capture.rows import Rows, Side
from trimtab.capture.table import Column, NumericColumn

type Value = float | str | None
"""A number, a text (booleans are "true" and "false"), or None for a missing value."""


@dataclass(frozen=True, slots=True)
class Label:
    """What one row should have been answered with. `event_id` and `index` are the row's identity: the request, and the
    row in it. `values` by name; a value without a name is called `label`, several `label_0`, `label_1`, …"""

    event_id: str
    index: int
    values: Mapping[str, Value]


class _Truth(msgspec.Struct, rename="camel", gc=False):
    data: str
    encoding: str = ""


class _Event(msgspec.Struct, rename="camel", gc=False):
    event_id: str


class _Record(msgspec.Struct, rename="camel", gc=False):
    ground_truth_data: _Truth
    event_metadata: _Event


_read_strictly = msgspec.json.Decoder(_Record).decode


def labels(chunks: Iterable[bytes], *, group_bytes: int = GROUP_BYTES) -> Iterator[Label | Unreadable]:
    """The labels in an object, plain or gzip, in constant memory. No content raises.

    A CSV payload has a row per line, a JSON one a row per record or, in a list of scalars, per scalar.
    """
    texts: TextPositions = {}
    for group in groups(chunks, group_bytes=group_bytes):
        if isinstance(group, Unreadable):
            yield group
            continue
        batches: dict[bool, list[tuple[int, str, str]]] = defaultdict(list)
        for number, line in enumerate(BytesIO(group.data), group.first_line):
            if not line.strip():
                continue
            try:
                record = _record(line)
                is_json, payload = _payload(record.ground_truth_data)
            except FaultError as fault:
                yield Unreadable(number, fault.reason, fault.detail)
                continue
            batches[is_json].append((number, record.event_metadata.event_id, payload))
        for is_json, batch in batches.items():
            payloads = [payload for _, _, payload in batch]
            read = read_json if is_json else read_csv
            rows = read(payloads, Side("label", names=("label",) if is_json else ()), texts)
            for position, found in rows.faults.items():
                yield Unreadable(batch[position][0], found.reason, found.detail)
            yield from _labels([event_id for _, event_id, _ in batch], rows)


def _record(line: bytes) -> _Record:
    """The record on a line. Raises FaultError."""
    try:
        record = _read_strictly(line)
    except (ValueError, RecursionError):
        record = _record_of(parse_tolerantly(line))
    if not record.event_metadata.event_id:
        raise FaultError("no_event_id", "eventMetadata.eventId is missing")
    return record


def _record_of(document: Any) -> _Record:
    truth = document.get("groundTruthData") if isinstance(document, dict) else None
    if not isinstance(truth, dict) or truth.get("data") is None:
        raise FaultError("not_ground_truth", "groundTruthData.data is missing")
    event = document.get("eventMetadata")
    event_id = event.get("eventId") if isinstance(event, dict) else None
    data, encoding = truth["data"], truth.get("encoding")
    if not isinstance(data, str):  # JSON that was not quoted
        try:
            data, encoding = json.dumps(data), "JSON"
        except RecursionError as error:
            raise FaultError("too_deep", TOO_DEEP) from error
    return _Record(
        _Truth(without_surrogates(data), encoding if isinstance(encoding, str) else ""),
        _Event(without_surrogates(str(event_id or ""))),
    )


def _payload(truth: _Truth) -> tuple[bool, str]:
    """Whether the labels are JSON, and their text. Raises FaultError."""
    kind, payload = payload_of(truth.data, format_of(truth.encoding, ""))
    if not isinstance(payload, str) or kind not in ("csv", "json", "text"):
        raise FaultError("not_labels", f"groundTruthData holds {kind}")
    return kind == "json", payload


def _labels(event_ids: list[str], rows: Rows) -> Iterator[Label]:
    names = list(rows.columns)
    if names == [f"c{i}" for i in range(len(names))]:
        names = ["label"] if len(names) == 1 else [f"label_{i}" for i in range(len(names))]
    # JSON objects without a key are rows without a value
    of_rows = zip(*map(_values, rows.columns.values()), strict=True) if names else repeat(())
    for event_id, count in zip(event_ids, rows.counts, strict=True):
        for index in range(count):
            yield Label(event_id, index, dict(zip(names, next(of_rows), strict=True)))


def _values(column: Column) -> list[Value]:
    if isinstance(column, NumericColumn):
        return [None if isnan(value) else value for value in column.values.tolist()]
    return [None if code < 0 else column.values[code] for code in column.codes.tolist()]
