from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.sizing.confidence import confidence, count_gap
from trimtab.sizing.observations import Observations
from trimtab.sizing.settings import SizingSettings

BEST = {
    "days": 14, "requests": 1e6, "load_seen": 0.8, "r2": 0.95, "likeness": 1.0, "rests_on_gpu": False,
    "grows_workers": False, "knows_bursts": True, "count_gap": 0.0, "changed": None, "doubts": (),
}  # fmt: skip


@pytest.fixture
def judge(now):
    return lambda **changes: confidence(**{**BEST, "now": now, "settings": SizingSettings(), **changes})


def test_nothing_lowers_the_best(judge):
    found = judge()
    assert (found.value, found.level, found.reasons) == (1, "high", ())


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ({"days": 7}, 0.5),
        ({"requests": 5000}, 0.5),
        ({"load_seen": 0.3}, 0.8),
        ({"load_seen": 0.1}, 0.5),
        ({"r2": 0.7}, 0.8),
        ({"r2": 0.2}, 0.5),
        ({"likeness": 0.7}, 0.7),
        ({"count_gap": 0.2}, 0.8),
        ({"count_gap": None}, 1.0),
        ({"knows_bursts": False}, 0.9),
        ({"rests_on_gpu": True}, 0.69),
        ({"grows_workers": True}, 0.69),
        ({"grows_workers": True, "rests_on_gpu": True, "likeness": 0.5}, 0.5),
        ({"doubts": ("something",)}, 0.5),
    ],
)
def test_each_weakness_has_its_factor_and_its_reason(judge, change, value):
    found = judge(**change)
    assert found.value == pytest.approx(value)
    assert len(found.reasons) == (value < 1)


def test_a_recent_change_lowers_it(judge, now):
    assert judge(changed=now - timedelta(days=6)).value == 0.8
    assert judge(changed=now - timedelta(days=8)).value == 1


@given(st.integers(0, 30), st.floats(0, 1e7), st.floats(0, 2), st.floats(0, 1), st.floats(0.3, 1))
def test_it_stays_between_none_and_full(days, requests, load, r2, likeness):
    found = confidence(
        **{**BEST, "days": days, "requests": requests, "load_seen": load, "r2": r2, "likeness": likeness},
        now=datetime(2026, 1, 1, tzinfo=UTC),
        settings=SizingSettings(),
    )
    assert 0 <= found.value <= 1
    assert (found.value == 1) == (not found.reasons)


def test_two_ways_to_count_instances_are_compared(worked):
    requests = worked.rps * 60
    instances = np.where(np.arange(len(requests)) % 2, 2.0, 4.0)
    alike = Observations(worked.start, requests, instances, requests / instances)
    apart = Observations(worked.start, requests, instances, requests / 2)
    assert count_gap(alike) == pytest.approx(0, abs=1e-12)
    assert count_gap(apart) > 0.1
    assert count_gap(Observations(worked.start, requests, instances)) is None
