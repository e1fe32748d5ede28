"""CloudWatch's statistics of the data of one period: Sum, Average, p99, TM(2%:98%), TC(200:) and so on.

Part of `ministack_host`, so it imports nothing of this project. A point is what one datum of PutMetricData said:
`{"Values": [...], "Counts": [...] or None}`, or `{"Set": (SampleCount, Sum, Minimum, Maximum)}`. Definitions:
"CloudWatch statistics definitions" in the CloudWatch User Guide. Where AWS sketches a distribution, this is exact.
"""

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

type Point = Mapping[str, Any]
type Samples = Sequence[tuple[float, float]]
"""Ascending values, each with the number of times it was seen."""

_SIMPLE = frozenset({"SampleCount", "Sum", "Average", "Minimum", "Maximum"})
_NUMBER = r"\d+(?:\.\d+)?"
_SHORT = re.compile(rf"(P|TM|TC|TS|WM)({_NUMBER})", re.IGNORECASE)
_RANGE = re.compile(rf"(TM|TC|TS|WM|PR)\(({_NUMBER})?(%?):({_NUMBER})?(%?)\)", re.IGNORECASE)


class StatisticError(ValueError):
    """CloudWatch has no such statistic."""


class _Statistic(NamedTuple):
    kind: str
    low: float | None = None
    high: float | None = None
    by_share: bool = False  # the bounds are per cents of the samples, not values


def statistic(points: Sequence[Point], name: str) -> float | None:
    """A statistic of a period's points. None where CloudWatch has no datapoint: without samples, or where it would need
    single values that statistic sets do not have or that are negative. Raises StatisticError for an unknown name."""
    asked = parse(name)
    count, total, low, high = _summary(points)
    if count <= 0:
        return None
    if asked.kind in _SIMPLE:
        simple = {"SampleCount": count, "Sum": total, "Average": total / count, "Minimum": low, "Maximum": high}
        return simple[asked.kind]
    samples = _samples(points)
    return _of_samples(samples, asked) if samples else None


@functools.cache
def parse(name: str) -> _Statistic:
    """What a statistic's name asks for. Raises StatisticError."""
    if name in _SIMPLE:
        return _Statistic(name)
    if name.upper() == "IQM":
        return _Statistic("TM", 25.0, 75.0, True)
    if (short := _SHORT.fullmatch(name)) and float(short[2]) <= 100:
        return _Statistic(short[1].upper(), None, float(short[2]), True)
    if match := _RANGE.fullmatch(name):
        kind, low, low_mark, high, high_mark = match.groups()
        marks = {mark for bound, mark in ((low, low_mark), (high, high_mark)) if bound is not None}
        bounds = [float(bound) for bound in (low, high) if bound is not None]
        unmarked = not any(mark for bound, mark in ((low, low_mark), (high, high_mark)) if bound is None)
        by_share = marks == {"%"}
        if (
            len(marks) == 1
            and unmarked
            and bounds == sorted(set(bounds))
            and not (by_share and (kind.upper() == "PR" or bounds[-1] > 100))
        ):
            return _Statistic(kind.upper(), float(low) if low else None, float(high) if high else None, by_share)
    raise StatisticError(f"{name!r} is not a statistic of CloudWatch")


def count_of(points: Iterable[Point]) -> float:
    """How many samples the points hold."""
    return _summary(points)[0]


def _summary(points: Iterable[Point]) -> tuple[float, float, float, float]:
    count = total = 0.0
    lowest, highest = float("inf"), float("-inf")
    for point in points:
        number, added, low, high = point["Set"] if "Set" in point else _summed(point)
        if number > 0:
            count, total = count + number, total + added
            lowest, highest = min(lowest, low), max(highest, high)
    return count, total, lowest, highest


def _summed(point: Point) -> tuple[float, float, float, float]:
    values, counts = point["Values"], point["Counts"]
    if counts is None:
        return len(values), sum(values), min(values), max(values)
    seen = [value for value, count in zip(values, counts, strict=True) if count > 0]
    total = sum(value * count for value, count in zip(values, counts, strict=True))
    return sum(counts), total, min(seen, default=0.0), max(seen, default=0.0)


def _samples(points: Iterable[Point]) -> Samples | None:
    """The single values; None when they are not known, or when one is negative."""
    seen: dict[float, float] = {}
    for point in points:
        if "Set" in point:
            count, total, low, high = point["Set"]
            if low != high or total != low * count:
                return None
            pairs: Iterable[tuple[float, float]] = [(low, count)]
        else:
            pairs = zip(point["Values"], point["Counts"] or [1.0] * len(point["Values"]), strict=True)
        for value, count in pairs:
            if count > 0:
                seen[value] = seen.get(value, 0.0) + count
    return None if any(value < 0 for value in seen) else sorted(seen.items())


def _of_samples(samples: Samples, asked: _Statistic) -> float | None:
    everything = sum(count for _, count in samples)
    if asked.kind == "P":
        return _percentile(samples, asked.high or 0.0)
    if asked.kind == "WM":
        low, high = asked.low, asked.high
        if asked.by_share:
            low, high = (None if bound is None else _percentile(samples, bound) for bound in (low, high))
        return sum(_clamped(value, low, high) * count for value, count in samples) / everything
    kept = _kept_by_share(samples, asked, everything) if asked.by_share else _kept_by_value(samples, asked)
    count, total = sum(count for _, count in kept), sum(value * count for value, count in kept)
    if asked.kind == "TM":
        return total / count if count else None
    if asked.kind == "PR":
        return 100 * count / everything
    return total if asked.kind == "TS" else float(round(count))


def _percentile(samples: Samples, percent: float) -> float:
    """Linear interpolation between the two nearest ranks."""
    rank = percent / 100 * max(sum(count for _, count in samples) - 1, 0.0)
    seen, before, position = 0.0, samples[0][0], 0.0
    for value, count in samples:
        if rank <= seen:
            share = (rank - position) / (seen - position) if seen > position else 1.0
            return before + share * (value - before)
        seen += count
        before, position = value, seen - 1
        if rank <= position:
            return value
    return samples[-1][0]


def _kept_by_value(samples: Samples, asked: _Statistic) -> Samples:
    low, high = asked.low, asked.high
    return [
        (value, count) for value, count in samples if (low is None or value > low) and (high is None or value <= high)
    ]


def _kept_by_share(samples: Samples, asked: _Statistic, everything: float) -> Samples:
    first, last = (
        (asked.low or 0.0) / 100 * everything,
        (100.0 if asked.high is None else asked.high) / 100 * everything,
    )
    kept, seen = [], 0.0
    for value, count in samples:
        kept.append((value, max(0.0, min(seen + count, last) - max(seen, first))))
        seen += count
    return kept


def _clamped(value: float, low: float | None, high: float | None) -> float:
    value = value if low is None else max(value, low)
    return value if high is None else min(value, high)
