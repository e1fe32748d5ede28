"""OpenMetrics text 1.0.0 (https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md).

Samples carry no timestamps: Prometheus drops samples older than its newest block (about an hour), and a verdict on a
window is older than that when it is made. The scrape's time is when the value was so; that the value is of an earlier
moment is told by metrics of their own, whose names end in `_timestamp_seconds`.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Literal

CONTENT_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    """A value with the labels that tell it from the family's others."""

    labels: Mapping[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Family:
    """Samples of one name. A `unit` is the end of the name."""

    name: str
    help: str
    samples: tuple[Sample, ...]
    kind: Literal["gauge", "stateset"] = "gauge"
    unit: str = ""


def state_set(
    name: str, help_text: str, states: Iterable[str], current: Iterable[tuple[Mapping[str, str], str]]
) -> Family:
    """Which of several states things are in, given each thing's labels with its state: 1 for that, 0 for the others. A
    state that is not among `states` leaves all at 0."""
    every = tuple(states)
    samples = tuple(
        Sample({**labels, name: state}, 1.0 if state == now else 0.0) for labels, now in current for state in every
    )
    return Family(name, help_text, samples, "stateset")


def openmetrics_text(families: Iterable[Family]) -> str:
    """The families as text; one without samples is left out."""
    lines = [line for family in families if family.samples for line in _lines(family)]
    return "\n".join([*lines, "# EOF", ""])


def _lines(family: Family) -> Iterator[str]:
    yield f"# TYPE {family.name} {family.kind}"
    if family.unit:
        yield f"# UNIT {family.name} {family.unit}"
    yield f"# HELP {family.name} {_escaped(family.help)}"
    for sample in family.samples:
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in sample.labels.items())
        yield (
            f"{family.name}{{{labels}}} {_number(sample.value)}" if labels else f"{family.name} {_number(sample.value)}"
        )


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _number(value: float) -> str:
    if isnan(value):
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return f"{value:.0f}" if value == int(value) and abs(value) < 2**53 else repr(float(value))
