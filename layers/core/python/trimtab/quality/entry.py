"""What is remembered of one judged window, and when it is to be judged again.

Labels come late: a window is estimated first, and judged by its labels once these are waited for no longer. Its entry
is then replaced.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from trimtab.drift.verdict import Verdict
from trimtab.drift.windows import Window
from trimtab.quality.assessment import QualityAssessment
from trimtab.quality.intervals import Metric
from trimtab.quality.judgement import Basis
from trimtab.quality.settings import DEFAULT_METRICS, QualitySettings

KEPT = timedelta(days=90)
LOOKS = (timedelta(0), timedelta(days=1), timedelta(days=7))
"""When a window is judged by its labels, after they are waited for no longer: at once, and again for those that came
later still."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One window in short.

    `metrics`: those that decide. `labels_share`: the share of rows with a usable label, None before they are looked at.
    `looks`: how many of LOOKS had passed. `reference`: which labelled rows it was compared with. `contradiction`: as in
    `QualityAssessment`. `withheld`: whether an estimate was not told because the latest labels contradicted it.
    """

    start: datetime
    end: datetime
    rows: int
    basis: Basis
    verdict: Verdict
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    labels_share: float | None = None
    looks: int = 0
    reference: str = ""
    contradiction: str | None = None
    withheld: bool = False
    cause: str = ""

    @property
    def window(self) -> Window:
        """The window itself; which of its hours have rows is not remembered."""
        return Window(self.start, self.end, (), self.rows)


def entry_of(
    window: Window,
    assessment: QualityAssessment,
    settings: QualitySettings,
    *,
    looks: int,
    reference: str,
    contradicted: bool,
) -> Entry:
    """A judged window in short. `contradicted`: whether the latest labels before it spoke against estimates."""
    judgement, coverage = assessment.judgement, assessment.coverage
    deciding = settings.metrics or {name for names in DEFAULT_METRICS.values() for name in names}
    return Entry(
        start=window.start,
        end=window.end,
        rows=window.rows,
        basis=judgement.basis,
        verdict=judgement.verdict,
        metrics={name: metric for name, metric in judgement.metrics.items() if name in deciding},
        labels_share=coverage.share if coverage else None,
        looks=looks,
        reference=reference,
        contradiction=assessment.contradiction,
        withheld=judgement.basis == "estimated" and contradicted,
        cause=assessment.cause.cause if assessment.cause else "",
    )


def looks_due(end: datetime, now: datetime, settings: QualitySettings) -> int:
    """How many of LOOKS at the labels of a window that ended then have passed; 0 while labels are waited for."""
    closed = end + timedelta(hours=settings.label_delay_hours)
    return sum(now >= closed + look for look in LOOKS)


def is_due(
    entry: Entry,
    now: datetime,
    settings: QualitySettings,
    *,
    reference: str,
    contradicted: bool,
    again: datetime | None = None,
) -> bool:
    """Whether a judged window is to be judged again: a look at its labels is due, or it was estimated otherwise than it
    would be now, or it began since `again`, and `now` is no moment before its labels were looked at."""
    looks = looks_due(entry.end, now, settings)
    if looks > entry.looks or (again and entry.start >= again and looks == entry.looks):
        return True
    return entry.basis == "estimated" and (entry.reference != reference or entry.withheld != contradicted)


def kept_for(settings: QualitySettings) -> timedelta:
    """How long entries are kept: 90 days, and until their labels are looked at no more."""
    windows = timedelta(hours=settings.max_window_hours)
    return max(KEPT, timedelta(hours=settings.label_delay_hours) + LOOKS[-1] + windows + timedelta(days=1))


def may_change_until(last: Entry, settings: QualitySettings) -> datetime:
    """Until when anything may be judged once more, should no further answer come after this window."""
    return last.end + timedelta(hours=settings.label_delay_hours + settings.max_window_hours) + LOOKS[-1]
