"""Columns of dates and times: they only grow, so that each later window has values the reference never had."""

import re
from datetime import datetime

from trimtab.capture.grid import Bins, Vocabulary
from trimtab.capture.profile import ColumnProfile

LEAST = 0.99
"""So much of the reference's values, and of the different ones, has to be dates."""
WHY_NOT_JUDGED = "dates or times: later data always has new ones"

_DIGITS = re.compile(r"\d+")
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


def are_dates(bins: Bins, reference: ColumnProfile) -> bool:
    """Whether a column's values are texts that spell dates, with or without a time of day, as ISO 8601 does.

    Numbers are never taken for them: years, hours and codes of a calendar are features, and seconds since 1970 cannot
    be told from other large numbers. Nor is a time of day without a date.
    """
    if not isinstance(bins, Vocabulary) or not bins.values:
        return False
    listed = reference.counts[: len(bins.values)].tolist()
    cells = sum(count for value, count in zip(bins.values, listed, strict=True) if is_date(value))
    different = sum(map(is_date, bins.values))
    if not different or cells < LEAST * sum(listed) or different < LEAST * len(bins.values):
        return False
    return sum(map(is_date, bins.others)) >= LEAST * len(bins.others)


def is_date(text: str) -> bool:
    """Whether a text is `2026-05-01`, `2026-05`, `2026-05-01T12:30:00Z`, `2026-05-01 12:30:00.123 UTC` and the like."""
    if _DIGITS.fullmatch(text):
        return False
    if _MONTH.fullmatch(text):
        return True
    try:
        datetime.fromisoformat(text.removesuffix(" UTC"))
    except ValueError:
        return False
    return True
