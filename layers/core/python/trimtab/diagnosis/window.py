"""A judged window explained, whole: its data's faults, what separates its rows, which columns matter, the causes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference
from trimtab.capture.sample import RowSample
from trimtab.data_quality.evidence import data_quality_document
from trimtab.data_quality.fault import DataFault
from trimtab.data_quality.faults import data_verdict, faulty_columns, find_faults
from trimtab.data_quality.settings import DataQualitySettings
from trimtab.diagnosis.cause import Cause, Findings, cause_documents, likely_causes
from trimtab.diagnosis.importance import Importance, importance_document
from trimtab.diagnosis.multivariate import Separation, rows_to_compare, separate, separation_document
from trimtab.diagnosis.ranking import RankedColumn, by_weight, rank_columns, ranked_document
from trimtab.diagnosis.settings import MultivariateSettings
from trimtab.diagnosis.traffic_mix import traffic_mix
from trimtab.drift.assessment import Assessment
from trimtab.drift.deployments import Deployment, last_deployment
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window, iso


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What a window's evidence comes to. `data`: the verdict on its data. `faulty`, `moved`: the drifted columns that
    faults explain wholly, and the others. `separation`: None without row samples of both."""

    data: Verdict
    faults: tuple[DataFault, ...]
    faulty: tuple[str, ...]
    moved: tuple[str, ...]
    separation: Separation | None
    importance: Importance
    ranked: tuple[RankedColumn, ...]
    causes: tuple[Cause, ...]


def diagnose(
    reference: Reference,
    current: Profile,
    assessment: Assessment,
    samples: tuple[RowSample | None, RowSample | None],
    importance: Importance,
    thresholds: DriftThresholds,
    data_quality: DataQualitySettings,
    multivariate: MultivariateSettings,
    *,
    deployment: Mapping[str, Any] | None = None,
    quality: Mapping[str, Any] | None = None,
) -> Diagnosis:
    """Explain a window. `samples`: rows of (reference, window), None where there are none. `deployment`, `quality`: as
    in `Findings`."""
    before, after = samples
    faults = find_faults(reference, current, assessment, samples, data_quality, thresholds)
    faulty = faulty_columns(faults, assessment)
    moved = tuple(name for name in assessment.drifted if name not in faulty)
    names = by_weight(assessment, importance.shares)
    most = rows_to_compare(assessment, current)
    separation = separate(before, after, names, multivariate, most=most) if before and after else None
    ranked = rank_columns(reference, current, assessment, importance.shares, before, faulty=faulty)
    mix = traffic_mix(reference, current, assessment, before, moved, harmless=thresholds.psi) if before else None
    causes = likely_causes(
        Findings(
            assessment,
            outputs=reference.outputs,
            faults=faults,
            faulty=faulty,
            ranked=ranked,
            deployment=deployment,
            mix=mix,
            separation=separation,
            quality=quality,
        )
    )
    data = data_verdict(assessment, faults)
    return Diagnosis(data, faults, faulty, moved, separation, importance, ranked, causes)


def deployment_behind(
    window: Window, since: datetime | None, deployments: Iterable[Deployment]
) -> dict[str, Any] | None:
    """The last deployment in the first alerting window, or no longer than a window before it. `since`: the start of
    that window, None while no alert stands: then it is this one."""
    first, length = since or window.start, window.end - window.start
    found = last_deployment(deployments, first - length, first + length)
    return None if found is None else {"at": iso(found.at), "config": found.config}


def diagnosis_document(diagnosis: Diagnosis, document: Mapping[str, Any]) -> dict[str, Any]:
    """What a window's document says besides, as plain JSON values. A window that no column gives away, but its rows
    together do, is a WARN."""
    told: dict[str, Any] = {
        **data_quality_document(diagnosis.data, diagnosis.faults, diagnosis.faulty),
        "moved": list(diagnosis.moved),
        "multivariate": diagnosis.separation and separation_document(diagnosis.separation),
        "importance": importance_document(diagnosis.importance),
        "ranked": ranked_document(diagnosis.ranked),
        "causes": cause_documents(diagnosis.causes),
    }
    separation = diagnosis.separation
    if separation and separation.verdict is Verdict.WARN and document["verdict"] == Verdict.OK:
        told |= {"verdict": Verdict.WARN.value, "reason": f"{document['reason']}; but {separation.reason}"}
    return told
