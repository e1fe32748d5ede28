"""What the pages of one endpoint are made of, read from the state bucket and the state table."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from trimtab.aws import cost_documents, quality_documents, site_bucket, state_bucket
from trimtab.aws.score_series import ScoreSeries
from trimtab.aws.state_table import StateDocument, list_states, read_state
from trimtab.capture.variants import reference_for
from trimtab.cost.ledger import months_between
from trimtab.pages.kept_finding import ACCOUNT, KeptFinding, finding_of_document, newest_first
from trimtab.pages.sources import EndpointSources, VariantSources
from trimtab.rollout.state import CHANGES

KEPT = timedelta(days=90)
"""Pages look so far back."""
COST_DAYS = timedelta(days=30)
MOST_FINDINGS = 25
_GOOD_CONFIGS = "good_config"
_DRIFT, _HEALTH = "drift#", "health#"


def endpoint_names(bucket: str, summary: Mapping[str, Any]) -> list[str]:
    """Every endpoint of which anything is stored. `summary`: the account's view of cost."""
    found = {
        *state_bucket.endpoints_with_packs(bucket),
        *site_bucket.folders_with_findings(bucket),
        *summary.get("endpoints", {}),
    }
    return sorted(found - {ACCOUNT})


def read_sources(bucket: str, table: str, endpoint: str, summary: Mapping[str, Any], now: datetime) -> EndpointSources:
    """Everything that is stored of an endpoint, as far as pages show it."""
    states = list_states(table, f"endpoint#{endpoint}")
    judged = {key.removeprefix(_DRIFT) for key in states if key.startswith(_DRIFT)}
    variants = sorted({*state_bucket.variants_with_packs(bucket, endpoint), *judged})
    hours = cost_documents.read_hours(bucket, endpoint, months_between(now - COST_DAYS, now))
    findings = read_findings(bucket, endpoint, now)
    return EndpointSources(
        name=endpoint,
        variants=tuple(_read_variant(bucket, endpoint, variant, states, now) for variant in variants),
        cost=summary.get("endpoints", {}).get(endpoint),
        hours={start: hour for start, hour in hours.items() if start >= now - COST_DAYS},
        change=read_state(table, CHANGES, endpoint).content,
        configs=read_state(table, _GOOD_CONFIGS, endpoint).content,
        health=_content(states, f"{_HEALTH}*"),
        # reports are made of alerts on drift only
        reports=tuple(site_bucket.report_keys(bucket, endpoint)) if any(f.kind == "drift" for f in findings) else (),
        findings=tuple(findings),
    )


def read_findings(bucket: str, folder: str, now: datetime) -> list[KeptFinding]:
    """The latest findings about an endpoint, newest first."""
    keys = site_bucket.finding_keys(bucket, folder, now - KEPT)[-MOST_FINDINGS:]
    return newest_first(map(finding_of_document, site_bucket.read_findings(bucket, keys)))


def _read_variant(
    bucket: str, endpoint: str, variant: str, states: Mapping[str, StateDocument], now: datetime
) -> VariantSources:
    scores = ScoreSeries(bucket, endpoint, variant, now).scores
    window = state_bucket.read_window(bucket, endpoint, variant, scores[-1].start) if scores else None
    own = state_bucket.read_reference(bucket, endpoint, variant)
    current = state_bucket.read_reference(bucket, endpoint)
    quality = quality_documents.read_series(bucket, endpoint, variant) or {}
    return VariantSources(
        name=variant,
        scores=scores,
        window=window,
        reference=reference_for(variant, own, current),
        quality=tuple(quality.get("entries", ())),
        health=_content(states, f"{_HEALTH}{variant}"),
    )


def _content(states: Mapping[str, StateDocument], key: str) -> Mapping[str, Any]:
    return states[key].content if key in states else {}
