"""What one window is in Model Monitor's form: three documents under the keys that its readers look for."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference
from trimtab.model_monitor.constraints import Constraints, suggested_constraints
from trimtab.model_monitor.settings import ModelMonitorSettings
from trimtab.model_monitor.statistics import statistics_of_profile
from trimtab.model_monitor.violations import find_violations, violations_document

DEFAULT_VARIANT = "AllTraffic"


@dataclass(frozen=True)
class Report:
    """One document and where it belongs."""

    bucket: str
    key: str
    body: bytes


def schedule_name(settings: ModelMonitorSettings, variant: str) -> str:
    """What stands for the monitoring schedule. Model Monitor knows one variant: any other has its name added."""
    return settings.schedule if variant == DEFAULT_VARIANT else f"{settings.schedule}-{variant}"


def constraints_of(reference: Reference) -> Constraints:
    """The constraints that came with the reference, else those it suggests.

    Raises pydantic's ValidationError when those that came are none; a reference is not made with such.
    """
    document = reference.constraints
    if document is None:
        document = suggested_constraints(statistics_of_profile(reference.profile, reference.grid))
    return Constraints.model_validate(document)


def window_reports(
    endpoint: str,
    variant: str,
    end: datetime,
    reference: Reference,
    current: Profile,
    settings: ModelMonitorSettings,
    *,
    columns: frozenset[str],
    state_bucket: str,
    ignore: frozenset[str] = frozenset(),
) -> list[Report]:
    """The three documents of a window that ended at `end`, under `{prefix}/{endpoint}/{schedule}/yyyy/mm/dd/hh/`: the
    hour is the one in which Model Monitor would have run. `columns` names those that the payloads had."""
    prefix = settings.prefix or f"s3://{state_bucket}/model-monitor"
    bucket, _, folder = prefix.removeprefix("s3://").partition("/")
    parts = (*filter(None, [folder.strip("/")]), endpoint, schedule_name(settings, variant), f"{end:%Y/%m/%d/%H}")
    statistics = statistics_of_profile(current, reference.grid)
    violations = find_violations(reference, current, constraints_of(reference), columns=columns, ignore=ignore)
    documents: Mapping[str, Mapping[str, Any]] = {
        "statistics": statistics,
        "constraints": suggested_constraints(statistics),
        "constraint_violations": violations_document(violations),
    }
    return [
        Report(bucket, f"{'/'.join(parts)}/{name}.json", json.dumps(document).encode())
        for name, document in documents.items()
    ]
