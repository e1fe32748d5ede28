"""From an event of the findings bus to an alert. What cannot be read is told as it came: nothing is lost silently."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import ValidationError

from trimtab.alerts.alert import MAX_RAW, Alert, alert_of
from trimtab.alerts.text import clean, one_line, shorten
from trimtab.findings import Finding, Severity

# What a message can do without; a finding is delivered although one of these cannot be read.
_DISPENSABLE = frozenset({"version", "action", "evidence", "links"})


def alert_of_event(body: str) -> Alert:
    """The alert for an EventBridge event (JSON) whose `detail` is a finding.

    What a newer version added to a finding is left out and named in the alert's `unread`. Of anything else an alert is
    made that carries the text as it came.
    """
    try:
        detail = json.loads(body)["detail"]
    except (ValueError, KeyError, TypeError) as error:
        return _raw_alert({}, body, f"the event is no JSON object with a detail ({type(error).__name__})")
    if not isinstance(detail, dict):
        return _raw_alert({}, body, "the event's detail is not an object")
    try:
        return alert_of(Finding.model_validate(detail))
    except ValidationError as error:
        readable, unread = _without_unread(detail, error)
    try:
        return alert_of(Finding.model_validate(readable), unread=", ".join(unread))
    except ValidationError as error:
        faults = "; ".join(f"{_path(fault['loc'])}: {fault['msg']}" for fault in error.errors(include_url=False))
        return _raw_alert(detail, body, faults)


def _without_unread(detail: Mapping[str, Any], error: ValidationError) -> tuple[dict[str, Any], list[str]]:
    """`detail` without the parts that `error` complains about and a message can do without, and these parts' paths."""
    readable = dict(detail)
    unread = []
    for fault in error.errors(include_url=False, include_input=False):
        path = fault["loc"]
        match path:
            case (str(field),) if fault["type"] == "extra_forbidden" or field in _DISPENSABLE:
                readable.pop(field, None)
            case (str(field), str(key)) if fault["type"] == "extra_forbidden" and field in readable:
                readable[field] = {name: value for name, value in readable[field].items() if name != key}
            case (str(field), *_) if field in _DISPENSABLE:
                readable.pop(field, None)
            case ("title",) if isinstance(detail.get("title"), str):
                readable["title"] = shorten(detail["title"], 200)
            case _:
                continue
        unread.append(_path(path))
    return readable, unread


def _raw_alert(detail: Mapping[str, Any], body: str, problem: str) -> Alert:
    """An alert that carries `body` as it came, with what of `detail` can be used for filters."""
    severity, title = _text(detail, "severity", 20), _text(detail, "title", 200)
    return Alert(
        id=_text(detail, "id", 200) or hashlib.sha256(body.encode(errors="replace")).hexdigest(),
        account=_text(detail, "account", 40),
        region=_text(detail, "region", 40),
        endpoint=_text(detail, "endpoint", 80),
        variant=_text(detail, "variant", 80),
        kind=_text(detail, "kind", 40) or "unreadable",
        severity=severity if severity in get_args(Severity) else "warning",
        state="raised",
        heading=": ".join(["Trimtab received a finding that it cannot read", *([title] if title else [])]),
        reason=_text(detail, "reason", 2000)
        or "The finding below is passed on as it came, so that nothing is lost. It may come from a newer Trimtab.",
        unread=one_line(problem, 400),
        raw=shorten(clean(body), MAX_RAW),
    )


def _text(detail: Mapping[str, Any], field: str, limit: int) -> str:
    value = detail.get(field)
    return one_line(value, limit) if isinstance(value, str) else ""


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location))
