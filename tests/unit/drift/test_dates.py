import numpy as np
import pytest

from trimtab.capture.grid import Vocabulary, numeric_bins
from trimtab.capture.profile import ColumnProfile
from trimtab.drift.dates import are_dates, is_date


def told(values, counts=None, **others):
    counts = [1] * len(values) if counts is None else counts
    return are_dates(Vocabulary(tuple(values), **others), ColumnProfile(counts=np.array([*counts, 0, 0])))


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01",
        "2026-05",
        "2026-W05",
        "2026-05-01T12:30",
        "2026-05-01 12:30:00",
        "2026-05-01T12:30:00Z",
        "2026-05-01T12:30:00.123456789Z",
        "2026-05-01 12:30:00.123 UTC",
        "2026-05-01T12:30:00+0200",
        "20260501T123000Z",
    ],
)
def test_dates_and_times_are_told(text):
    assert is_date(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026",
        "20260501",
        "1777638600",
        "12",
        "12:30:00",
        "Fri",
        "May",
        "2026-13",
        "2026-02-30",
        "90210-1234",
        "1-2",
        "",
    ],
)
def test_parts_of_dates_and_numbers_are_features(text):
    assert not is_date(text)


def test_a_column_is_of_dates_when_nearly_all_its_values_are():
    days = [f"2026-05-{day:02}" for day in range(1, 21)]
    assert told(days)
    assert told(days * 5 + ["unknown"], [10] * 101)
    assert not told([*days, "unknown"], [10] * 20 + [5])
    assert not told(["2026-05-01", *"abcdefgh"], [9999, *[1] * 8])


def test_values_that_are_not_listed_have_to_be_dates_too():
    assert told(["2026-05-01"], others=frozenset({"2026-05-02"}))
    assert not told(["2026-05-01"], others=frozenset({"2026-05-02", "b"}))


def test_numbers_and_columns_without_values_are_no_dates():
    years = numeric_bins(np.arange(1987.0, 2027), np.full(40, 10))
    assert not are_dates(years, ColumnProfile(counts=np.ones(years.bins, np.int64)))
    assert not told([])
