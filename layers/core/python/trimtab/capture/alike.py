"""Lines that differ in nothing but payloads, identities and times, read by one regular expression.

That is what one client of an endpoint makes, so it is nearly every line. The expression is learnt from one line and
holds letter by letter what is constant. When it matches a group line by line, every line is that JSON document with
other strings in these places, and needs no decoder: half the time of the typed one, and no loop (measured).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from trimtab.capture.envelope import ABSENT, Envelope, read_strictly

_MARK = 1
ESCAPED_QUOTE = f"\\{chr(_MARK)}"
"""Stands for a quotation mark within a payload. JSON has no such byte, and it is no longer than what it replaces."""
_VARYING = re.compile(rb'"(?:data|eventId|inferenceId|inferenceTime)" ?: ?"([^"]*)"')
_PROBE = b"\\u0002%d"
_TIME = len("2026-01-01T07:30:00Z")
_MOST_CONSTANT = 4096
"""Bytes. Expressions take ten times that, and `re` keeps hundreds of them."""
_MINUTES_AND_SECONDS = [14, 15, 17, 18]


@dataclass(frozen=True, slots=True)
class RawTexts:
    """Payloads in UTF-8. While `escaped` they stand as in the line, except for ESCAPED_QUOTE; the only other escape may
    be that of a line feed, and of these there are none when `flat`. `end` is what all end with and `values` lack."""

    values: list[bytes]
    escaped: bool
    flat: bool = False
    end: str = ""

    def __len__(self) -> int:
        return len(self.values)

    def texts(self) -> list[str]:
        """The payloads themselves."""
        return list(map(self.text, self.values))

    def text(self, value: bytes) -> str:
        """The payload that stands as `value`."""
        text = value.decode()
        if self.escaped:
            text = text.replace("\\n", "\n").replace(ESCAPED_QUOTE, '"')
        return text + self.end


@dataclass(frozen=True, slots=True)
class Alike:
    """All lines of a group. `envelope` is the first one's, and every one's in all but identity, payloads, minutes and
    seconds. A side that was not captured has None."""

    envelope: Envelope
    inputs: RawTexts | None
    outputs: RawTexts | None
    lines: int


@dataclass(frozen=True, slots=True)
class _Skeleton:
    """What stands between the strings that vary, and which of these are input, output and time (-1 without)."""

    constants: tuple[bytes, ...]
    places: tuple[int, int, int]


def read_alike(data: bytes) -> Alike | None:
    """The lines' content, or None when they are not alike or not surely: then the decoder has to tell."""
    if not data.endswith(b"\n"):
        data += b"\n"
    letters = np.frombuffer(data, np.uint8)
    lines = int(np.count_nonzero(letters == ord("\n")))
    if np.count_nonzero(letters < ord(" ")) != lines:
        return None
    escapes = np.flatnonzero(letters == ord("\\"))
    escaped = letters[escapes + 1]
    quotes, line_feeds = escaped == ord('"'), escaped == ord("n")
    # no other escapes: so no string ends elsewhere than at a quotation mark, and every one is sound
    if not (quotes | line_feeds).all() or not is_utf8(data):
        return None
    text: bytes | bytearray = data
    if quotes.any():
        text = bytearray(data)
        np.frombuffer(text, np.uint8)[escapes[quotes] + 1] = _MARK
    end = text.index(b"\n") + 1
    skeleton = _learn(bytes(text[:end]))
    if skeleton is None:
        return None
    parts = _expression(skeleton).split(text)
    asked = sorted(place for place in skeleton.places if place >= 0)
    step = len(asked) + 1
    if len(parts) != lines * step + 1 or any(parts[::step]):
        return None
    strings = {place: parts[1 + i :: step] for i, place in enumerate(asked)}
    sent, answered, time = skeleton.places
    if not _have_one_hour(strings[time]):
        return None
    flat = int(line_feeds.sum()) == lines * sum(constant.count(b"\\n") for constant in skeleton.constants)
    return Alike(
        envelope=read_strictly(data[:end]),
        inputs=_raw_texts(strings, sent, skeleton, flat=flat),
        outputs=_raw_texts(strings, answered, skeleton, flat=flat),
        lines=lines,
    )


def is_utf8(data: bytes) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _learn(line: bytes) -> _Skeleton | None:
    spans = [match.span(1) for match in _VARYING.finditer(line)]
    edges = [0, *(edge for start, end in spans for edge in (start, _without_line_feed(line, start, end))), len(line)]
    constants = tuple(line[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    if sum(map(len, constants)) > _MOST_CONSTANT:
        return None
    probe = constants[0] + b"".join(_PROBE % i + constant for i, constant in enumerate(constants[1:]))
    try:
        envelope = read_strictly(probe.replace(ESCAPED_QUOTE.encode(), b'\\"'))
    except (ValueError, RecursionError):
        return None
    captured = envelope.capture_data
    sent, answered = captured.endpoint_input, captured.endpoint_output
    time = _place(envelope.event_metadata.inference_time)
    if captured.batch_transform_output is not ABSENT or (sent is ABSENT and answered is ABSENT) or time is None:
        return None
    input_place, output_place = (-1 if side is ABSENT else _place(side.data) for side in (sent, answered))
    if input_place is None or output_place is None:
        return None
    return _Skeleton(constants, (input_place, output_place, time))


def _without_line_feed(line: bytes, start: int, end: int) -> int:
    return end - 2 if line[start:end].endswith(b"\\n") else end


def _place(text: str) -> int | None:
    """Which probe the text is."""
    mark, _, number = text.partition("\2")
    return int(number) if number and not mark else None


@lru_cache(maxsize=16)
def _expression(skeleton: _Skeleton) -> re.Pattern[bytes]:
    first, *others = map(re.escape, skeleton.constants)
    groups = (rb'([^"]*)' if i in skeleton.places else rb'[^"]*' for i in range(len(others)))
    return re.compile(first + b"".join(part for pair in zip(groups, others, strict=True) for part in pair))


def _raw_texts(strings: Mapping[int, list[bytes]], place: int, skeleton: _Skeleton, *, flat: bool) -> RawTexts | None:
    if place < 0:
        return None
    end = "\n" if skeleton.constants[place + 1].startswith(b"\\n") else ""
    return RawTexts(strings[place], escaped=True, flat=flat, end=end)


def _have_one_hour(times: list[bytes]) -> bool:
    """Whether all are spelled as one second of one and the same hour."""
    first, joined = times[0], b"".join(times)
    if len(first) != _TIME or first[13::3] != b"::Z" or len(joined) != _TIME * len(times):
        return False
    letters = np.frombuffer(joined, np.uint8).reshape(-1, _TIME)
    constant = np.ones(_TIME, dtype=np.bool_)
    constant[_MINUTES_AND_SECONDS] = False
    return bool((letters == letters[0])[:, constant].all())
