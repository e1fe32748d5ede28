"""What a container declares of itself, and what becomes of its requests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sagemaker.behaviour import Behaviour, behaviour_of, drawn
from local.sagemaker.containers import UnknownModelError


def test_the_environment_declares_it() -> None:
    environment = {"TRIMTAB_LOCAL_ERROR_RATE": "0.03", "TRIMTAB_LOCAL_LATENCY_MS": "40", "OTHER": "x"}
    assert behaviour_of(environment) == Behaviour(error_rate=0.03, latency_ms=40, latency_cv=0.3)
    assert behaviour_of({}) == Behaviour()
    with pytest.raises(UnknownModelError, match="error_rate"):
        behaviour_of({"TRIMTAB_LOCAL_ERROR_RATE": "often"})
    with pytest.raises(UnknownModelError, match="less than or equal to 1"):
        behaviour_of({"TRIMTAB_LOCAL_ERROR_RATE": "3"})


@given(st.floats(0, 1), st.floats(1, 1000), st.floats(0, 1), st.integers(0, 2**32))
def test_errors_and_latencies_are_those_declared(rate: float, mean: float, cv: float, seed: int) -> None:
    outcome = drawn(Behaviour(error_rate=rate, latency_ms=mean, latency_cv=cv), 4000, np.random.default_rng(seed))
    assert abs(outcome.errors - 4000 * rate) <= 6 * np.sqrt(4000 * rate * (1 - rate)) + 1
    assert outcome.latencies.mean() == pytest.approx(mean * 1000, rel=6 * cv / np.sqrt(4000) + 0.02)


def test_nothing_declared_is_no_failure_and_no_time() -> None:
    outcome = drawn(Behaviour(), 10, np.random.default_rng(1))
    assert outcome.errors == 0
    assert outcome.latencies.sum() == 0
