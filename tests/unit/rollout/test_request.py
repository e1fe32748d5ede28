import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.rollout.request import RequestError, parse_request, resource_name, rollout_id


def test_two_words_are_enough():
    request = parse_request({"endpoint": "churn", "model": "v2"})
    assert request.steps == (10, 25, 50, 100)
    assert [request.bake(step) for step in range(4)] == [5, 5, 5, 5]
    assert [request.share(step) for step in range(4)] == [0.1, 0.25, 0.5, 1.0]
    assert request.mode == "weights"


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({}, "endpoint: Field required"),
        ({"model": "v2"}, "endpoint: Field required"),
        ({"endpoint": "churn"}, "name either model or model_package"),
        ({"endpoint": "churn", "model": "v2", "model_package": "p"}, "name either model or model_package"),
        ({"endpoint": "churn", "model": "v2", "colour": 1}, "colour: Extra inputs are not permitted"),
        ({"endpoint": "churn", "model": "v2", "limits": {"latency": 1}}, "limits.latency: Extra inputs"),
        ({"endpoint": "churn", "model": "v2", "limits": {"latency_ms": "fast"}}, "limits.latency_ms: Input should be"),
        ({"endpoint": "churn", "model": "v2", "steps": [50, 25, 100]}, "steps: each step must be greater"),
        (
            {"endpoint": "churn", "model": "v2", "steps": [10, 120]},
            "steps.1: Input should be less than or equal to 100",
        ),
        ({"endpoint": "churn", "model": "v2", "steps": []}, "steps: Tuple should have at least 1 item"),
        ({"endpoint": "churn", "model": "v2", "bake_minutes": [1, 2]}, "bake_minutes: 2 values for 4 steps"),
        ({"endpoint": "churn", "model": "v2", "bake_minutes": "long"}, "bake_minutes: "),
        ({"endpoint": "churn", "model": "v2", "mode": "yolo"}, "mode: Input should be 'weights' or 'guardrail'"),
        ({"endpoint": "churn", "model": "v2", "variant": "Canary"}, "variant: Canary is the name of the trial"),
        ({"endpoint": "../etc", "model": "v2"}, "endpoint: String should match"),
    ],
)
def test_what_cannot_be_is_named_by_its_path(document, fault):
    with pytest.raises(RequestError) as refused:
        parse_request(document)
    assert fault in str(refused.value)


def test_the_same_document_has_the_same_id_whatever_its_order():
    one = parse_request({"endpoint": "churn", "model": "v2", "by": "anna"})
    other = parse_request({"by": "anna", "model": "v2", "endpoint": "churn"})
    assert rollout_id(one) == rollout_id(other)
    assert rollout_id(one) != rollout_id(parse_request({"endpoint": "churn", "model": "v3", "by": "anna"}))


def test_an_event_told_twice_has_one_id_and_an_id_of_its_own_goes_before():
    plain = parse_request({"endpoint": "churn", "model": "v2"})
    named = parse_request({"endpoint": "churn", "model": "v2", "id": "monday"})
    assert rollout_id(plain, "event-1") == rollout_id(plain, "event-1") != rollout_id(plain, "event-2")
    assert rollout_id(named, "event-1") == rollout_id(named, "event-2") != rollout_id(plain)


@given(st.from_regex(r"[a-zA-Z0-9](-?[a-zA-Z0-9]){0,62}", fullmatch=True).filter(lambda name: len(name) <= 63))
def test_names_are_what_sagemaker_allows(endpoint):
    name = resource_name(endpoint, "1f2e3d4c5b6a", "final")
    assert len(name) <= 63
    assert name.endswith("-1f2e3d4c5b6a-final")
    assert "--" not in name
