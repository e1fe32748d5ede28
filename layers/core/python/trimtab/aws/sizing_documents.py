"""What is kept about the size of endpoints in the state bucket: the working of each day, hours by week, changes."""

import json
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from trimtab.aws import s3


def working_key(endpoint: str, day: date) -> str:
    """Where the working of a day lies."""
    return f"sizing/{endpoint}/{day:%Y-%m-%d}.json"


def write_working(bucket: str, endpoint: str, day: date, document: Mapping[str, Any]) -> None:
    """Store the whole working of a day, in the place of what was stored of it before."""
    s3.write_object(bucket, working_key(endpoint, day), json.dumps(document, indent=1).encode())


def read_weeks(bucket: str, endpoint: str, variant: str, mondays: Iterable[datetime]) -> dict[datetime, dict[str, Any]]:
    """The hours that are kept of these weeks; empty documents of weeks that have none."""
    kept = set(s3.list_keys(bucket, f"sizing/{endpoint}/hours/{variant}/"))
    mondays = list(mondays)
    there = [monday for monday in mondays if _week_key(endpoint, variant, monday) in kept]
    bodies = s3.read_objects(bucket, [_week_key(endpoint, variant, monday) for monday in there])
    return {monday: {} for monday in mondays} | {
        monday: json.loads(body) for monday, body in zip(there, bodies, strict=True)
    }


def write_week(bucket: str, endpoint: str, variant: str, monday: datetime, document: Mapping[str, Any]) -> None:
    """Store the hours of a week."""
    body = json.dumps(document, separators=(",", ":")).encode()
    s3.write_object(bucket, _week_key(endpoint, variant, monday), body)


def write_change(bucket: str, endpoint: str, change: str, document: Mapping[str, Any]) -> None:
    """Store how a change of an endpoint's instances went, in the place of what was stored of it before."""
    key = f"sizing/{endpoint}/changes/{change}.json"
    s3.write_object(bucket, key, json.dumps(document, indent=1).encode())


def _week_key(endpoint: str, variant: str, monday: datetime) -> str:
    return f"sizing/{endpoint}/hours/{variant}/{monday:%Y-%m-%d}.json"
