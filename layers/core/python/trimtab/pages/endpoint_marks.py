"""What is marked in an endpoint's time lines: deployments, and alerts for as long as they stood."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from trimtab.drift.series import alerts_of
from trimtab.pages.figures import moment_of
from trimtab.pages.sources import EndpointSources, VariantSources
from trimtab.pages.time_chart import Mark, Span

_MOMENT = timedelta(0)
_TOLD_APART = frozenset({"drift", "canary", "release", "retraining", "settings", "sizing"})
"""Findings of these kinds are no alerts, or are drawn from what they rest on."""


def deployments(sources: EndpointSources) -> list[Mark]:
    """When another endpoint config began to serve: as Trimtab saw it, or as windows tell it."""
    seen: dict[str, datetime] = {}
    for served in sources.configs.get("served") or ():
        if (since := moment_of(served.get("since"))) is not None:
            seen[str(served.get("config", ""))] = since
    told = {score.deployment: score.start for each in sources.variants for score in each.scores if score.deployment}
    return _in_order(Mark("deployment", at, at, config) for config, at in (told | seen).items())


def alerts(sources: EndpointSources, variant: VariantSources) -> list[Mark]:
    """Drift alerts by the windows in which they stood, and what else was raised, at its moment."""
    drift = [Mark("alert", each.start, each.end, "Drift alert") for each in alerts_of(variant.scores)]
    others = [
        Mark("alert", each.about, each.about + _MOMENT, each.title)
        for each in sources.findings
        if each.state == "raised"
        and each.severity in ("warning", "critical")
        and each.kind not in _TOLD_APART
        and each.variant in ("", "*", variant.name)
    ]
    return _in_order([*drift, *others])


def span_of(sources: EndpointSources) -> Span | None:
    """What the time axis of all the endpoint's time lines goes from and to; None without anything to draw."""
    moments = [moment for each in sources.variants for score in each.scores for moment in (score.start, score.end)]
    moments += [*sources.hours, *([max(sources.hours) + timedelta(hours=1)] if sources.hours else [])]
    moments += [at for each in sources.variants for one in each.quality if (at := moment_of(one.get("end")))]
    return Span(min(moments), max(moments)) if moments else None


def _in_order(marks: Iterable[Mark]) -> list[Mark]:
    return sorted(marks, key=lambda each: (each.start, each.text))
