"""A judged window's quality as a document to keep, as metrics and as a finding to publish."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window
from trimtab.findings import Finding, Origin, Severity, State, finding_about
from trimtab.quality.assessment import QualityAssessment
from trimtab.quality.cause import CauseHint
from trimtab.quality.entry import Entry
from trimtab.quality.estimate import Check
from trimtab.quality.intervals import Metric
from trimtab.quality.judgement import MetricChange, interval_text
from trimtab.quality.performance import LabelCoverage, Performance
from trimtab.quality.settings import DEFAULT_METRICS, ERRORS, QualitySettings
from trimtab.quality.windows import InputDrift, drift_document

PUBLISHED = 20
"""A finding names so many segments and columns, for an event has a limit; what is stored names all."""

_SEVERITY: Mapping[State, Severity] = {"raised": "critical", "continued": "warning", "cleared": "info"}


def quality_document(
    window: Window,
    assessment: QualityAssessment,
    settings: QualitySettings,
    *,
    source: str,
    name: str,
    drift: InputDrift | None = None,
    looks: int = 0,
) -> dict[str, Any]:
    """All evidence of a verdict as plain JSON values. `source`, `name`: of the labelled rows it was compared with;
    `drift`: what became of the inputs, as far as that is known; `looks`: how often its labels were looked at."""
    judgement, performance, coverage = assessment.judgement, assessment.performance, assessment.coverage
    return {
        "version": 1,
        "window": {"start": window.start.isoformat(), "end": window.end.isoformat(), "rows": window.rows},
        "basis": judgement.basis,
        "verdict": judgement.verdict.value,
        "reason": judgement.reason,
        "looks": looks,
        "rows": judgement.rows,
        "metrics": {name: _metric(metric) for name, metric in sorted(judgement.metrics.items())},
        "changes": {change.name: _change(change) for change in judgement.changes},
        "beyond_limits": list(judgement.beyond),
        "worse_segments": [
            {"column": each.column, "value": each.value, "rows": each.rows, **_change(each.change)}
            for each in judgement.segments
        ],
        "segments": _segments(performance) if performance else {},
        "labels": _coverage(coverage) if coverage else None,
        "checks": {name: _check(check) for name, check in sorted(assessment.checks.items())},
        "cause": _cause(assessment.cause) if assessment.cause else None,
        "thresholds": settings.model_dump(mode="json"),
        "reference": {"source": source, "name": name},
        "contradiction": assessment.contradiction,
        **drift_document(drift),
    }


def metrics_to_publish(assessment: QualityAssessment, before: Entry | None) -> dict[str, float]:
    """The metrics that decide and the share of labels, by the names they are published under: once by estimate and once
    by labels, else none. `before`: what was known of the window."""
    judgement = assessment.judgement
    if judgement.verdict is Verdict.INSUFFICIENT_DATA:
        return {}
    if before and before.verdict is not Verdict.INSUFFICIENT_DATA and before.basis == judgement.basis:
        return {}
    values = {
        f"{judgement.basis.title()}{change.name.title().replace('_', '')}": change.current.value
        for change in judgement.changes
    }
    return values | ({"LabelShare": assessment.coverage.share} if assessment.coverage else {})


def quality_finding(
    origin: Origin,
    state: State,
    document: Mapping[str, Any],
    *,
    since: datetime,
    now: datetime,
    links: Mapping[str, str] | None = None,
) -> Finding:
    """The finding that quality fell, that this lasts, or that it is over, with a verdict's document as evidence.

    `since`: the start of the first window of it. A raised or cleared alert is the same fact however often it is found
    by this verdict; a reminder is one an hour, which is as often as reminders can be asked for."""
    cause, window = document["cause"], document["window"]
    told_by = f"{window['start']} {document['basis']} {document['looks']}"
    occasion = f"{now:%Y-%m-%dT%H}" if state == "continued" else told_by
    evidence = {key: value for key, value in document.items() if key not in ("version", "segments", "thresholds")}
    evidence |= {key: evidence[key][:PUBLISHED] for key in ("worse_segments", "moved", "faulty") if key in evidence}
    return finding_about(
        origin,
        now,
        ("model_quality", since.isoformat(), state, occasion),
        kind="model_quality",
        severity=_SEVERITY[state],
        state=state,
        title=f"{origin.endpoint}: {_headline(document, state)}",
        reason=document["reason"] + (f". Likely cause: {cause['text']}" if cause else ""),
        evidence={"since": since.isoformat(), **evidence},
        links=links,
    )


def reference_quality_finding(
    origin: Origin, source: str, performance: Performance, unknown: str, now: datetime
) -> Finding:
    """Says which labelled rows quality is compared with from now on, how good the answers in them were, and why nothing
    can be estimated from them without labels, if that is so (`unknown`)."""
    told = ", ".join(
        f"{name} {interval_text(performance.metrics[name])}"
        for name in DEFAULT_METRICS[performance.problem]
        if name in performance.metrics
    )
    limits = f" Without labels nothing is estimated: {unknown}." if unknown else ""
    return finding_about(
        origin,
        now,
        ("quality-reference", source),
        kind="settings",
        severity="info",
        state="raised",
        title=f"Reference for the quality of {origin.endpoint}: {performance.rows:,} labelled rows",
        reason=f"Quality is compared with {source}: {told}.{limits}",
        evidence={
            "source": source,
            "rows": performance.rows,
            "problem": performance.problem,
            "metrics": {name: _metric(metric) for name, metric in sorted(performance.metrics.items())},
            "no_estimates": unknown,
        },
    )


def _headline(document: Mapping[str, Any], state: State) -> str:
    if state == "cleared":
        return "model quality is as it was again"
    estimated = " (estimated without labels)" if document["basis"] == "estimated" else ""
    rank = {"ALERT": 0, "WARN": 1}
    worst = sorted(
        document["changes"].items(), key=lambda item: (rank.get(item[1]["verdict"], 2), -item[1]["worse"]["value"])
    )
    if document["beyond_limits"]:
        name = document["beyond_limits"][0]
        limit = document["thresholds"]["limits"][name]
        return f"{name} {document['metrics'][name]['value']:.4g} is beyond its limit {limit:g}{estimated}"
    if worst and worst[0][1]["verdict"] in rank:
        name, change = worst[0]
        verb = "rose" if change["current"]["value"] > change["reference"]["value"] else "fell"
        return f"{name} {verb} from {change['reference']['value']:.4g} to {change['current']['value']:.4g}{estimated}"
    if document["worse_segments"]:
        each = document["worse_segments"][0]
        return f"answers got worse where {each['column']} is {each['value']}{estimated}"
    return f"model quality{estimated}"


def _metric(metric: Metric) -> dict[str, float | None]:
    return {"value": metric.value, "lower": metric.lower, "upper": metric.upper}


def _change(change: MetricChange) -> dict[str, Any]:
    return {
        "metric": change.name,
        "verdict": change.verdict.value,
        "reference": _metric(change.reference),
        "current": _metric(change.current),
        "worse": _metric(change.worse),
        "worse_is": "share of the reference" if change.name in ERRORS else "difference",
    }


def _segments(performance: Performance) -> dict[str, Any]:
    return {
        column: {
            value: {
                "rows": each.rows,
                "share": each.share,
                "metrics": {name: _metric(metric) for name, metric in sorted(each.metrics.items())},
            }
            for value, each in values.items()
        }
        for column, values in sorted(performance.segments.items())
    }


def _coverage(coverage: LabelCoverage) -> dict[str, Any]:
    return {
        "answered": coverage.answered,
        "labelled": coverage.labelled,
        "usable": coverage.usable,
        "share": coverage.share,
        "empty": coverage.empty,
        "unmatched": coverage.unmatched,
        "selection": coverage.selection,
        "delay_hours": None
        if coverage.delay_hours is None
        else {"half": coverage.delay_hours[0], "nine_in_ten": coverage.delay_hours[1]},
        "accuracy_between": None if coverage.accuracy_between is None else list(coverage.accuracy_between),
    }


def _check(check: Check) -> dict[str, float]:
    return {"bias": check.bias, "excess": check.excess, "p": check.p}


def _cause(cause: CauseHint) -> dict[str, Any]:
    return {
        "cause": cause.cause,
        "text": cause.text,
        "metric": cause.metric,
        "change": cause.change,
        "explained": cause.explained,
    }
