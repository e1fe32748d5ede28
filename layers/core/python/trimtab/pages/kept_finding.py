"""Findings as they are kept for the pages. Whatever is on the bus can be kept and shown, also what is no finding."""

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from trimtab.alerts.text import one_line
from trimtab.pages.figures import moment_of

ACCOUNT = "_account"
"""Stands for findings about no endpoint. No endpoint's name begins with an underscore."""
SAFE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


@dataclass(frozen=True)
class KeptFinding:
    """A finding as far as it can be read. `about` is when the fact was so: the end of its window, else `time`."""

    id: str
    time: datetime
    endpoint: str
    variant: str
    kind: str
    severity: str
    state: str
    title: str
    reason: str
    account: str = ""
    region: str = ""
    action: Mapping[str, Any] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def about(self) -> datetime:
        """When what it tells of was so."""
        window = self.evidence.get("window")
        return (moment_of(window.get("end")) if isinstance(window, Mapping) else None) or self.time

    @property
    def folder(self) -> str:
        """The endpoint's name, or ACCOUNT for what is about none, or about one whose name no endpoint can have."""
        return self.endpoint if SAFE_NAME.fullmatch(self.endpoint) else ACCOUNT

    @property
    def day(self) -> str:
        """The day of the fact, as `2026-11-20`."""
        return f"{self.time:%Y-%m-%d}"


def finding_of_event(event: Mapping[str, Any], received: datetime) -> KeptFinding:
    """The finding in an event of the bus. `received` stands for a time that it does not tell."""
    detail = event.get("detail")
    known = dict(detail) if isinstance(detail, Mapping) else {"reason": json.dumps(event, sort_keys=True, default=str)}
    if moment_of(known.get("time")) is None:
        known["time"] = event.get("time") if moment_of(event.get("time")) else received.isoformat()
    return finding_of_document(known)


def finding_of_document(document: Mapping[str, Any]) -> KeptFinding:
    """The finding that a document tells of; what is missing or of another type is left empty."""

    def told(key: str, limit: int) -> str:
        value = document.get(key)
        return one_line(value, limit) if isinstance(value, str) else ""

    def mapping(key: str) -> Mapping[str, Any]:
        value = document.get(key)
        return value if isinstance(value, Mapping) else {}

    id_, reason = document.get("id"), document.get("reason")
    if not (isinstance(id_, str) and SAFE_NAME.fullmatch(id_)):
        id_ = hashlib.sha256(json.dumps(document, sort_keys=True, default=str).encode()).hexdigest()
    return KeptFinding(
        id=id_,
        time=moment_of(document.get("time")) or datetime(1970, 1, 1, tzinfo=UTC),
        endpoint=told("endpoint", 128),
        variant=told("variant", 128),
        kind=told("kind", 40) or "unreadable",
        severity=told("severity", 20),
        state=told("state", 20),
        title=told("title", 300) or "A finding without a title",
        reason=reason if isinstance(reason, str) else "",
        account=told("account", 40),
        region=told("region", 40),
        action=mapping("action"),
        evidence=mapping("evidence"),
        links={str(key): value for key, value in mapping("links").items() if isinstance(value, str)},
    )


def document_of(finding: KeptFinding) -> dict[str, Any]:
    """The inverse of `finding_of_document`."""
    return {
        "version": "1",
        "id": finding.id,
        "account": finding.account,
        "region": finding.region,
        "time": finding.time.isoformat(),
        "endpoint": finding.endpoint,
        "variant": finding.variant,
        "kind": finding.kind,
        "severity": finding.severity,
        "state": finding.state,
        "title": finding.title,
        "reason": finding.reason,
        "action": dict(finding.action) or None,
        "evidence": dict(finding.evidence),
        "links": dict(finding.links),
    }


def newest_first(findings: Iterable[KeptFinding]) -> list[KeptFinding]:
    """Each finding once, also when it was kept on two days."""
    once = {each.id: each for each in sorted(findings, key=lambda each: each.time, reverse=True)}
    return sorted(once.values(), key=lambda each: (each.about, each.time), reverse=True)
