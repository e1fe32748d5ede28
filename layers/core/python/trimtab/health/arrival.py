"""Do the captures come in, and are they all there?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Any

from trimtab.drift.proportions import normal_quantile, wilson_lower
from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import HOUR, whole_hour
from trimtab.health.check import Check
from trimtab.health.hours import complete_hours
from trimtab.health.thresholds import HealthThresholds

UNKNOWN_TRAFFIC = "CloudWatch has no complete Invocations for it (they are kept by endpoint and variant)"


@dataclass(frozen=True, slots=True)
class Clues:
    """What may explain captures that are not there; None is not known.

    `disk_percent`: the fullest instance's disk. `files`: capture files in S3 since they were last seen.
    """

    disk_percent: float | None = None
    files: int | None = None


def requests_start(now: datetime, delay: timedelta, thresholds: HealthThresholds) -> datetime:
    """From when on requests are looked at: twice the silence that is allowed, and the complete hours."""
    silence = timedelta(minutes=thresholds.silent_minutes)
    return min(whole_hour(now - 2 * silence), complete_hours(now, delay, thresholds.hours)[0])


def answered_requests(requests: Mapping[datetime, float], *refused: Mapping[datetime, float]) -> dict[datetime, float]:
    """Requests by minute less those that got an error, for which SageMaker may write no capture."""
    return {
        minute: max(0.0, count - sum(errors.get(minute, 0.0) for errors in refused))
        for minute, count in requests.items()
    }


def judge_arrival(
    where: str,
    requests: Mapping[datetime, float] | None,
    *,
    captured: int,
    hours: Sequence[datetime],
    sampling: float,
    last: datetime | None,
    changed: datetime,
    now: datetime,
    delay: timedelta,
    may_wait: bool,
    thresholds: HealthThresholds,
    clues: Clues = Clues(),
) -> list[Check]:
    """Whether captures come in and, where that can be told apart from silence and waiting, whether all are there.

    `captured`: requests captured in the complete `hours`, in order of time. `may_wait`: whether captures may wait to be
    read. All others as in `capture_silent`.
    """
    silent = capture_silent(
        where,
        requests,
        sampling=sampling,
        last=last,
        changed=changed,
        now=now,
        delay=delay,
        thresholds=thresholds,
        clues=clues,
    )
    if silent.verdict is Verdict.ALERT or may_wait:
        return [silent]  # that captures are lost goes without saying, or cannot be told yet
    within = {minute: count for minute, count in (requests or {}).items() if hours[0] <= minute < hours[-1] + HOUR}
    lost = captures_lost(
        where,
        captured=captured,
        answered=None if not within or hours[0] < changed else round(sum(within.values())),
        sampling=sampling,
        thresholds=thresholds,
        clues=clues,
    )
    return [silent, lost]


def capture_silent(
    where: str,
    requests: Mapping[datetime, float] | None,
    *,
    sampling: float,
    last: datetime | None,
    changed: datetime,
    now: datetime,
    delay: timedelta,
    thresholds: HealthThresholds,
    clues: Clues = Clues(),
) -> Check:
    """Whether requests were answered and none was captured for `silent_minutes`.

    `requests`: answered requests by minute, without a key where CloudWatch told none, None where it told nothing that
    can be used. `sampling`: the share that is to be captured. `last`: the last moment captures are known from, None
    when none ever was; then silence counts from `changed`, when the endpoint got its present configuration (scaling
    changes nothing of how it captures). `delay`: how long captures may take to arrive.
    """
    since = last or changed
    silence = timedelta(minutes=thresholds.silent_minutes)
    evidence: dict[str, Any] = {"last_capture": since.isoformat(), "sampling": sampling}
    if last and now - last < silence:
        verdict, reason = Verdict.OK, f"Captures are known from {last:%Y-%m-%d %H:%M} UTC."
    elif now - since < silence:
        # no good news: an endpoint that is updated again and again without ever capturing must not clear its alert
        verdict, reason = Verdict.INSUFFICIENT_DATA, f"No capture yet; the endpoint is new since {since:%H:%M} UTC."
    elif requests is None:
        verdict, reason = Verdict.INSUFFICIENT_DATA, f"No capture since {since:%Y-%m-%d %H:%M} UTC: {UNKNOWN_TRAFFIC}."
    else:
        unseen = {minute: count for minute, count in requests.items() if since <= minute < now - delay and count > 0}
        total = round(sum(unseen.values()))
        evidence |= {"invocations": total, "hours_silent": round((now - since) / timedelta(hours=1), 1)}
        chance = (1 - sampling) ** total
        if not unseen or now - min(unseen) < silence or chance > thresholds.level:
            verdict = Verdict.INSUFFICIENT_DATA
            reason = (
                f"No capture since {since:%Y-%m-%d %H:%M} UTC, but only {total:,} requests either, of which "
                f"{sampling:.0%} are to be captured."
            )
        else:
            verdict = Verdict.ALERT
            reason = (
                f"No capture since {since:%Y-%m-%d %H:%M} UTC, while {total:,} requests were answered from "
                f"{min(unseen):%H:%M} on, of which {sampling:.0%} are to be captured.{_told(clues, thresholds)}"
            )
    return Check(
        name="capture_silent",
        kind="self",
        severity="critical",
        title=f"Captures of {where} have stopped",
        verdict=verdict,
        reason=reason,
        evidence=evidence | _known(clues),
    )


def captures_lost(
    where: str,
    *,
    captured: int,
    answered: int | None,
    sampling: float,
    thresholds: HealthThresholds,
    clues: Clues = Clues(),
) -> Check:
    """Whether fewer requests were captured than sampling explains, over the last complete hours.

    Each answered request is captured with probability `sampling`, so `captured` is binomial. ALERT: the upper Wilson
    bound of the share captured is below `captured_share` of the sampling. `answered` None: not known.
    """
    evidence: dict[str, Any] = {"captured": captured, "invocations": answered, "sampling": sampling}
    if answered is None or answered == 0 or sampling == 0:
        verdict = Verdict.INSUFFICIENT_DATA
        reason = f"{captured:,} captured: {UNKNOWN_TRAFFIC if answered is None else 'nothing was to be captured'}."
    else:
        expected = answered * sampling
        slack = normal_quantile(1 - thresholds.level) * sqrt(expected * (1 - sampling)) + 0.1 * expected
        upper = wilson_upper(min(captured, answered), answered, thresholds.level)
        share = captured / expected
        evidence |= {"expected": round(expected, 1), "captured_share": share, "at_most": upper / sampling}
        reason = (
            f"{captured:,} requests were captured in the last {thresholds.hours} complete hours; of {answered:,} "
            f"answered ones {expected:,.0f} were to be ({sampling:.0%})"
        )
        if captured > expected + slack:
            verdict, reason = Verdict.INSUFFICIENT_DATA, f"{reason}: CloudWatch has not counted all requests."
        elif upper < thresholds.captured_share * sampling:
            verdict = Verdict.ALERT
            reason = f"{reason}: {share:.1%}, at most {upper / sampling:.1%}.{_told(clues, thresholds)}"
        else:
            enough = captured >= thresholds.captured_share * expected
            verdict, reason = (Verdict.OK if enough else Verdict.INSUFFICIENT_DATA), f"{reason}: {share:.1%}."
    return Check(
        name="captures_lost",
        kind="self",
        severity="warning",
        title=f"Captures of {where} are lost",
        verdict=verdict,
        reason=reason,
        evidence=evidence | _known(clues),
    )


def wilson_upper(count: int, of: int, level: float) -> float:
    """The share that is not reached but for an error of `level` (one-sided upper Wilson bound); 1 when `of` is 0."""
    return 1 - wilson_lower(of - count, of, level)


def _told(clues: Clues, thresholds: HealthThresholds) -> str:
    told = ""
    if clues.disk_percent is not None and clues.disk_percent >= thresholds.disk_percent:
        told += f" An instance's disk is {clues.disk_percent:.0f} % full: SageMaker stops capturing then."
    if clues.files:
        told += f" S3 has {clues.files:,} capture files of that time: they were written, but not read by Trimtab."
    elif clues.files == 0:
        told += " S3 has no capture file of that time: SageMaker wrote none."
    return told


def _known(clues: Clues) -> dict[str, Any]:
    pairs = {"disk_percent": clues.disk_percent, "files_in_s3": clues.files}
    return {name: value for name, value in pairs.items() if value is not None}
