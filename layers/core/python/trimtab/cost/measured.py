"""From what CloudWatch counted to what an endpoint cost, hour by hour.

CloudWatch counts the instances of a variant, not which of two configs they belong to. While a deployment replaces one
config by another, what runs beyond the old config's last count is taken for the new one's.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from trimtab.cost.configurations import Configuration, Stage, Variant
from trimtab.cost.hours import (
    Cost,
    EndpointHour,
    Fleet,
    Serverless,
    Use,
    add_costs,
    endpoint_cost,
    serverless_cost,
    total,
)
from trimtab.cost.instances import instance_minutes
from trimtab.cost.prices import Price, Product
from trimtab.cost.settings import PriceSettings

HOUR = timedelta(hours=1)
LONGEST_GAP = timedelta(minutes=5)
"""So long may the samples of instances that surely ran be missing before their number counts as unknown."""


class Series(Protocol):
    """Datapoints by the start of their period; not complete: CloudWatch did not tell all there are."""

    @property
    def points(self) -> Mapping[datetime, float]: ...
    @property
    def is_complete(self) -> bool: ...


class VariantSeries(Protocol):
    """What CloudWatch counted for a variant under all its configs.

    `samples`: SampleCount of CPUUtilization by period. `predictions`: by hour. `microseconds`: Sum of ModelLatency by
    hour, of serverless variants alone.
    """

    @property
    def samples(self) -> Series: ...
    @property
    def predictions(self) -> Series: ...
    @property
    def microseconds(self) -> Series: ...


@dataclass(frozen=True, slots=True)
class Observed:
    """An endpoint over some hours. `seen`: when it was last known to be there. `period`: of the samples."""

    region: str
    created: datetime
    seen: datetime
    stages: tuple[Stage, ...]
    configurations: Mapping[str, Configuration]
    series: Mapping[str, VariantSeries]
    period: timedelta
    temporary: frozenset[str] = frozenset()


def sample_period(configurations: Iterable[Configuration]) -> timedelta:
    """The period in which each instance gives at least one sample."""
    return timedelta(seconds=max((60, *(each.publish_seconds for each in configurations))))


def measured_hours(
    observed: Observed, hours: Iterable[datetime], prices: Mapping[Product, Price], settings: PriceSettings
) -> list[EndpointHour]:
    """The cost and the predictions of each of these hours, given by their starts."""
    counted = {name: _count(name, observed) for name in observed.series}
    return [_hour(start, counted, observed, prices, settings) for start in hours]


def split_minutes(
    minutes: Mapping[datetime, float], name: str, stages: Iterable[Stage], configurations: Mapping[str, Configuration]
) -> dict[str, dict[datetime, float]]:
    """The instance-minutes of a variant, divided among the configs that have it. Nothing is lost or counted twice."""
    stages = tuple(stages)
    parts: dict[str, dict[datetime, float]] = {}
    steady: float | None = None
    for moment, count in sorted(minutes.items()):
        serving = _serving(stages, moment)
        coming = [
            each
            for each in stages
            if each.since <= moment
            and (each.serving is None or moment < each.serving)
            and (each.until is None or moment < each.until)
            and _has(configurations, each.configuration, name)
        ]
        if serving and not _has(configurations, serving.configuration, name) and coming:
            serving = None  # the variant is new
        if serving is None or not coming:
            owner = serving or (coming[-1] if coming else None)
            steady = count if serving and not coming else steady
            if owner:
                parts.setdefault(owner.configuration, {})[moment] = count
            continue
        old = min(count, count if steady is None else steady)
        parts.setdefault(serving.configuration, {})[moment] = old
        parts.setdefault(coming[-1].configuration, {})[moment] = count - old
    return parts


@dataclass(frozen=True, slots=True)
class _Counted:
    """Instance-minutes of a variant by hour and period, of all configs and of each; None: CloudWatch withheld some."""

    minutes: Mapping[datetime, Mapping[datetime, float]] | None
    by_configuration: Mapping[str, Mapping[datetime, Mapping[datetime, float]]]


def _count(name: str, observed: Observed) -> _Counted:
    samples = observed.series[name].samples
    seconds = [each.publish_seconds for each in observed.configurations.values() if each.variant(name)] or [60]
    minutes = instance_minutes(
        samples.points,
        is_complete=samples.is_complete,
        is_serving=False,  # whether it must have been is asked hour by hour
        publish_seconds=seconds[-1],
        step=observed.period,
        longest_gap=LONGEST_GAP,
    )
    if minutes is None:
        return _Counted(None, {})
    parts = split_minutes(minutes, name, observed.stages, observed.configurations)
    return _Counted(_by_hour(minutes), {configuration: _by_hour(part) for configuration, part in parts.items()})


def _by_hour(minutes: Mapping[datetime, float]) -> dict[datetime, dict[datetime, float]]:
    hours: dict[datetime, dict[datetime, float]] = {}
    for moment, count in minutes.items():
        hours.setdefault(moment.replace(minute=0, second=0, microsecond=0), {})[moment] = count
    return hours


def _hour(
    start: datetime,
    counted: Mapping[str, _Counted],
    observed: Observed,
    prices: Mapping[Product, Price],
    settings: PriceSettings,
) -> EndpointHour:
    playing = _playing(observed, start)
    is_known = bool(playing) and all(each.variants is not None for each in playing)
    fleets: list[Fleet] = []
    costs: list[Cost] = [] if is_known else [Cost(serving={"an unknown config": Use(None, None)})]
    for name, counts in counted.items():
        variants = [(each, variant) for each in playing if (variant := each.variant(name))]
        serverless = [variant for _, variant in variants if variant.memory_mb]
        if serverless:
            use = _serverless(serverless[-1], observed.series[name], start, observed)
            costs.append(serverless_cost(use, prices, settings))
        fleets += _fleets(name, start, counts, [each for each in variants if not each[1].memory_mb], observed)
    temporary = observed.temporary
    if all(variant.name in temporary for each in playing for variant in each.variants or ()):
        temporary = frozenset()
    costs.append(endpoint_cost(fleets, prices, settings, temporary=temporary))
    cost = add_costs(costs)
    return EndpointHour(start, cost, total(_predictions(start, playing, observed, is_known=cost.hours is not None)))


def _fleets(
    name: str,
    start: datetime,
    counts: _Counted,
    variants: list[tuple[Configuration, Variant]],
    observed: Observed,
) -> Iterator[Fleet]:
    """The fleets of a variant in an hour. That it ran, but not how many instances it had, makes its cost unknown."""
    within = None if counts.minutes is None else counts.minutes.get(start, {})
    if within is not None and _must_run(name, start, observed) and _missing(within, observed) > LONGEST_GAP:
        within = None
    for configuration, variant in variants:
        part = counts.by_configuration.get(configuration.name, {}).get(start, {})
        is_known = within is not None and (variant.item or not any(part.values()))
        product = configuration.product(variant, observed.region)
        yield Fleet(name, configuration.name, product, part if is_known else None, variant.volume_gb)


def _serverless(variant: Variant, series: VariantSeries, start: datetime, observed: Observed) -> Serverless:
    requests, spent = series.predictions, series.microseconds
    seconds: float | None = None
    if spent.is_complete and start in spent.points:
        seconds = spent.points[start] / 1e6
    elif spent.is_complete and requests.is_complete and not requests.points.get(start):
        seconds = 0.0
    there = min(start + HOUR, observed.seen) - max(start, observed.created)
    ready = variant.provisioned * max(timedelta(), there).total_seconds()
    return Serverless(observed.region, variant.memory_mb, seconds, ready)


def _predictions(
    start: datetime, playing: Iterable[Configuration], observed: Observed, *, is_known: bool
) -> Iterator[float | None]:
    """The predictions of each variant in an hour. No datapoint means none only where instances are known to have run,
    and where CloudWatch counts requests by variant."""
    variants = {variant.name: (variant, each) for each in playing for variant in each.variants or ()}
    for name, (variant, configuration) in variants.items():
        if variant.is_shadow:
            continue
        counted = observed.series[name].predictions if name in observed.series else None
        if counted is None or not counted.is_complete:
            yield None
        elif start in counted.points:
            yield counted.points[start]
        else:
            is_counted = variant.has_model and not configuration.is_async
            yield 0.0 if is_counted and (is_known or variant.memory_mb) else None
    if not variants:
        yield None


def _playing(observed: Observed, start: datetime) -> list[Configuration]:
    """The configs whose instances may have run in an hour, the one that served at its end last."""
    end = start + HOUR
    serving = [each for each in observed.stages if each.serving]
    ends = {each: _next_serving(each, serving) for each in serving}
    stages = [
        each
        for each in observed.stages
        if each.since < end and (each.until is None or each.until > start) and ends.get(each, end) > start
    ]
    stages.sort(key=lambda each: (each.serving is not None, each.serving or each.since))
    names = dict.fromkeys(each.configuration for each in stages)
    return [observed.configurations[name] for name in names]


def _next_serving(stage: Stage, serving: list[Stage]) -> datetime:
    later = [each.serving for each in serving if each.serving and stage.serving and each.serving > stage.serving]
    return min(later, default=datetime.max.replace(tzinfo=stage.since.tzinfo))


def _serving(stages: Iterable[Stage], moment: datetime) -> Stage | None:
    served = [each for each in stages if each.serving and each.serving <= moment]
    return max(served, key=lambda each: each.serving or each.since, default=None)


def _has(configurations: Mapping[str, Configuration], configuration: str, variant: str) -> bool:
    return configurations[configuration].variant(variant) is not None


def _must_run(name: str, start: datetime, observed: Observed) -> bool:
    """Whether a variant surely had an instance throughout an hour: it was there before and after, and cannot rest."""
    if not (observed.created <= start and start + HOUR <= observed.seen):
        return False
    variants = [each.variant(name) for each in _playing(observed, start)]
    return bool(variants) and all(each is not None and not each.may_rest for each in variants)


def _missing(within: Mapping[datetime, float], observed: Observed) -> timedelta:
    """For how much of an hour there is no sample."""
    return HOUR - observed.period * sum(count > 0 for count in within.values())
