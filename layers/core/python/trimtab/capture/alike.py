"""Lines that differ in nothing but payloads, identities and times, read by one regular expression.

That is what one client of an endpoint makes, so it is nearly every line. The expression is learnt from one line and
holds all that is constant letter by letter. When it matches a whole group, line by line, every line is that JSON
document with other strings in these places, and needs no decoder (half the time of the typed one, measured).
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from trimtab.capture.envelope import ABSENT, NOT_CAPTURED, Envelope, Payload, read_strictly

QUOTE = b"\x01"
"""Stands for an escaped quotation mark in payloads. JSON has no such byte."""
_VARYING = re.compile(rb'"(?:data|eventId|inferenceId|inferenceTime)" ?: ?"([^"]*)"')
_NEWLINE = b"\\n"
_BOM = "\ufeff".encode()


@dataclass(frozen=True, slots=True)
class RawTexts:
    """Payloads in UTF-8, without line breaks at the end. While `escaped`, they stand as in the line, except that QUOTE
    stands for a quotation mark: the only other escape there is, is that of a line feed."""

    values: list[bytes]
    escaped: bool

    def __len__(self) -> int:
        return len(self.values)

    def texts(self) -> list[str]:
        if not self.escaped:
            return [value.decode() for value in self.values]
        quote = QUOTE.decode()
        return [value.decode().replace("\\n", "\n").replace(quote, '"') for value in self.values]


@dataclass(frozen=True, slots=True)
class Alike:
    """Lines of a group. `envelope` is the first one's, and that of all in everything but `data` and time."""

    envelope: Envelope
    inputs: RawTexts
    outputs: RawTexts
    times: list[bytes]


def read_alike(data: bytes) -> Alike | None:
    """The content of lines that are alike, or None when they are not, or not surely."""
    if not data.endswith(b"\n"):
        data += b"\n"
    lines = data.count(b"\n")
    if np.count_nonzero(np.frombuffer(data, np.uint8) < 32) != lines:
        return None
    if b'\\"' in data[: data.index(b"\n")]:
        data = data.replace(b'\\"', QUOTE)
    first = data[: data.index(b"\n")]
    learnt = _learn(first)
    if learnt is None or data.count(b"\\") != data.count(_NEWLINE) or not _is_utf8(data):
        return None
    envelope, constants, sent, answered, time = learnt
    parts = _expression(constants, (sent, answered, time)).split(data)
    step = 1 + len({sent, answered, time} - {None})
    if len(parts) != lines * step + 1 or any(parts[::step]):
        return None
    places = sorted({sent, answered, time} - {None})
    strings = {place: parts[1 + i :: step] for i, place in enumerate(places)}
