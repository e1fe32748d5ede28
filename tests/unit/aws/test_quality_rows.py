"""Answers and labels in the state bucket: whatever files they lie in, the same rows are read."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from trimtab.aws import quality_rows, s3
from trimtab.drift.windows import Window
from trimtab.quality.kept import answers_prefix, hour_folder, labels_prefix
from trimtab.quality.keyed_rows import encode_rows, keyed_rows, requests_of, row_keys, union

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROWS = 1000
PREFIX = answers_prefix("churn", "AllTraffic")

pytestmark = pytest.mark.usefixtures("aws")


def rows_of(hour, per_request=1):
    """Rows of an hour, some of them in one request."""
    numbers = range(ROWS)
    keys = row_keys((f"r{hour}-{n // per_request}" for n in numbers), (n % per_request for n in numbers))
    return keyed_rows(keys, int((START + hour * HOUR).timestamp()), {"score": np.arange(float(ROWS))})


def store(rows, hour, parts=1, prefix=PREFIX):
    for part in range(parts):
        inside = rows.where(np.arange(ROWS) % parts == part)
        quality_rows.write_rows("state", hour_folder(prefix, START + hour * HOUR), inside)
    return rows


def files(hour):
    return list(s3.list_keys("state", hour_folder(PREFIX, START + hour * HOUR)))


def read(hours=1, share=1.0, settled=START):
    window = Window(START, START + hours * HOUR, (), hours * ROWS)
    return quality_rows.read_answers("state", "churn", "AllTraffic", window, share=share, settled=settled)


def test_the_answers_of_a_windows_hours_are_read_and_no_others():
    given = [store(rows_of(hour), hour, parts=3) for hour in range(3)]
    assert encode_rows(read(hours=2)) == encode_rows(union(given[:2]))
    assert len(files(0)) == 3


def test_files_of_hours_that_are_settled_are_left_in_one():
    given = store(rows_of(0), 0, parts=3)
    assert encode_rows(read(settled=START + HOUR)) == encode_rows(given)
    assert len(files(0)) == 1
    assert encode_rows(read()) == encode_rows(given)


def test_of_a_share_whole_requests_are_read():
    given = store(rows_of(0, per_request=4), 0)
    found = read(share=0.5)
    assert 300 < len(found) < 700
    assert set(np.bincount(requests_of(found.keys))) == {4}
    assert encode_rows(union((given, found))) == encode_rows(given)


def test_of_a_very_large_window_a_part_is_read(monkeypatch):
    store(rows_of(0), 0)
    monkeypatch.setattr(quality_rows, "MOST_ANSWERS", 500)
    part = read()
    assert 400 < len(part) < 600
    assert encode_rows(read(share=0.9)) == encode_rows(part)


def test_an_hour_too_large_for_memory_is_left_in_several_files(monkeypatch):
    monkeypatch.setattr(quality_rows, "MOST_CELLS", 400 * 6)
    given = store(rows_of(0), 0, parts=20)

    def parts():
        return quality_rows.read_hours("state", PREFIX, START, START + HOUR, settled=START + HOUR)

    assert all(len(part) <= 400 for part in parts())
    assert 3 <= len(files(0)) <= 5
    assert encode_rows(union(parts())) == encode_rows(given)


@pytest.mark.parametrize("held", [100, 500_000], ids=["looked through", "held"])
def test_labels_of_answers_are_found_and_others_counted(monkeypatch, held):
    monkeypatch.setattr(quality_rows, "MOST_HELD", held)
    for hour in range(3):
        store(rows_of(hour), hour, prefix=labels_prefix("churn"))
    labels = quality_rows.CollectedLabels("state", "churn", START + 3 * HOUR, share=1, settled=START)
    found, others = labels.of(rows_of(1), START + HOUR)
    assert encode_rows(found) == encode_rows(rows_of(1))
    assert others == ROWS
    assert labels.of(rows_of(1), START)[1] == 2 * ROWS
