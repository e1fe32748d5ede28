"""Why a retraining is thought of: a finding on the bus, or somebody's request, as one plain value."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from trimtab.data_quality.units import CONVERSIONS

UNIT_TOLERANCE = 0.02
UNIT_PSI = 1.0


class NotATriggerError(ValueError):
    """What was given is no reason to think of a retraining. The message names what is missing."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One fact that may lead to a retraining.

    `kind`: of the finding, or "request". `window_end`: the end of the window that it is about, as written there; of a
    request its id. `moved`: columns whose values drifted; `faulty`: columns that are only missing, unreadable or in
    another unit. `quality_drop`: accuracy (regression: error) that was lost, where it was measured.
    """

    endpoint: str
    variant: str
    kind: str
    state: str
    severity: str
    window_end: str
    reason: str
    report: str = ""
    moved: tuple[str, ...] = ()
    faulty: tuple[str, ...] = ()
    quality_drop: float | None = None


def trigger_of_finding(detail: Mapping[str, Any]) -> Trigger:
    """The trigger in a finding, as it stands in `detail` of an event on the bus. Raises NotATriggerError."""
    evidence = _mapping(detail, "evidence")
    window = _mapping(evidence, "window")
    alerting = {
        name: column
        for name, column in _mapping(evidence, "columns").items()
        if isinstance(column, Mapping) and column.get("verdict") == "ALERT"
    }
    moved, faulty = _told_columns(evidence) or _guessed_columns(alerting, _mapping(evidence, "thresholds"))
    links = _mapping(detail, "links")
    return Trigger(
        endpoint=_text(detail, "endpoint"),
        variant=str(detail.get("variant") or "*"),
        kind=_text(detail, "kind"),
        state=_text(detail, "state"),
        severity=str(detail.get("severity") or "warning"),
        window_end=str(window.get("end") or detail.get("id") or ""),
        reason=str(detail.get("reason") or ""),
        report=str(links.get("report") or links.get("verdict") or ""),
        moved=moved,
        faulty=faulty,
        quality_drop=_quality_drop(evidence),
    )


def trigger_of_request(payload: Mapping[str, Any]) -> Trigger:
    """The trigger in a payload `{"endpoint": …, "id": …, "reason": …, "by": …}`; `id` tells it from an earlier one.

    Raises NotATriggerError.
    """
    by = str(payload.get("by") or "nobody named")
    return Trigger(
        endpoint=_text(payload, "endpoint"),
        variant=str(payload.get("variant") or "*"),
        kind="request",
        state="raised",
        severity=str(payload.get("severity") or "warning"),
        window_end=_text(payload, "id"),
        reason=f"{by} asked for it: {payload.get('reason') or 'no reason given'}",
    )


def _quality_drop(evidence: Mapping[str, Any]) -> float | None:
    """Accuracy lost, or error gained, as a finding tells it by itself or by the metrics before and now."""
    drop = evidence.get("drop")
    if drop is None:
        changes = _mapping(evidence, "changes")
        metric, sign = next(((name, sign) for name, sign in _LOSSES.items() if name in changes), ("", 1))
        before, now = (_mapping(_mapping(changes, metric), each).get("value") for each in ("reference", "current"))
        if isinstance(before, int | float) and isinstance(now, int | float):
            drop = sign * (before - now)
    return float(drop) if isinstance(drop, int | float) and isfinite(drop) else None


_LOSSES: Mapping[str, Literal[1, -1]] = {"accuracy": 1, "mae": -1, "rmse": -1}
"""Metrics that tell what an error costs, and whether less of them is worse."""


def _told_columns(evidence: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """The columns that drifted, and those only at fault, where the finding tells one from the other."""
    moved, faulty = evidence.get("moved"), evidence.get("faulty")
    if not isinstance(moved, list) or not isinstance(faulty, list):
        return None
    return tuple(sorted(map(str, moved))), tuple(sorted(map(str, faulty)))


def _guessed_columns(
    alerting: Mapping[str, Mapping[str, Any]], thresholds: Mapping[str, Any]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The same of a finding that does not, from the numbers of its columns."""
    faulty = {name for name, column in alerting.items() if _is_fault(column, thresholds)}
    return tuple(sorted(alerting.keys() - faulty)), tuple(sorted(faulty))


def _is_fault(column: Mapping[str, Any], thresholds: Mapping[str, Any]) -> bool:
    """Whether a column that alerts does so for a fault of the data alone: gaps, unreadable cells, another unit."""
    if _is_unit_change(column):
        return True
    adjusted = column.get("psi_adjusted")
    has_moved = isinstance(adjusted, int | float) and adjusted > thresholds.get("psi", 0.1)
    is_new = (column.get("unseen") or 0) > thresholds.get("unseen_share", 0.01)
    missing, invalid = _pair(column, "missing"), _pair(column, "invalid")
    has_gaps = abs(missing[1] - missing[0]) >= thresholds.get("missing_change", 0.05)
    is_unreadable = invalid[1] - invalid[0] > thresholds.get("invalid_share", 0.01)
    return (has_gaps or is_unreadable) and not has_moved and not is_new


def _is_unit_change(column: Mapping[str, Any]) -> bool:
    """Whether a column looks just multiplied: nearly all of it moved, and its mean by a factor between two units."""
    if (column.get("psi_adjusted") or 0) < UNIT_PSI or column.get("mean") is None:
        return False
    before, now = _pair(column, "mean")
    if before == 0 or now / before <= 0:
        return False
    factors = (each.factor for each in CONVERSIONS if each.offset == 0 and each.factor > 0)
    return any(abs(now / before / factor - 1) <= UNIT_TOLERANCE for factor in factors)


def _pair(column: Mapping[str, Any], key: str) -> tuple[float, float]:
    before, now = column.get(key) or (0.0, 0.0)
    return float(before), float(now)


def _mapping(told: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = told.get(key)
    return value if isinstance(value, Mapping) else {}


def _text(told: Mapping[str, Any], key: str) -> str:
    value = told.get(key)
    if not isinstance(value, str) or not value:
        raise NotATriggerError(f"{key} is missing")
    return value
