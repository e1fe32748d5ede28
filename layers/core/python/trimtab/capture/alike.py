"""Lines that differ in nothing but payloads, identities and times, split without a look at each.

That is what one client of an endpoint makes, so it is nearly every line. What is constant is learnt from the first
line. Where it should stand in the others is computed for all of them from the places of one character, and then
compared byte by byte. When it stands there and no string between holds what would end it, every line is that JSON
document with other strings in these places, and needs no decoder.
"""

import re
from dataclasses import dataclass, replace

import numpy as np

from trimtab.capture.envelope import ABSENT, Envelope, read_strictly
from trimtab.capture.slices import ByteArray, blocks, count_of, letters_of, lines_of, places_of, taken
from trimtab.capture.table import IntArray

_VARYING = re.compile(rb'"(?:data|eventId|inferenceId|inferenceTime)" ?: ?"([^"]*)"')
_NO_QUOTE = b"\\\1"
_PROBE = b"\\u0002%d"
_TIME = len("2026-01-01T07:30:00Z")
_MINUTES_AND_SECONDS = [14, 15, 17, 18]
_LEAST_DIGITS, _GREATEST_DIGITS = (np.frombuffer(digits, np.uint8) for digits in (b"0000", b"5959"))
_QUOTE, _BACKSLASH, _LINE_FEED = b'"\\\n'
_ANCHORS = b'}"'
"""Characters of constants by which to find them. The first is rare, so fast, but not in every constant: one without it
is found only if the string behind it is as long in all lines. The second is in every one."""


@dataclass(frozen=True, slots=True)
class RawTexts:
    """Payloads in UTF-8 in one buffer: letters[start:end] of each, in order, and at least one byte behind each. While
    `escaped` they stand as in a JSON string, with no escapes but of quotation marks and line feeds; of line feeds there
    are none when `flat`. `end` is what all end with and the letters lack."""

    letters: ByteArray
    starts: IntArray
    ends: IntArray
    escaped: bool
    flat: bool = False
    end: str = ""

    def __len__(self) -> int:
        return len(self.starts)

    def texts(self) -> list[str]:
        """The payloads themselves."""
        return [self.text(index) for index in range(len(self))]

    def text(self, index: int) -> str:
        """One of the payloads."""
        text = self.letters[self.starts[index] : self.ends[index]].tobytes().decode()
        if self.escaped:
            text = text.replace("\\n", "\n").replace('\\"', '"')
        return text + self.end

    def joined(self) -> bytes:
        """The payloads as they stand, with a line feed behind each."""
        return lines_of(self.letters, self.starts, self.ends)

    def lines(self) -> tuple["RawTexts", IntArray]:
        """The lines of the payloads, each by itself, and how many each payload has."""
        feeds = places_of(self.letters, _BACKSLASH if self.escaped else _LINE_FEED)
        if self.escaped:
            feeds = feeds[self.letters[feeds + 1] == ord("n")]
        nearest = np.searchsorted(self.starts, feeds, side="right") - 1
        feeds = feeds[(nearest >= 0) & (feeds < self.ends[nearest])]
        counts = np.searchsorted(feeds, self.ends) - np.searchsorted(feeds, self.starts) + 1
        starts = np.sort(np.concatenate([self.starts, feeds + (2 if self.escaped else 1)]))
        ends = np.sort(np.concatenate([self.ends, feeds]))
        return replace(self, starts=starts, ends=ends, flat=True, end=""), counts

    def stripped(self, of: bytes) -> "RawTexts":
        """The payloads without any of these letters at their ends."""
        is_one = np.isin(np.arange(256), list(of))
        starts, ends = self.starts, self.ends
        while (is_longer := is_one[self.letters[ends - 1]] & (starts < ends)).any():
            ends = ends - is_longer
        while (is_longer := is_one[self.letters[starts]] & (starts < ends)).any():
            starts = starts + is_longer
        return replace(self, starts=starts, ends=ends)


@dataclass(frozen=True, slots=True)
class Alike:
    """All lines of a group. `envelope` is the first one's, and every one's in all but identity, payloads, minutes and
    seconds. A side that was not captured has None. `last_time` is the greatest time, "" when one has odd minutes."""

    envelope: Envelope
    inputs: RawTexts | None
    outputs: RawTexts | None
    lines: int
    last_time: str


@dataclass(frozen=True, slots=True)
class Skeleton:
    """What stands around the strings that vary, where in the first line, and which of these strings are input, output
    and time (-1 without)."""

    constants: tuple[bytes, ...]
    starts: tuple[int, ...]
    places: tuple[int, int, int]


def read_alike(data: bytes | bytearray) -> Alike | None:
    """The lines' content, or None when they are not alike or not surely: then the decoder has to tell."""
    if not data.endswith(b"\n"):
        data = data + b"\n"
    line = bytes(data[: data.index(b"\n") + 1])
    skeleton = learn(line)
    if skeleton is None or not is_utf8(data):
        return None
    letters = letters_of(data)
    for anchor in _ANCHORS:
        constants = _constants(letters, len(line), skeleton, anchor)
        if constants is not None:
            break
    else:
        return None
    starts, ends = constants[1][:, :-1], constants[0][:, 1:]
    line_feeds = _escaped_line_feeds(letters, ends, line, b"".join(skeleton.constants))
    sent, answered, time = skeleton.places
    last_time = _last_time(letters, starts[:, time], ends[:, time])
    if line_feeds is None or last_time is None:
        return None

    def texts(place: int) -> RawTexts | None:
        if place < 0:
            return None
        end = "\n" if skeleton.constants[place + 1].startswith(b"\\n") else ""
        return RawTexts(letters, starts[:, place], ends[:, place], escaped=True, flat=not line_feeds, end=end)

    return Alike(read_strictly(line), texts(sent), texts(answered), len(starts), last_time)


def is_utf8(data: bytes | bytearray) -> bool:
    if data.isascii():
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def learn(line: bytes) -> Skeleton | None:
    """The skeleton of a line with its line feed, or None when it is no regular capture."""
    spans = [match.span(1) for match in _VARYING.finditer(line.replace(b'\\"', _NO_QUOTE))]
    spans = [(start, end - 2 if line[start:end].endswith(b"\\n") else end) for start, end in spans]
    edges = [0, *(edge for span in spans for edge in span), len(line)]
    constants = tuple(line[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))
    probe = constants[0] + b"".join(_PROBE % i + constant for i, constant in enumerate(constants[1:]))
    try:
        envelope = read_strictly(probe)
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
    return Skeleton(constants, tuple(edges[::2]), (input_place, output_place, time))


def _place(text: str) -> int | None:
    """Which probe the text is."""
    mark, _, number = text.partition("\2")
    return int(number) if number and not mark else None


def _constants(letters: ByteArray, end: int, skeleton: Skeleton, anchor: int) -> tuple[IntArray, IntArray] | None:
    """Starts and ends of the constants, both of shape (lines, constants), or None when some do not stand where the
    anchors tell. `end` is that of the first line."""
    anchors = places_of(letters, anchor)
    if anchor == _QUOTE:
        anchors = anchors[letters[anchors - 1] != _BACKSLASH]
    of_first = anchors[: np.searchsorted(anchors, end)]
    if not len(of_first) or len(anchors) % len(of_first):
        return None
    anchors = anchors.reshape(-1, len(of_first))
    lengths = np.array([len(constant) for constant in skeleton.constants])
    starts = np.empty((len(anchors), len(lengths)), np.int64)
    for i in range(len(lengths) - 1, 0, -1):
        start = skeleton.starts[i]
        column = int(np.searchsorted(of_first, start))
        if column < len(of_first) and of_first[column] < start + lengths[i]:
            starts[:, i] = anchors[:, column] + (start - of_first[column])
        elif i + 1 < len(lengths):
            starts[:, i] = starts[:, i + 1] + (start - skeleton.starts[i + 1])
        else:
            return None
    starts[0, 0] = 0
    starts[1:, 0] = starts[:-1, -1] + lengths[-1]
    ends = starts + lengths
    if ends[-1, -1] != len(letters):
        return None
    try:
        found = taken(letters, starts, ends)
    except ValueError:
        return None
    are_there = found.reshape(len(starts), -1) == letters_of(b"".join(skeleton.constants))
    return (starts, ends) if are_there.all() else None


def _escaped_line_feeds(letters: ByteArray, ends: IntArray, line: bytes, constant: bytes) -> int | None:
    """How many there are in the strings that vary, or None when these hold other escapes, quotation marks that are not
    escaped, or control characters. `ends` are those of the strings, `line` is the first, `constant` is all in it that
    does not vary."""
    lines = len(ends)
    backslashes = count_of(letters, _BACKSLASH) - lines * constant.count(b"\\")
    quotes = 0
    few, of_first = (sum(letter <= _QUOTE for letter in text) for text in (constant, line))
    if of_first > few or sum(int(np.count_nonzero(part <= _QUOTE)) for part in blocks(letters)) > lines * few:
        quotes = count_of(letters, _QUOTE) - lines * constant.count(b'"')
        controls = sum(int(np.count_nonzero(part < ord(" "))) for part in blocks(letters)) - lines
        if controls or quotes > backslashes:
            return None
    if not backslashes:
        return 0
    if (letters[ends - 1] == _BACKSLASH).any():
        return None  # what seemed to end the string is escaped
    escaped_quotes = _escaped(letters, _QUOTE) - lines * constant.count(b'\\"')
    line_feeds = backslashes - escaped_quotes
    if line_feeds and _escaped(letters, ord("n")) - lines * constant.count(b"\\n") != line_feeds:
        return None
    return line_feeds if escaped_quotes == quotes else None


def _escaped(letters: ByteArray, letter: int) -> int:
    """How often the letter stands behind a backslash."""
    pairs = zip(blocks(letters[:-1]), blocks(letters[1:]), strict=True)
    return sum(int(np.count_nonzero((part == _BACKSLASH) & (behind == letter))) for part, behind in pairs)


def _last_time(letters: ByteArray, starts: IntArray, ends: IntArray) -> str | None:
    """The greatest of the times, "" when one has odd minutes or seconds, or None when they are not all spelled as one
    second of one and the same hour."""
    if (ends - starts != _TIME).any():
        return None
    times = taken(letters, starts, ends).reshape(-1, _TIME)
    constant = np.ones(_TIME, dtype=np.bool_)
    constant[_MINUTES_AND_SECONDS] = False
    if times[0, 13::3].tobytes() != b"::Z" or not (times == times[0])[:, constant].all():
        return None
    varying = np.ascontiguousarray(times[:, _MINUTES_AND_SECONDS])
    if (varying < _LEAST_DIGITS).any() or (varying > _GREATEST_DIGITS).any():
        return ""
    return str(times[varying.view(">u4").argmax()].tobytes().decode())
