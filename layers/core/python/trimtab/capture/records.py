"""The records of a group of lines, one by one: most on a line of their own, some pretty-printed."""

import json
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from trimtab.capture.envelope import Envelope, envelope_of, read_envelope, read_strictly
from trimtab.capture.faults import FaultError

_MOST_BYTES_OF_RECORD = 2**18
_json = json.JSONDecoder()


def read_records(
    data: bytes | bytearray, first_line: int, read: Callable[[bytes], Envelope] = read_strictly
) -> Iterator[tuple[int, Envelope | FaultError]]:
    """Each record on the lines, or why it is none, with the number of its first line. `read`: how a regular line is."""
    stream = BytesIO(data)
    number = first_line - 1
    for line in stream:
        number += 1
        try:
            yield number, read(line)
            continue
        except (ValueError, RecursionError):
            if not line.strip():
                continue
        try:
            yield number, read_envelope(line)
            continue
        except FaultError as fault:
            document, further = _document_on_lines(line, stream)
            if not further:
                yield number, fault
                continue
        try:
            yield number, envelope_of(document)
        except FaultError as fault:
            yield number, fault
        number += further


def may_begin_document(line: bytes) -> bool:
    """Whether it looks like the first line of a pretty-printed document."""
    return line.lstrip().startswith(b"{") and line.rstrip().endswith((b"{", b"[", b","))


def begins_document(data: bytes | bytearray) -> bool:
    """Whether a document on several lines begins on the first."""
    stream = BytesIO(data)
    return _document_on_lines(stream.readline(), stream)[1] > 0


def _document_on_lines(line: bytes, stream: BytesIO) -> tuple[Any, int]:
    """A pretty-printed JSON document that begins on the line, and on how many further lines of the stream it stands.

    Takes these lines from the stream. No further lines when there is no such document.
    """
    if not may_begin_document(line):
        return None, 0
    position = stream.tell()
    text = (line.lstrip() + stream.read(_MOST_BYTES_OF_RECORD)).decode("utf-8", "replace")
    stream.seek(position)
    try:
        document, end = _json.raw_decode(text)
    except (ValueError, RecursionError):
        return None, 0
    further = text.count("\n", 0, end)
    if text[end:].partition("\n")[0].strip():
        return None, 0
    for _ in range(further):
        stream.readline()
    return document, further
