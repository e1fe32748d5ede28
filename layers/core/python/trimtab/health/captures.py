"""Do the captures come in, are they all there, and can they be read?"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, sqrt
from typing import Any

from trimtab.drift.proportions import normal_quantile, wilson_lower
from trimtab.drift.verdict import Verdict
from trimtab.health.check import Check
from trimtab.health.thresholds import HealthThresholds

UNKNOWN_TRAFFIC = "CloudWatch has no complete Invocations for it (they are kept by endpoint and variant)"
_REASONS = 5


@dataclass(frozen=True, slots=True)
class Clues:
    """What may explain captures that are not there; None is not known.

    `disk_percent`: the fullest instance's disk. `files`: capture files in S3 since they were last seen.
    """

    disk_percent: float | None = None
    files: int | None = None


def capture_silent(
    where: str,
    requests: Mapping[datetime, float] | None,
    *,
    sampling: float,
    since: datetime,
    now: datetime,
    delay: timedelta,
    thresholds: HealthThresholds,
    clues: Clues = Clues(),
) -> Check:
    """Whether requests were answered and none was captured for `silent_minutes`.

    `requests`: answered requests by minute, without a key where CloudWatch told none, None where it told nothing that
    can be used. `sampling`: the share that is to be captured. `since`: the last moment captures are known from, else
    when the endpoint came to be as it is. `delay`: how long captures may take to arrive.
    """
    silence = timedelta(minutes=thresholds.silent_minutes)
    evidence: dict[str, Any] = {"last_capture": since.isoformat(), "sampling": sampling}
    if now - since < silence:
        verdict, reason = Verdict.OK, f"Captures are known from {since:%Y-%m-%d %H:%M} UTC."
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


def decode_coverage(
    where: str, *, read: int, lost: int, unreadable: Mapping[str, int], thresholds: HealthThresholds
) -> Check:
    """Whether certainly too many lines of the last complete hours could not be read, or not whole. `lost`: lines of
    which no row was counted; `unreadable`, by reason, has those that lost only their outputs besides."""
    lines = read + lost
    faulty = min(lines, sum(unreadable.values()))
    commonest = Counter(unreadable).most_common(_REASONS)
    if lines == 0:
        verdict, reason = Verdict.INSUFFICIENT_DATA, f"No lines in the last {thresholds.hours} complete hours."
    else:
        is_low = wilson_lower(faulty, lines, thresholds.level) > 1 - thresholds.decode_share
        verdict = Verdict.ALERT if is_low else Verdict.OK
        listed = ", ".join(f"{name} {count:,}" for name, count in commonest)
        reason = (
            f"{1 - faulty / lines:.1%} of {lines:,} lines of the last {thresholds.hours} complete hours could be read"
            f"{f'; not read: {listed}' if listed else ''}."
        )
    return Check(
        name="decode_coverage",
        kind="data_quality",
        severity="warning",
        title=f"Captures of {where} cannot be read",
        verdict=verdict,
        reason=reason,
        evidence={"lines": lines, "read": read, "lost": lost, "unreadable": dict(commonest)},
    )


def payload_schema(
    where: str,
    *,
    objects: int,
    rows: int,
    extra: Mapping[str, int],
    absent: Iterable[str],
    ignore: frozenset[str],
    is_learned: bool,
    thresholds: HealthThresholds,
) -> Check:
    """Whether the payload's columns are those that were learned.

    `extra`: columns that were not learned and how many of the `objects` have them; one in a hundred objects makes a
    new column. `absent`: learned columns that no object has. `ignore`: columns that never count. `is_learned`: whether
    there is anything to compare with.
    """
    new = sorted(name for name, count in extra.items() if count >= ceil(0.01 * objects) and name not in ignore)
    gone = sorted(set(absent) - ignore) if rows >= thresholds.schema_rows else []
    if not is_learned or objects == 0:
        verdict = Verdict.INSUFFICIENT_DATA
        reason = "The payload's columns are not learned yet." if not is_learned else "No captures to look at."
    elif new or gone:
        verdict = Verdict.ALERT
        changes = [f"new: {_listed(new)}"] * bool(new) + [f"vanished: {_listed(gone)}"] * bool(gone)
        reason = (
            f"The payload's columns changed; {'; '.join(changes)}. If that is meant, make a new reference, or name them"
            " in the setting `ignore`."
        )
    else:
        verdict, reason = Verdict.OK, "The payload has the columns it had."
    return Check(
        name="payload_schema",
        kind="data_quality",
        severity="warning",
        title=f"The payload of {where} has other columns",
        verdict=verdict,
        reason=reason,
        evidence={"new": new[:20], "vanished": gone[:20], "objects": objects, "rows": rows},
    )


def wilson_upper(count: int, of: int, level: float) -> float:
    """The share that is not reached but for an error of `level` (one-sided upper Wilson bound); 1 when `of` is 0."""
    return 1 - wilson_lower(of - count, of, level)


def _listed(names: list[str]) -> str:
    shown = ", ".join(name[:60] for name in names[:10])
    return f"{shown} and {len(names) - 10:,} more" if len(names) > 10 else shown


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
