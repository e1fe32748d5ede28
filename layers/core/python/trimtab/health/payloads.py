"""Can the captures be read, and do they have the columns they had?"""

from collections import Counter
from math import ceil

from trimtab.drift.proportions import wilson_lower
from trimtab.drift.verdict import Verdict
from trimtab.health.check import Check
from trimtab.health.hours import HourCaptures
from trimtab.health.thresholds import HealthThresholds

_REASONS = 5
"""Of the reasons why lines could not be read, the commonest so many are told."""


def decode_coverage(where: str, total: HourCaptures, thresholds: HealthThresholds) -> Check:
    """Whether certainly too many lines of the last complete hours, `total`, could not be read, or not whole: among the
    unreadable ones are those that lost only their outputs."""
    lines = total.captured
    faulty = min(lines, sum(total.unreadable.values()))
    commonest = Counter(total.unreadable).most_common(_REASONS)
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
        evidence={"lines": lines, "read": total.read, "lost": total.lost, "unreadable": dict(commonest)},
    )


def payload_schema(
    where: str, total: HourCaptures, *, ignore: frozenset[str], is_learned: bool, thresholds: HealthThresholds
) -> Check:
    """Whether the payload's columns in the last complete hours, `total`, are those that were learned.

    One in a hundred objects makes a new column. `ignore`: columns that never count. `is_learned`: whether there is
    anything to compare with.
    """
    few = ceil(0.01 * total.seen)
    new = sorted(name for name, count in total.extra.items() if count >= few and name not in ignore)
    gone = sorted(set(total.absent) - ignore) if total.rows >= thresholds.schema_rows else []
    if not is_learned or total.seen == 0:
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
        evidence={"new": new[:20], "vanished": gone[:20], "objects": total.seen, "rows": total.rows},
    )


def _listed(names: list[str]) -> str:
    shown = ", ".join(name[:60] for name in names[:10])
    return f"{shown} and {len(names) - 10:,} more" if len(names) > 10 else shown
