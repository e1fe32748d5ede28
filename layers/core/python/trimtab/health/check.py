"""One check: what was looked at, the verdict on it, and what to tell people."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trimtab.drift.verdict import Verdict
from trimtab.findings import Severity

type CheckKind = Literal["self", "data_quality"]


@dataclass(frozen=True, slots=True)
class Check:
    """The outcome of one check.

    `name` is stable: what is remembered of the check goes by it. `verdict` is OK, ALERT or INSUFFICIENT_DATA, which is
    neither good nor bad news. `title` says the problem in one line without numbers, `reason` why, with the numbers.
    """

    name: str
    kind: CheckKind
    severity: Severity
    title: str
    verdict: Verdict
    reason: str
    evidence: Mapping[str, Any] = field(default_factory=dict)
