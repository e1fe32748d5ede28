import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.rollout.capacity import canary_instances, same_weight, traffic_weights


@pytest.mark.parametrize(
    ("share", "production", "instances"),
    [(0.1, 1, 1), (0.1, 10, 1), (0.1, 11, 2), (0.25, 4, 1), (0.5, 3, 2), (1.0, 7, 7)],
)
def test_a_share_of_the_peak_is_rounded_up(share, production, instances):
    assert canary_instances(share, production) == instances


@given(st.integers(1, 10_000), st.integers(1, 100))
def test_capacity_is_at_least_the_share(production, percent):
    share = percent / 100
    instances = canary_instances(share, production)
    assert share * production <= instances + 1e-6
    assert instances == 1 or instances - 1 < share * production


@given(st.floats(0.01, 1000), st.floats(0, 1))
def test_weights_add_up_to_what_the_variant_had(weight, share):
    weights = traffic_weights(weight, share, "a", "b")
    assert sum(weights.values()) == pytest.approx(weight)
    assert weights["b"] == pytest.approx(weight * share)


def test_weights_in_single_precision_are_the_same():
    assert same_weight(0.9, 0.8999999761581421)
    assert same_weight(0.0, 0.0)
    assert not same_weight(0.0, 0.01)
    assert not same_weight(0.25, 0.26)
