"""From what CloudWatch tells of two variants to the minutes that are judged."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trimtab.rollout.series import Arm, Minute, Series
from trimtab.rollout.state import ShareTaken

MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class VariantReadings:
    """Counts of one variant by minute. `slow` None: not asked for. What CloudWatch did not tell is not there."""

    requests: Mapping[datetime, float]
    errors: Mapping[datetime, float]
    slow: Mapping[datetime, float] | None = None

    def arm(self, minute: datetime) -> Arm:
        """The variant in a minute; a count that is not there is none."""
        slow = None if self.slow is None else round(self.slow.get(minute, 0))
        return Arm(round(self.requests.get(minute, 0)), round(self.errors.get(minute, 0)), slow)


@dataclass(frozen=True, slots=True)
class Readings:
    """The variants of an endpoint over a time. `problem`: why the readings are not whole, "" when they are."""

    canary: VariantReadings = field(default_factory=lambda: VariantReadings({}, {}))
    production: VariantReadings = field(default_factory=lambda: VariantReadings({}, {}))
    problem: str = ""


def series_of(readings: Readings, ladder: Sequence[ShareTaken], delay: int, until: datetime) -> Series:
    """The minutes since the canary first had traffic. Where a variant has no datum it had no requests, but only once
    the other one has data or the minute is so old that its metrics must be there (`delay` in minutes)."""
    started = ladder[0].since
    minute, minutes = started.replace(second=0, microsecond=0), []
    minute += MINUTE if minute < started else timedelta()
    known = readings.canary.requests.keys() | readings.production.requests.keys()
    while minute < until:
        if minute in known or minute + delay * MINUTE <= until:
            minutes.append(
                Minute(minute, readings.canary.arm(minute), readings.production.arm(minute), share_at(ladder, minute))
            )
        minute += MINUTE
    return Series(tuple(minutes), started, readings.problem)


def shared(ladder: Iterable[ShareTaken]) -> tuple[ShareTaken, ...]:
    """The part of the ladder in which production had traffic to compare with."""
    return tuple(taken for taken in ladder if taken.share < 1)


def share_at(ladder: Iterable[ShareTaken], minute: datetime) -> float | None:
    """What the weights gave the canary during a whole minute; None while they were changing."""
    for taken in ladder:
        if taken.since <= minute and (taken.until is None or minute + MINUTE <= taken.until):
            return taken.share
    return None
