"""What predictions were worth, joined with the answers by the id of their request."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cost.outcome_values import OutcomeFileError, merge_values, outcomes_among, read_values
from trimtab.quality.keyed_rows import keyed_rows, row_keys


def answers(*requests, rows=1):
    keys = row_keys([each for each in requests for _ in range(rows)], [i for _ in requests for i in range(rows)])
    return keyed_rows(keys, 0)


def values(told):
    return read_values(["inference_id,value\n", *(f"{name},{value!r}\n" for name, value in told)], "s3://b/k")


@given(st.dictionaries(st.integers(0, 500).map(str), st.floats(-1e6, 1e6), max_size=60), st.sets(st.integers(0, 500)))
def test_outcomes_are_those_of_the_requests_that_were_answered(told, answered):
    joined = [value for name, value in told.items() if int(name) in answered]
    found = outcomes_among([answers(*map(str, answered))], values(told.items()))
    assert found.count == len(joined)
    if len(joined) > 1:
        assert found.mean == pytest.approx(np.mean(joined))
        assert found.variance == pytest.approx(np.var(joined, ddof=1), abs=1e-6)


def test_a_request_of_several_rows_has_one_value():
    assert outcomes_among([answers("a", "b", rows=3), answers("a")], values([("a", 1.0), ("b", 3.0)])).count == 2


def test_of_a_request_that_comes_twice_the_last_value_counts():
    assert outcomes_among([answers("a", "b")], values([("a", 1.0), ("b", 2.0), ("a", 4.0)])).mean == 3.0
    merged = merge_values([values([("a", 1.0), ("b", 2.0)]), values([("a", 4.0)])])
    assert outcomes_among([answers("a", "b")], merged).mean == 3.0


def test_no_files_are_no_outcomes():
    assert outcomes_among([answers("a")], merge_values([])).count == 0
    assert outcomes_among([answers()], values([("a", 1.0)])).count == 0


def test_other_columns_and_their_order_do_not_matter():
    found = read_values(["\ufeffvalue, customer ,inference_id\r\n", '2.5,"x,y",a\r\n', "\r\n"], "s3://b/k")
    assert outcomes_among([answers("a")], found).mean == 2.5


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "s3://b/k: has no column inference_id, value"),
        (["inference_id,amount\n"], "s3://b/k: has no column value"),
        (["inference_id,value\n", "a,1\n", "b,much\n"], "s3://b/k, line 3: could not convert string to float: 'much'"),
        (["inference_id,value\n", "a,nan\n"], "s3://b/k, line 2: 'nan' is no value"),
        (["inference_id,value\n", "a\n"], "s3://b/k, line 2: list index out of range"),
    ],
    ids=["empty", "no value", "no number", "nan", "cut off"],
)
def test_what_cannot_be_used_is_named(lines, words):
    with pytest.raises(OutcomeFileError, match=words):
        read_values(lines, "s3://b/k")
