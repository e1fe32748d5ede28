"""The SageMaker side's time: the real one, or a moment that stands still until it is set again.

States, the minutes of metrics, events and captured records all go by it, so that a demo can let hours pass in seconds.
"""

from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Tells the time. Safe to use from many threads."""

    def __init__(self, real: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._real = real
        self._moment: datetime | None = None

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return self._moment or self._real()

    def set(self, moment: datetime | None) -> None:
        """Make it `moment` until the next call; None returns to real time."""
        self._moment = moment.astimezone(UTC) if moment else None


def parsed_moment(text: str) -> datetime:
    """An ISO moment such as `2026-11-20T08:00:00Z`. Raises ValueError when it is none or names no time zone."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} names no time zone: add Z")
    return moment.astimezone(UTC)
