from datetime import UTC, datetime

import numpy as np
import pytest

from trimtab.aws import state_bucket
from trimtab.aws.reference_rows import ReferenceRows
from trimtab.capture.sample import sample_of_table
from trimtab.capture.table import NumericColumn, Table

pytestmark = pytest.mark.usefixtures("aws")


def store(rows, seed=1, name="current"):
    table = Table(datetime(2026, 11, 20, tzinfo=UTC), rows, rows, {"x": NumericColumn(np.arange(float(rows)))})
    state_bucket.write_reference_sample("state", "churn", sample_of_table(table, seed, 0, 1_000), name)


def reading(calls, name="current", grid="g"):
    def estimate(sample):
        calls.append(sample.rows)
        return {"rows": sample.rows}

    return ReferenceRows("state", "churn", name).importance({"grid": grid}, estimate)


def test_what_a_reference_comes_to_is_worked_out_once():
    calls = []
    store(50)
    assert [reading(calls), reading(calls)] == [{"rows": 50}] * 2
    assert calls == [50]


def test_another_reference_is_worked_out_again():
    calls = []
    store(50)
    reading(calls)
    reading(calls, grid="other")
    store(60)
    reading(calls)
    store(60, seed=2)
    reading(calls)
    assert calls == [50, 50, 60, 60]


def test_each_reference_has_its_own():
    calls = []
    store(50)
    store(70, name="blue")
    assert [reading(calls), reading(calls, "blue"), reading(calls)] == [{"rows": 50}, {"rows": 70}, {"rows": 50}]
    assert calls == [50, 70]


def test_without_rows_there_is_nothing_to_work_out():
    assert ReferenceRows("state", "churn", "current").sample is None
    assert reading([]) is None
