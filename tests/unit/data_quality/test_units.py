import numpy as np
import pytest

from tests.unit.data_quality.builders import generator
from tests.unit.drift.builders import numbers, one_column
from trimtab.data_quality.units import CERTAIN_FACTOR, CONVERSIONS, unit_change

REFERENCE = generator(0).gamma(9, 2.5, 10_000)
SHIFTED = REFERENCE - 12  # about temperatures, of either sign


def found(before, after, *, sampled=True):
    bins, reference, current = one_column(numbers(before), numbers(after))
    return unit_change(bins, reference, current, np.asarray(after)[:1000] if sampled else None, fit=0.1)


@pytest.mark.parametrize(
    "conversion", CONVERSIONS, ids=lambda conversion: f"{conversion.factor:g}+{conversion.offset:g}"
)
@pytest.mark.parametrize("before", [REFERENCE, SHIFTED], ids=["positive", "signed"])
def test_every_conversion_is_found(conversion, before):
    after = generator(1).permutation(before)[:8_000] * conversion.factor + conversion.offset
    change = found(before, after)
    assert change is not None
    assert change.conversion.factor == pytest.approx(conversion.factor, rel=0.01)
    assert change.mean.lower <= change.reference_mean <= change.mean.upper
    assert change.psi < 0.1


@pytest.mark.parametrize("factor", [1e-3, 10.0, 1e6])
def test_great_factors_are_told_from_moments_alone(factor):
    change = found(REFERENCE, REFERENCE[:2_000] * factor, sampled=False)
    assert change is not None
    assert change.psi is None


def test_small_factors_are_not():
    assert CERTAIN_FACTOR > 2.54
    assert found(REFERENCE, REFERENCE[:2_000] * 2.54, sampled=False) is None
    assert found(REFERENCE, REFERENCE[:2_000] * 2.54) is not None


@pytest.mark.parametrize(
    "after",
    [
        REFERENCE[:2_000] * 1.3,
        REFERENCE[:2_000] * 500,
        REFERENCE[:2_000] + 40,
        generator(2).normal(REFERENCE.mean() * 1_000, REFERENCE.std() * 3_000, 2_000),
        generator(2).uniform(0, 2 * REFERENCE.mean() * 1_000, 2_000),
        np.full(2_000, 1_000 * REFERENCE.mean()),
    ],
    ids=["factor 1.3", "factor 500", "shift", "other spread", "other shape", "constant"],
)
def test_what_no_conversion_makes_of_the_reference_is_none(after):
    assert found(REFERENCE, after) is None


@pytest.mark.parametrize("sampled", [True, False])
def test_a_column_around_zero_that_becomes_zero_is_in_no_other_unit(sampled):
    before = generator(4).normal(0, 1, 5_000)
    assert found(before, np.zeros(2_000), sampled=sampled) is None
    assert found(np.zeros(5_000), before[:2_000], sampled=sampled) is None


def test_whole_numbers_survive_the_rounding_of_the_conversion():
    sizes = generator(3).integers(5, 12, 5_000).astype(float)
    change = found(sizes, sizes[:2_000] * 2.54)
    assert change is not None
    assert change.psi < 0.01


def test_a_column_without_numbers_or_spread_has_no_unit():
    assert found(REFERENCE, [np.nan] * 1_000) is None
    assert found([5.0] * 1_000, [5_000.0] * 1_000) is None
