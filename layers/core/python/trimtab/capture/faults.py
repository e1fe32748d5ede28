"""What could not be read, and why: counted and quarantined, never an exception out of the decoder."""

from dataclasses import dataclass
from datetime import datetime

DETAIL_LENGTH = 160


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Something of a capture object that is in no table, or not whole.

    `line` is the line in the object, from 1. `reason` is a short stable slug, `detail` one line for a person with no
    more than a few dozen characters of payload. `records` is 1 when the whole line is lost and 0 when its rows are in a
    table without their outputs. `hour` is the hour of the event time, when that much is known.
    """

    line: int
    reason: str
    detail: str
    records: int = 1
    hour: datetime | None = None


class FaultError(ValueError):
    """A line, an envelope or a payload that cannot be read. `reason` and `detail` are as in `Unreadable`."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = " ".join(printable(detail).split())[:DETAIL_LENGTH]


def printable(text: str) -> str:
    """The text without control characters and lone surrogates."""
    return "".join(c if c.isprintable() else " " for c in text)


def excerpt(text: str) -> str:
    """The beginning of a payload, for a person."""
    start = printable(text[:40])
    return f"{start}…" if len(text) > 40 else start
