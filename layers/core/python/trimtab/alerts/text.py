"""Text made safe for the channels: no control characters, within a length, in ASCII where a channel wants that."""

import re
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime

# What neither XML 1.0 (SNS) nor UTF-8 (lone surrogates) can carry, and what breaks lines in a mail client.
_UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")
_ASCII = str.maketrans({"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "≥": ">=", "≤": "<="})


def clean(text: str) -> str:
    """`text` with line feeds and tabs as its only control characters, encodable as UTF-8."""
    return _UNPRINTABLE.sub("\ufffd", text.replace("\r\n", "\n").replace("\r", "\n"))


def shorten(text: str, limit: int) -> str:
    """`text` in at most `limit` characters; the last one is `…` when something was cut."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def one_line(text: str, limit: int) -> str:
    """`text` cleaned, on one line, in at most `limit` characters."""
    return shorten(" ".join(clean(text).split()), limit)


def ascii_line(text: str, limit: int) -> str:
    """`text` on one line of printable ASCII, at most `limit` characters: `é` as `e`, what has no likeness as `?`."""
    plain = unicodedata.normalize("NFKD", " ".join(text.translate(_ASCII).split()))
    spelled = "".join(character for character in plain if not unicodedata.combining(character)).translate(_ASCII)
    printable = "".join(character if " " <= character <= "~" else "?" for character in spelled).strip()
    return printable if len(printable) <= limit else printable[: limit - 3].rstrip() + "..."


def aligned(rows: Sequence[Sequence[str]], numeric: frozenset[int]) -> list[str]:
    """`rows` (all of one length) as lines with aligned cells; those at the positions `numeric` are flushed right."""
    widths = [max(len(cell) for cell in cells) for cells in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if position in numeric else cell.ljust(width)
            for position, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def utc_minute(time: datetime) -> str:
    """`time` as `2026-05-01 06:00 UTC`; without an offset it counts as UTC."""
    return f"{time.astimezone(UTC) if time.tzinfo else time:%Y-%m-%d %H:%M} UTC"
