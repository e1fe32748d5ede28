"""From the chunks of an object, plain or gzip, to groups of whole lines in constant memory.

Where groups end depends on the bytes alone, never on how they were chunked.
"""

import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from trimtab.capture.faults import FaultError, Unreadable
from trimtab.capture.slices import count_of, letters_of

GROUP_BYTES = 16 * 2**20
LINE_BYTES = 32 * 2**20
"""The longest line that is surely read: two 6 MB payloads, escaped, stay well below."""
BLOCK_BYTES = 2**20
_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Group:
    """Whole lines of an object. `first_line` is the number of the first, from 1. Whoever comes to know how many `lines`
    there are before the next group is asked for should say so, and they are not counted again."""

    first_line: int
    data: bytearray
    lines: int | None = None


def groups(
    chunks: Iterable[bytes], *, group_bytes: int = GROUP_BYTES, line_bytes: int = LINE_BYTES
) -> Iterator[Group | Unreadable]:
    """Groups of `group_bytes` and up to the next line end. A line much longer than `line_bytes` is unreadable, and so
    is the rest of a stream that is broken gzip. Whatever `chunks` raises goes through."""
    line = 1
    pending = bytearray()
    in_long_line = False
    try:
        for whole_piece in _plain(chunks):
            piece = memoryview(whole_piece)
            while piece:
                if in_long_line:
                    end = bytes(piece).find(b"\n") + 1
                    piece = piece[end or len(piece) :]
                    line += bool(end)
                    in_long_line = not end
                    continue
                start, stop = max(0, group_bytes - 1 - len(pending)), group_bytes + line_bytes - len(pending)
                end = bytes(piece[start:stop]).find(b"\n") + 1  # copying is most of the work here
                if end:
                    pending += piece[: start + end]
                    data, pending, piece = pending, bytearray(), piece[start + end :]
                elif len(piece) < stop:
                    pending += piece
                    break
                else:
                    rest = pending + piece
                    end = rest.rfind(b"\n", 0, group_bytes) + 1
                    data, pending, piece = rest[:end], bytearray(), memoryview(rest)[end:]
                    if not end:
                        yield Unreadable(line, "line_too_long", f"the line is longer than {line_bytes} bytes")
                        in_long_line = True
                        continue
                group = Group(line, data)
                yield group
                line += group.lines or _line_feeds(data)
    except FaultError as fault:
        if pending:
            yield Group(line, pending)
            line += _line_feeds(pending)
        yield Unreadable(line, fault.reason, fault.detail)
        return
    if pending:
        yield Group(line, pending)


def _line_feeds(data: bytearray) -> int:
    return count_of(letters_of(data), ord("\n"))


def _plain(chunks: Iterable[bytes]) -> Iterator[bytes | memoryview]:
    """The content without compression and byte order mark."""
    pieces = (
        memoryview(chunk)[start : start + BLOCK_BYTES]
        for chunk in chunks
        for start in range(0, len(chunk), BLOCK_BYTES)
    )
    start = b""
    for piece in pieces:
        start += piece
        if len(start) >= len(_BOM):
            break
    if not start.startswith(_GZIP):
        yield start.removeprefix(_BOM)
        yield from pieces
        return
    content = _gunzip(_blocks(chain([memoryview(start)], pieces)))
    start = b""
    for inflated in content:
        start += inflated
        if len(start) >= len(_BOM):
            break
    yield start.removeprefix(_BOM)
    yield from content


def _blocks(pieces: Iterable[memoryview]) -> Iterator[bytes]:
    """The same bytes in blocks of one size, so that broken gzip yields the same however it was chunked."""
    pending = bytearray()
    for piece in pieces:
        pending += piece
        if len(pending) >= BLOCK_BYTES:
            yield bytes(pending[:BLOCK_BYTES])
            del pending[:BLOCK_BYTES]
    while pending:
        yield bytes(pending[:BLOCK_BYTES])
        del pending[:BLOCK_BYTES]


def _gunzip(blocks: Iterator[bytes]) -> Iterator[bytes]:
    """The content of one or more gzip members, in pieces of at most a block whatever the ratio."""
    member = zlib.decompressobj(wbits=31)
    data = next(blocks, b"")
    while True:
        try:
            piece = member.decompress(data, BLOCK_BYTES)
        except zlib.error as error:
            raise FaultError("bad_gzip", str(error)) from error
        if piece:
            yield piece
        if member.eof:
            data = (member.unused_data or next(blocks, b"")).lstrip(b"\0")  # tape-style padding ends a file
            if not data:
                return
            member = zlib.decompressobj(wbits=31)
            continue
        data = member.unconsumed_tail
        if not data and len(piece) < BLOCK_BYTES:  # a full piece may leave output inside the decompressor
            data = next(blocks, b"")
            if not data:
                raise FaultError("bad_gzip", "the gzip stream ends early")
