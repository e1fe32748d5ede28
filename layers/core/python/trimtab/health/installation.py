"""Is Trimtab itself well: its queues, its dead letters, its functions?"""

from collections.abc import Iterable
from math import inf

from trimtab.drift.verdict import Verdict
from trimtab.health.check import Check

ERRORS_AN_HOUR = 3
"""A scheduled function that fails is tried three times: so many errors are a run that was lost."""
THROTTLES_AN_HOUR = 10
FAILED_HOURS_A_DAY = 2
"""What stops nothing may fail once, as when another run writes at the same time; what fails again is broken."""

DEAD_LETTERS = {
    "capture": "capture files that could not be read five times",
    "alert": "findings that could not be told",
    "failed invocations": "runs of Trimtab's functions that failed for good",
}
"""What the messages in each dead-letter queue are."""
ALL_THE_SAME = {
    "ExplanationsFailed": "why windows drifted",
    "ModelMonitorReportsFailed": "reports in Model Monitor's form",
}
"""What detect_drift counts when it fails at something without which windows are judged all the same, and what people
lack then."""


def queue_age(queue: str, *, waiting: int, age_minutes: float | None, limit_minutes: int) -> Check:
    """Whether messages wait too long. `waiting`: messages in the queue or being worked on. `age_minutes` None: not
    known."""
    if waiting == 0:
        verdict, reason = Verdict.OK, "Nothing waits."
    elif age_minutes is None:
        verdict, reason = Verdict.INSUFFICIENT_DATA, f"{waiting:,} messages wait; CloudWatch does not say how long."
    else:
        verdict = Verdict.ALERT if age_minutes > limit_minutes else Verdict.OK
        reason = f"{waiting:,} messages wait, the oldest for {age_minutes:,.0f} minutes; {limit_minutes:,} are allowed."
    return Check(
        name=f"queue_age:{queue}",
        kind="self",
        severity="warning",
        title=f"Trimtab is behind: the {queue} queue",
        verdict=verdict,
        reason=reason,
        evidence={"queue": queue, "waiting": waiting, "age_minutes": age_minutes},
    )


def capture_lag(queues: Iterable[Check]) -> float:
    """For how many minutes captures wait to be read, by the checks of the queues' age; without end when they wait and
    nobody knows since when."""
    [capture] = (check.evidence for check in queues if check.evidence["queue"] == "capture")
    age: float | None = capture["age_minutes"] if capture["waiting"] else 0.0
    return inf if age is None else age


def dead_letters(queue: str, *, messages: int, url: str) -> Check:
    """Whether a dead-letter queue, one of DEAD_LETTERS, holds anything."""
    if messages:
        kept = "They are kept for 14 days; the runbook says how to send them again."
        verdict, reason = Verdict.ALERT, f"{messages:,} messages: {DEAD_LETTERS[queue]}. {kept}"
    else:
        verdict, reason = Verdict.OK, "It is empty."
    return Check(
        name=f"dead_letters:{queue}",
        kind="self",
        severity="critical",
        title=f"Trimtab gave something up: the {queue} dead-letter queue",
        verdict=verdict,
        reason=reason,
        evidence={"queue": queue, "messages": messages, "url": url},
    )


def function_faults(function: str, *, errors: float | None, throttles: float | None) -> Check:
    """Whether a function of Trimtab's own failed or was throttled in the last hour; None is not known."""
    if errors is None and throttles is None:
        verdict, reason = Verdict.INSUFFICIENT_DATA, "It was not called in the last hour, or CloudWatch does not know."
    else:
        is_bad = (errors or 0) >= ERRORS_AN_HOUR or (throttles or 0) >= THROTTLES_AN_HOUR
        is_known = errors is not None and throttles is not None
        verdict = Verdict.ALERT if is_bad else Verdict.OK if is_known else Verdict.INSUFFICIENT_DATA
        reason = f"In the last hour: errors {_count(errors)}, throttled calls {_count(throttles)}."
    return Check(
        name=f"function_faults:{function}",
        kind="self",
        severity="warning",
        title=f"Trimtab's function {function} fails",
        verdict=verdict,
        reason=reason,
        evidence={"function": function, "errors": errors, "throttles": throttles},
    )


def lasting_failure(metric: str, *, failed_hours: int | None) -> Check:
    """Whether something that stops nothing when it fails, one of ALL_THE_SAME, does so again and again. `failed_hours`:
    hours of the last day in which it failed, None when that is not known."""
    if failed_hours is None:
        verdict, reason = Verdict.INSUFFICIENT_DATA, "CloudWatch does not know how it went in the last day."
    else:
        verdict = Verdict.ALERT if failed_hours >= FAILED_HOURS_A_DAY else Verdict.OK
        reason = f"Failed in {failed_hours} of the last 24 hours; windows are judged all the same. The log says why."
    return Check(
        name=f"lasting_failure:{metric}",
        kind="self",
        severity="warning",
        title=f"Trimtab cannot write {ALL_THE_SAME[metric]}",
        verdict=verdict,
        reason=reason,
        evidence={"metric": metric, "failed_hours": failed_hours},
    )


def _count(value: float | None) -> str:
    return "unknown" if value is None else f"{value:,.0f}"
