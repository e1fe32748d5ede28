"""Model Monitor's CloudWatch metrics of one window."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from trimtab.capture.grid import NumericBins
from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference
from trimtab.model_monitor.reports import constraints_of, schedule_name
from trimtab.model_monitor.settings import ModelMonitorSettings
from trimtab.model_monitor.violations import baseline_drifts

NAMESPACE = "aws/sagemaker/Endpoints/data-metrics"
OLDEST = timedelta(days=14)
"""CloudWatch takes no older ones."""
_LARGEST_VALUE = 2.0**360
_LONGEST_NAME = 255


def window_metrics(
    endpoint: str,
    variant: str,
    end: datetime,
    reference: Reference,
    current: Profile,
    settings: ModelMonitorSettings,
    *,
    now: datetime,
    ignore: frozenset[str] = frozenset(),
) -> list[dict[str, Any]]:
    """Data for CloudWatch's PutMetricData: of each feature `feature_data_…` (of numbers, as a set of statistics),
    `feature_non_null_…` (its completeness) and `feature_baseline_drift_…` (its distance). Empty for a window that is
    too old. Features whose names CloudWatch does not take are left out, and those for which the constraints switch
    `emit_metrics` off."""
    if now - end >= OLDEST:
        return []
    dimensions = [
        {"Name": "Endpoint", "Value": endpoint},
        {"Name": "MonitoringSchedule", "Value": schedule_name(settings, variant)},
    ]
    return [
        {"MetricName": name, "Dimensions": dimensions, "Timestamp": end, **value}
        for name, value in _values(reference, current, ignore)
        if len(name) <= _LONGEST_NAME and name.isascii() and name.isprintable()
    ]


def _values(reference: Reference, current: Profile, ignore: frozenset[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    constraints = constraints_of(reference)
    ignore |= constraints.without_metrics(reference.grid.columns)
    drifts = baseline_drifts(reference, current, constraints, ignore=ignore)
    for name, column in current.columns.items():
        if name in ignore:
            continue
        if isinstance(reference.grid.columns[name], NumericBins) and column.valid:
            yield (
                f"feature_data_{name}",
                {
                    "StatisticValues": {
                        "SampleCount": float(column.valid),
                        "Sum": _bounded(column.total),
                        "Minimum": _bounded(column.minimum),
                        "Maximum": _bounded(column.maximum),
                    }
                },
            )
        if column.cells:
            yield f"feature_non_null_{name}", {"Value": (column.valid + column.invalid) / column.cells}
        if name in drifts:
            yield f"feature_baseline_drift_{name}", {"Value": drifts[name].distance}


def _bounded(value: float) -> float:
    return min(max(value, -_LARGEST_VALUE), _LARGEST_VALUE)
