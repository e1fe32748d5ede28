"""What was read of a canary: minutes of two variants."""

from dataclasses import dataclass
from datetime import datetime, timedelta

MINUTE = timedelta(minutes=1)


class SeriesError(ValueError):
    """A minute that cannot be: negative counts, a share that is none, a time without zone."""


@dataclass(frozen=True, slots=True)
class Arm:
    """What one variant answered in a minute. `slow` None: not measured.

    Errors and slow requests are clamped to the requests: CloudWatch counts them apart, and one may be late.
    """

    requests: int
    errors: int
    slow: int | None = None

    def __post_init__(self) -> None:
        if self.requests < 0 or self.errors < 0 or (self.slow or 0) < 0:
            raise SeriesError(
                f"counts must not be negative: requests {self.requests}, errors {self.errors}, slow {self.slow}"
            )
        object.__setattr__(self, "errors", min(self.errors, self.requests))
        if self.slow is not None:
            object.__setattr__(self, "slow", min(self.slow, self.requests))


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute from `at` on. `share`: of the requests, what the weights gave the canary (0 to 1), if known."""

    at: datetime
    canary: Arm
    production: Arm
    share: float | None = None

    def __post_init__(self) -> None:
        _require_zone(self.at)
        if self.share is not None and not 0 <= self.share <= 1:
            raise SeriesError(f"share must be between 0 and 1, not {self.share}")


@dataclass(frozen=True, slots=True)
class Series:
    """Minutes in any order, even twice. `problem`: why the data are not whole; "" when they are."""

    minutes: tuple[Minute, ...]
    started: datetime
    problem: str = ""

    def __post_init__(self) -> None:
        _require_zone(self.started)

    def index(self, at: datetime) -> int:
        """The number of the minute that a moment lies in. The first whole one since the start is 0, those before are
        negative."""
        begin = self.started.replace(second=0, microsecond=0)
        return (at - begin) // MINUTE - (begin < self.started)

    def by_index(self) -> dict[int, Minute]:
        """The minutes since the start. Of a minute that is there twice, each arm's fullest reading holds: late data
        only add."""
        found: dict[int, Minute] = {}
        for minute in self.minutes:
            index = self.index(minute.at)
            if index >= 0:
                found[index] = _fuller(found[index], minute) if index in found else minute
        return found


def _fuller(one: Minute, other: Minute) -> Minute:
    shares = [minute.share for minute in (one, other) if minute.share is not None]
    return Minute(
        min(one.at, other.at),
        max(one.canary, other.canary, key=_fullness),
        max(one.production, other.production, key=_fullness),
        max(shares, default=None),
    )


def _fullness(arm: Arm) -> tuple[int, int, int]:
    return arm.requests, arm.errors, -1 if arm.slow is None else arm.slow


def _require_zone(at: datetime) -> None:
    if at.tzinfo is None:
        raise SeriesError(f"{at.isoformat()} has no time zone")
