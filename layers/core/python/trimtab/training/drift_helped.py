"""Whether a retraining helped: does the new model score better where the old one had drifted?"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import sqrt

from trimtab.drift.proportions import normal_quantile

LEVEL = 0.05
MIN_ROWS = 200


class Outcome(StrEnum):
    """HELPED: better beyond chance. INSUFFICIENT_DATA is neither; it leaves open what came before."""

    HELPED = "HELPED"
    NOT_HELPED = "NOT_HELPED"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True)
class Help:
    """The verdict on one retraining. `gain`: in accuracy, or the share of the error that went; `least`: its one-sided
    95 % lower bound; both None with too few rows."""

    outcome: Outcome
    reason: str
    rows: int
    gain: float | None = None
    least: float | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """A model's answers on labelled rows."""

    correct: int
    rows: int


def judge_same_rows(only_old_right: int, only_new_right: int, rows: int, *, min_rows: int = MIN_ROWS) -> Help:
    """Both models on the rows of the drifted window: the paired difference of their accuracies."""
    if rows < max(min_rows, 1):
        return _too_few(rows, min_rows)
    gain = (only_new_right - only_old_right) / rows
    error = sqrt(max(only_new_right + only_old_right - rows * gain**2, 0.0)) / rows
    return _judged(gain, error, rows, f"on the same {rows:,} rows")


def judge_windows(before: Answers, after: Answers, *, min_rows: int = MIN_ROWS) -> Help:
    """The old model on the window that drifted, the new one on a later window (other rows)."""
    rows = min(before.rows, after.rows)
    if rows < max(min_rows, 1):
        return _too_few(rows, min_rows)
    old, new = before.correct / before.rows, after.correct / after.rows
    error = sqrt(old * (1 - old) / before.rows + new * (1 - new) / after.rows)
    return _judged(
        new - old, error, rows, f"{old:.2%} before on {before.rows:,} rows, {new:.2%} after on {after.rows:,}"
    )


def judge_error_ratio(ratio: float, highest: float, rows: int, *, min_rows: int = MIN_ROWS) -> Help:
    """Regression: RMSE of the new model over the old one's, and its one-sided 95 % upper bound."""
    if rows < max(min_rows, 1):
        return _too_few(rows, min_rows)
    return _outcome(1 - ratio, 1 - highest, rows, f"RMSE is {ratio:.3f} times the old one on {rows:,} rows")


def in_vain(outcomes: Sequence[Outcome]) -> int:
    """How many of the last retrainings did not help, in a row; those that could not be judged are passed over."""
    count = 0
    for outcome in reversed(outcomes):
        if outcome is Outcome.HELPED:
            break
        count += outcome is Outcome.NOT_HELPED
    return count


def _judged(gain: float, error: float, rows: int, text: str) -> Help:
    return _outcome(gain, gain - normal_quantile(1 - LEVEL) * error, rows, text)


def _outcome(gain: float, least: float, rows: int, text: str) -> Help:
    outcome = Outcome.HELPED if least > 0 else Outcome.NOT_HELPED
    verb = "helped" if outcome is Outcome.HELPED else "did not help"
    reason = f"the retraining {verb}: {text}, a gain of {gain:+.4f} (at least {least:+.4f})"
    return Help(outcome, reason, rows, gain, least)


def _too_few(rows: int, min_rows: int) -> Help:
    reason = f"{rows:,} labelled rows are too few to tell whether the retraining helped; {min_rows:,} are needed"
    return Help(Outcome.INSUFFICIENT_DATA, reason, rows)
