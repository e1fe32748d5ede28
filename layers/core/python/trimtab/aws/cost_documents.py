"""What is kept about cost in the state bucket: hours by endpoint and month, the account's view, trainings, prices."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from trimtab.aws import s3
from trimtab.cost.hours import EndpointHour
from trimtab.cost.ledger import hours_of_documents

SUMMARY = "costs/summary.json"
BILLING = "costs/billing.json"
TRAININGS = "costs/training_jobs"
"""No endpoint's name has an underscore."""
_FEW_SPACES = (",", ":")


def month_key(endpoint: str, month: str) -> str:
    """Where an endpoint's hours of a month, as `2026-11`, lie."""
    return f"costs/{endpoint}/{month}.json"


def read_months(bucket: str, endpoint: str, months: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The documents of an endpoint's months; empty ones of months that have none."""
    return {month: _read(bucket, month_key(endpoint, month)) for month in months}


def read_hours(bucket: str, endpoint: str, months: Iterable[str]) -> dict[datetime, EndpointHour]:
    """The hours of an endpoint's months that are known, by their starts."""
    return hours_of_documents(read_months(bucket, endpoint, months).values())


def write_month(bucket: str, endpoint: str, month: str, document: Mapping[str, Any]) -> None:
    """Store an endpoint's month."""
    _write(bucket, month_key(endpoint, month), document)


def read_summary(bucket: str) -> dict[str, Any]:
    """The account's view; empty when there is none yet."""
    return _read(bucket, SUMMARY)


def write_summary(bucket: str, document: Mapping[str, Any]) -> None:
    """Store the account's view."""
    _write(bucket, SUMMARY, document)


def read_impact(bucket: str, endpoint: str) -> dict[str, Any]:
    """What canaries of an endpoint earned by day; empty when nothing is known."""
    return _read(bucket, _impact_key(endpoint))


def write_impact(bucket: str, endpoint: str, document: Mapping[str, Any]) -> None:
    """Store what canaries of an endpoint earned."""
    _write(bucket, _impact_key(endpoint), document)


def read_billing(bucket: str) -> dict[str, Any]:
    """What was billed against what was computed, when that was last compared; empty when it never was."""
    return _read(bucket, BILLING)


def write_billing(bucket: str, document: Mapping[str, Any]) -> None:
    """Store what was billed against what was computed."""
    _write(bucket, BILLING, document)


def read_trainings(bucket: str, months: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The documents of months about the training jobs that ended in them; empty ones of months that have none."""
    return {month: _read(bucket, f"{TRAININGS}/{month}.json") for month in months}


def write_trainings(bucket: str, month: str, document: Mapping[str, Any]) -> None:
    """Store a month's training jobs."""
    _write(bucket, f"{TRAININGS}/{month}.json", document)


def read_price_document(bucket: str, region: str, component: str) -> dict[str, Any]:
    """The prices that were read last; empty when none were."""
    return _read(bucket, _price_key(region, component))


def write_price_document(bucket: str, region: str, component: str, document: Mapping[str, Any]) -> None:
    """Keep prices that were read."""
    _write(bucket, _price_key(region, component), document)


def _impact_key(endpoint: str) -> str:
    return f"costs/{endpoint}/impact.json"


def _price_key(region: str, component: str) -> str:
    return f"prices/{region}/{component}.json"


def _read(bucket: str, key: str) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads(s3.read_object(bucket, key))
    except s3.ObjectNotFoundError:
        return {}
    return document


def _write(bucket: str, key: str, document: Mapping[str, Any]) -> None:
    s3.write_object(bucket, key, json.dumps(document, separators=_FEW_SPACES).encode())
