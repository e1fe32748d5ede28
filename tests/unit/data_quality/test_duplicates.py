import numpy as np
import pytest

from tests.unit.data_quality.builders import generator, sample_of
from tests.unit.drift.builders import numbers, texts
from trimtab.data_quality import duplicates


def repetition(reference, current):
    return duplicates.repetition(reference, current, reference.columns)


def rows(count, seed, repeated=0.0):
    random = generator(seed)
    chosen = np.arange(count)
    chosen[: int(count * repeated)] = random.integers(int(count * repeated), count, int(count * repeated))
    x, kind = random.normal(size=count)[chosen], random.integers(0, 3, count)[chosen]
    order = random.permutation(count)
    return {"x": numbers(x[order]), "kind": texts([str(each) + "k" for each in kind[order]])}


def test_rows_that_come_twice_are_more_than_expected():
    found = repetition(sample_of(rows(20_000, 0), 1), sample_of(rows(2_000, 1, repeated=0.3), 2, 1_000))
    assert found.now.lower > found.expected + 0.05
    assert found.now.lower < 0.3 < found.now.upper


@pytest.mark.parametrize("sampled", [500, 2_000, 20_000])
def test_a_feed_that_always_repeats_is_no_worse_whatever_is_sampled_of_it(sampled):
    reference = sample_of(rows(20_000, 0, repeated=0.2), 1, sampled)
    found = repetition(reference, sample_of(rows(2_000, 1, repeated=0.2), 2, 1_000))
    assert found.now.lower <= found.expected


def test_rows_of_few_values_are_alike_by_nature():
    few = [
        {"kind": texts(generator(seed).choice(list("abcd"), size).tolist())} for seed, size in ((0, 20_000), (1, 2_000))
    ]
    found = repetition(sample_of(few[0], 1), sample_of(few[1], 2, 1_000))
    assert found.expected == 1.0


def test_small_samples_and_other_columns_tell_nothing():
    reference = sample_of(rows(1_000, 0), 1)
    assert repetition(reference, sample_of(rows(100, 1), 2)) is None
    assert repetition(reference, sample_of({"other": numbers(np.arange(1_000.0))}, 2)) is None


def test_columns_that_are_left_out_do_not_count():
    samples = sample_of(rows(20_000, 0), 1), sample_of(rows(2_000, 1), 2)
    assert duplicates.repetition(*samples, {"kind"}).expected == 1.0
    assert duplicates.repetition(*samples, set()) is None
