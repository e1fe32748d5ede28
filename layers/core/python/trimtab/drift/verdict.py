"""Verdicts, and the reasons that lead to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from trimtab.drift.thresholds import DriftThresholds


class Verdict(StrEnum):
    """What a window says about drift. INSUFFICIENT_DATA is neither good nor bad news."""

    OK = "OK"
    WARN = "WARN"
    ALERT = "ALERT"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that fired on one column, and why, with the numbers."""

    rule: Literal["psi", "missing", "invalid", "unseen", "range"]
    verdict: Literal[Verdict.WARN, Verdict.ALERT]
    text: str


def reason(
    rule: Literal["psi", "missing", "invalid", "unseen", "range"],
    verdict: Literal[Verdict.WARN, Verdict.ALERT],
    text: str,
    *,
    rows: int,
    thresholds: DriftThresholds,
) -> Reason:
    """A reason that rests on `rows` values: with fewer than `alert_rows` of them it is at most a WARN."""
    return Reason(rule, verdict if rows >= thresholds.alert_rows else Verdict.WARN, text)


def gravest(reasons: Iterable[Reason]) -> Verdict:
    """ALERT before WARN, OK without any reason."""
    verdicts = {each.verdict for each in reasons}
    return next((verdict for verdict in (Verdict.ALERT, Verdict.WARN) if verdict in verdicts), Verdict.OK)
