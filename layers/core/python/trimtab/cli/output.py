"""What is said on the standard streams, and how figures look there."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from math import isfinite
from typing import Any


def tell(line: str) -> None:
    """A line of the result."""
    sys.stdout.write(f"{line}\n")


def warn(line: str) -> None:
    """A line that is not part of the result."""
    sys.stderr.write(f"trimtab: {line}\n")


def print_json(document: Mapping[str, Any]) -> None:
    """One JSON document; numbers that JSON does not know are null."""
    tell(json.dumps(_plain(document), indent=2, allow_nan=False))


def aligned(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """The lines of a table whose columns stand below each other, two spaces apart."""
    widths = [max(map(len, cells)) for cells in zip(header, *rows, strict=True)]
    for row in (header, *rows):
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def count(number: int, noun: str) -> str:
    """`1 row`, `2,000 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def share(value: float | None) -> str:
    """A share in per cent. What is not quite all or nothing does not look like it."""
    if value is None:
        return ""
    if 0.9995 < value < 1:
        return "> 99.9 %"
    if 0 < value < 0.0005:
        return "< 0.1 %"
    return f"{100 * value:.3g} %"


def figure(value: float | None) -> str:
    """Three digits, or nothing."""
    return "" if value is None else f"{value:.3g}"


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not isfinite(value) else value
