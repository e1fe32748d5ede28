from datetime import UTC, datetime

import numpy as np
import pytest

from trimtab.capture.sample import ALL, merge_samples, row_hashes, seed_of, trim
from trimtab.capture.sample_document import encode_sample
from trimtab.capture.sampling import RowSampler, SmallestHashes
from trimtab.capture.table import NumericColumn, Table

HOUR = datetime(2026, 11, 20, 8, tzinfo=UTC)


def table(rows, seed=0, names=("x", "y"), outputs=frozenset()):
    rng = np.random.default_rng(seed)
    return Table(HOUR, rows, rows, {name: NumericColumn(rng.normal(size=rows)) for name in names}, outputs)


def test_the_smallest_hashes_of_all_are_known_at_any_time():
    hashes, smallest, cuts = row_hashes(3, 0, 5000), SmallestHashes(100), []
    for part in np.split(hashes, 50):
        smallest.add(part)
        cuts.append(smallest.cut)
    assert cuts == sorted(cuts, reverse=True)
    assert cuts[0] == ALL
    assert cuts[-1] == np.sort(hashes)[100] - 1


def test_the_same_hashes_again_do_not_lower_the_cut():
    smallest = SmallestHashes(100)
    for _ in range(5):
        smallest.add(row_hashes(3, 0, 80))
    assert smallest.cut == ALL


def test_many_small_tables_give_the_sample_of_one_large_one():
    whole = table(3000)
    tables = [
        Table(HOUR, 5, 5, {name: NumericColumn(each.values[i : i + 5]) for name, each in whole.columns.items()})
        for i in range(0, 3000, 5)
    ]
    one, many = RowSampler(9, SmallestHashes(200)), RowSampler(9, SmallestHashes(200))
    one.add(whole)
    assert list(many.through(tables)) == tables
    assert many.rows == 3000
    assert encode_sample(many.sample()) == encode_sample(one.sample())


@pytest.mark.parametrize("rows", [1, 30, 900])
def test_samplers_that_share_a_cut_keep_less_and_lose_nothing(rows):
    tables = [table(rows, seed) for seed in range(40)]

    def samples(hashes_of):
        samplers = [RowSampler(seed_of(str(number)), hashes_of(), frozenset()) for number in range(40)]
        for sampler, each in zip(samplers, tables, strict=True):
            sampler.add(each)
        return [sampler.sample() for sampler in samplers]

    shared = SmallestHashes(25)
    together, alone = samples(lambda: shared), samples(lambda: SmallestHashes(25))
    assert encode_sample(trim(merge_samples(together), 25)) == encode_sample(trim(merge_samples(alone), 25))
    assert sum(each.rows for each in together) <= sum(each.rows for each in alone)
    assert sum(each.rows for each in together) < 25 * 8


@pytest.mark.parametrize(
    ("names", "outputs", "redact", "withheld"),
    [
        (("c0", "c1"), (), {"ssn"}, True),
        (("c0", "c1", "prediction"), ("prediction",), {"ssn", "c1"}, True),
        (("c0", "c1"), (), {"c1"}, False),
        (("c0", "c1"), (), set(), False),
        (("age", "plan", "prediction"), ("prediction",), {"ssn"}, False),
        (("prediction",), ("prediction",), {"ssn"}, False),
    ],
)
def test_there_is_no_sample_where_a_redacted_column_may_have_another_name(names, outputs, redact, withheld):
    sampler = RowSampler(1, SmallestHashes(5), frozenset(redact))
    sampler.add(table(3, names=names, outputs=frozenset(outputs)))
    sampler.add(table(3, names=("age", "ssn")))
    made = sampler.sample()
    assert (made is None) == withheld
    if made:
        assert made.columns.keys().isdisjoint(redact)
