"""Which variant serves a request, and what stands for its container."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.sagemaker.containers import MODEL_VARIABLE, UnknownModelError, callable_of, model_named
from local.sagemaker.endpoints import RefusedError
from local.sagemaker.invocations import chosen_variant

VARIANTS = [
    {"VariantName": "blue", "CurrentWeight": 0.9},
    {"VariantName": "off"},
    {"VariantName": "canary", "CurrentWeight": 0.1},
]


@given(st.integers(1, 9), st.integers(0, 9), st.integers(0, 9))
def test_variants_get_traffic_by_weight(first: int, second: int, third: int) -> None:
    weights = {"a": first, "b": second, "c": third}
    variants = [{"VariantName": name, "CurrentWeight": weight} for name, weight in weights.items()]
    total = sum(weights.values())
    chosen = [chosen_variant(variants, "", (step + 0.5) / total) for step in range(total)]
    assert {name: chosen.count(name) for name in weights} == weights


def test_a_target_is_served_whatever_its_weight() -> None:
    assert chosen_variant(VARIANTS, "off", 0.5) == "off"
    with pytest.raises(RefusedError, match="Variant gone not found"):
        chosen_variant(VARIANTS, "gone", 0.5)


def test_no_weight_at_all_is_refused() -> None:
    with pytest.raises(RefusedError, match="No production variant"):
        chosen_variant(VARIANTS[1:2], "", 0.0)


def test_a_container_names_its_callable() -> None:
    assert callable_of("m", {"Environment": {MODEL_VARIABLE: "json:dumps"}}) == "json:dumps"
    assert model_named("json:dumps").__name__ == "dumps"
    with pytest.raises(UnknownModelError, match="model 'm' names no callable"):
        callable_of("m", {})
    for name in ("json:nothing", "no.such.module:x", "", "json"):
        with pytest.raises(UnknownModelError, match="no local model"):
            model_named(name)
