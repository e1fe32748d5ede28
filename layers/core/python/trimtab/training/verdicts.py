"""What one gate says, and the shapes of gates: a value that must be high enough, or low enough."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from trimtab.training.gate_thresholds import GateName

type Interval = tuple[float | None, float | None]


class GateOutcome(StrEnum):
    """INSUFFICIENT_DATA is never a pass."""

    PASSED = "PASSED"
    FAILED = "FAILED"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True)
class GateVerdict:
    """One gate on one data set ("" where it is about none): the value, its one-sided 95 % bounds, what was asked."""

    gate: GateName
    dataset: str
    metric: str
    outcome: GateOutcome
    reason: str
    value: float | None = None
    interval: Interval | None = None
    threshold: float | None = None

    @property
    def passed(self) -> bool:
        """Whether the gate lets the model through."""
        return self.outcome is GateOutcome.PASSED


def at_least(
    gate: GateName, dataset: str, metric: str, value: float, bound: float | None, threshold: float, by_bound: bool
) -> GateVerdict:
    """By the bound, it must reach the threshold; by the value itself, that must exceed it (the seed's rule)."""
    if by_bound and bound is None:
        return insufficient(gate, dataset, metric, f"{metric} is {value:.4f}; its lower bound is not known", value)
    passes = bound >= threshold if by_bound and bound is not None else value > threshold
    shown = "" if bound is None else f", at least {bound:.4f}"
    reason = f"{metric} is {value:.4f}{shown}; {threshold:g} is asked for"
    return GateVerdict(gate, dataset, metric, _outcome(passes), reason, value, (bound, None), threshold)


def at_most(
    gate: GateName, dataset: str, metric: str, value: float, bound: float | None, threshold: float, by_bound: bool
) -> GateVerdict:
    """The bound, or by the value itself that, must not exceed the threshold."""
    if by_bound and bound is None:
        return insufficient(gate, dataset, metric, f"{metric} is {value:.4g}; its upper bound is not known", value)
    passes = (bound if by_bound and bound is not None else value) <= threshold
    shown = "" if bound is None else f", at most {bound:.4g}"
    reason = f"{metric} is {value:.4g}{shown}; {threshold:g} is allowed"
    return GateVerdict(gate, dataset, metric, _outcome(passes), reason, value, (None, bound), threshold)


def insufficient(gate: GateName, dataset: str, metric: str, reason: str, value: float | None = None) -> GateVerdict:
    """The gate cannot be judged."""
    return GateVerdict(gate, dataset, metric, GateOutcome.INSUFFICIENT_DATA, reason, value)


def failed(
    gate: GateName, dataset: str, metric: str, reason: str, value: float | None, threshold: float
) -> GateVerdict:
    """The gate is not passed, for a reason beside its value."""
    return GateVerdict(gate, dataset, metric, GateOutcome.FAILED, reason, value, None, threshold)


def verdicts_document(verdicts: Iterable[GateVerdict]) -> list[dict[str, Any]]:
    """The verdicts as plain JSON values."""
    return [
        {
            "gate": each.gate,
            "dataset": each.dataset,
            "metric": each.metric,
            "value": each.value,
            "ci": None if each.interval is None else list(each.interval),
            "threshold": each.threshold,
            "outcome": each.outcome.value,
            "passed": each.passed,
            "reason": each.reason,
        }
        for each in verdicts
    ]


def _outcome(passes: bool) -> GateOutcome:
    return GateOutcome.PASSED if passes else GateOutcome.FAILED
