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


@pytest.mark.parametrize("spread", [0.75, 1.0, 1.25])
def test_a_great_factor_is_told_of_long_tails_too(spread):
    random = generator(5)
    before = np.exp(random.normal(2, spread, 10_000))
    # each window's mean is 0.05 standard deviations away, as live ones' are
    windows = [1_000 * np.exp(random.normal(2 + 0.05 * spread * random.normal(), spread, 1_000)) for _ in range(50)]
    changes = [found(before, after) for after in windows]
    assert all(change is not None and change.conversion.factor > 900 for change in changes)


TAILS = {
    "log-normal": lambda random, rows: np.exp(random.normal(2, 1.25, rows)),
    "gamma": lambda random, rows: random.gamma(2, 3, rows),
    "Pareto": lambda random, rows: 1 + random.pareto(2.5, rows),
    "whole": lambda random, rows: random.integers(1, 6, rows).astype(float),
}


@pytest.mark.parametrize("draw", TAILS.values(), ids=TAILS.keys())
def test_what_drifts_without_a_change_of_units_is_given_no_great_factor(draw):
    random = generator(6)
    before = draw(random, 10_000)
    mean, spread = before.mean(), before.std()
    for _ in range(20):
        now, away, factor = draw(random, 1_000), random.uniform(1, 3) * spread, random.uniform(1.5, 4)
        for after in (now + away, now - away, now * factor, now / factor, (now - mean) * factor + mean + away):
            change = found(before, after)
            assert change is None or 1 / CERTAIN_FACTOR < change.conversion.factor < CERTAIN_FACTOR


def test_whole_numbers_survive_the_rounding_of_the_conversion():
    sizes = generator(3).integers(5, 12, 5_000).astype(float)
    change = found(sizes, sizes[:2_000] * 2.54)
    assert change is not None
    assert change.psi < 0.01


def test_a_column_without_numbers_or_spread_has_no_unit():
    assert found(REFERENCE, [np.nan] * 1_000) is None
    assert found([5.0] * 1_000, [5_000.0] * 1_000) is None
