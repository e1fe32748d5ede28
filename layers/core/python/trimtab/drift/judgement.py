"""One window judged, whole: the decision, its evidence and the history after it. Nothing here needs AWS, so that what
the function does every hour can be replayed anywhere."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference
from trimtab.capture.window import Coverage
from trimtab.drift.assessment import Assessment, assess
from trimtab.drift.evidence import window_document
from trimtab.drift.history import History, after_window, seen_columns
from trimtab.drift.past import Past, past_document
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.windows import Window

NO_PAST = Past()


@dataclass(frozen=True, slots=True)
class WindowJudgement:
    """A window's verdict. `document`: all evidence of it, to keep; `history`: the one after it."""

    assessment: Assessment
    document: dict[str, Any]
    history: History


def judge(
    reference: Reference,
    current: Profile,
    thresholds: DriftThresholds,
    past: Past = NO_PAST,
    *,
    importance: Mapping[str, float] | None = None,
    critical: Collection[str] = frozenset(),
    ignore: Collection[str] = frozenset(),
) -> Assessment:
    """The window's counts against the reference, in the light of its past. Raises ValueError as `assess` does."""
    return assess(
        reference,
        current,
        thresholds,
        season=past.season,
        calibrated=past.calibrated or {},
        importance=importance,
        critical=critical,
        ignore=ignore,
    )


def judge_window(
    reference: Reference,
    window: Window,
    current: Profile,
    coverage: Coverage,
    history: History,
    past: Past,
    thresholds: DriftThresholds,
    *,
    importance: Mapping[str, float] | None = None,
    critical: Collection[str] = frozenset(),
    ignore: Collection[str] = frozenset(),
) -> WindowJudgement:
    """Judge a window. Columns of the reference that no capture ever had, up to this window, are not judged."""
    seen = seen_columns(history, current)
    never_captured = reference.grid.columns.keys() - seen.seen
    assessment = judge(
        reference,
        current,
        thresholds,
        past,
        importance=importance,
        critical=critical,
        ignore={*ignore, *never_captured},
    )
    after = after_window(seen, window, assessment.verdict, thresholds)
    document = window_document(
        window, assessment, after, reference, thresholds, coverage, never_captured=never_captured
    )
    document |= past_document(past, window, assessment, current, reference.grid, thresholds)
    return WindowJudgement(assessment, document, after)
