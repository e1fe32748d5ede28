"""Lines that differ in nothing but payloads, identities and times, read by one regular expression.

That is what one client of an endpoint makes, so it is nearly every line. The expression is learnt from one line and
holds letter by letter what is constant. When it matches a group line by line, every line is that JSON document with
other strings in these places, and needs no decoder: half the time of the typed one, and no loop (measured).
"""

import re
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from trimtab.capture.envelope import ABSENT, Envelope, read_strictly

QUOTE = b"\x01"
"""Stands for a quotation mark within a payload. JSON has no such byte."""
_VARYING = re.compile(rb'"(?:data|eventId|inferenceId|inferenceTime)" ?: ?"([^"]*)"')
_MARK = "\x02"
_PROBE = b"\\u0002%d"
_TIME = len("2026-01-01T07:30:00Z")
_MINUTES_AND_SECONDS = [14, 15, 17, 18]


@dataclass(frozen=True, slots=True)
class RawTexts:
    """Payloads in UTF-8. While `escaped` they stand as in the line, with QUOTE for a quotation mark; the only escape
    besides is that of a line feed. `end` is what all of them end with and `values` lack."""

    values: list[bytes]
    escaped: bool
    end: str = ""

    def __len__(self) -> int:
        return len(self.values)

    def texts(self) -> list[str]:
        """The payloads themselves."""
        if not self.escaped:
            return [value.decode() + self.end for value in self.values]
        quote = QUOTE.decode()
        return [value.decode().replace("\\n", "\n").replace(quote, '"') + self.end for value in self.values]


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
    lines = data.count(b"\n")
    if np.count_nonzero(np.frombuffer(data, np.uint8) < ord(" ")) != lines:
        return None
    if b'\\"' in data[: data.index(b"\n")]:
        data = data.replace(b'\\"', QUOTE)
    first = data[: data.index(b"\n") + 1]
    skeleton = _learn(first)
    # every escape is that of a line feed: so no string ends elsewhere than at a quotation mark, and all are sound
    if skeleton is None or data.count(b"\\") != data.count(b"\\n") or not is_utf8(data):
        return None
    parts = _expression(skeleton).split(data)
    asked = sorted(place for place in skeleton.places if place >= 0)
    step = len(asked) + 1
    if len(parts) != lines * step + 1 or any(parts[::step]):
        return None
    strings = {place: parts[1 + i :: step] for i, place in enumerate(asked)}
    sent, answered, time = skeleton.places
    if not _have_one_hour(strings[time]):
        return None
    return Alike(
        envelope=read_strictly(first.replace(QUOTE, b'\\"')),
        inputs=_raw_texts(strings, sent, skeleton),
        outputs=_raw_texts(strings, answered, skeleton),
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
    probe = constants[0] + b"".join(_PROBE % i + constant for i, constant in enumerate(constants[1:]))
    try:
        envelope = read_strictly(probe.replace(QUOTE, b'\\"'))
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
    mark, _, number = text.partition(_MARK)
    return int(number) if number and not mark else None


@lru_cache(maxsize=16)
def _expression(skeleton: _Skeleton) -> re.Pattern[bytes]:
    first, *others = map(re.escape, skeleton.constants)
    groups = (rb'([^"]*)' if i in skeleton.places else rb'[^"]*' for i in range(len(others)))
    return re.compile(first + b"".join(part for pair in zip(groups, others, strict=True) for part in pair))


def _raw_texts(strings: dict[int, list[bytes]], place: int, skeleton: _Skeleton) -> RawTexts | None:
    if place < 0:
        return None
    end = "\n" if skeleton.constants[place + 1].startswith(b"\\n") else ""
    return RawTexts(strings[place], escaped=True, end=end)


def _have_one_hour(times: list[bytes]) -> bool:
    """Whether all are spelled as one second of one and the same hour."""
    first, joined = times[0], b"".join(times)
    if len(first) != _TIME or first[13::3] != b"::Z" or len(joined) != _TIME * len(times):
        return False
    letters = np.frombuffer(joined, np.uint8).reshape(-1, _TIME)
    constant = np.ones(_TIME, dtype=np.bool_)
    constant[_MINUTES_AND_SECONDS] = False
    return bool((letters == letters[0])[:, constant].all())
