"""Model cards: each change is a version."""

import json
from typing import Any

import pytest

from local.sagemaker.errors import RefusedError
from local.sagemaker.model_cards import create_model_card, describe_model_card, update_model_card

type World = Any

CONTENT = '{"model_overview": {"model_name": "churn"}}'


@pytest.fixture
def card(world: World) -> World:
    create_model_card(world.service, {"ModelCardName": "c", "Content": CONTENT, "ModelCardStatus": "Draft"})
    return world


def shown(world: World, **members: Any) -> dict[str, Any]:
    return describe_model_card(world.service, {"ModelCardName": "c", **members})


def update(world: World, **members: Any) -> None:
    update_model_card(world.service, {"ModelCardName": "c", **members})


def test_a_change_of_status_keeps_the_content_and_the_other_way_around(card: World) -> None:
    card.after(60)
    update(card, ModelCardStatus="PendingReview")
    latest = shown(card)
    assert (latest["ModelCardVersion"], latest["Content"], latest["ModelCardStatus"]) == (2, CONTENT, "PendingReview")
    update(card, Content="{}")
    latest = shown(card)
    assert (latest["ModelCardVersion"], latest["Content"], latest["ModelCardStatus"]) == (3, "{}", "PendingReview")
    assert (latest["LastModifiedTime"] - latest["CreationTime"]).total_seconds() == 60
    assert shown(card, ModelCardVersion=1)["ModelCardStatus"] == "Draft"


def test_each_version_is_told(card: World) -> None:
    update(card, ModelCardStatus="Approved")
    details = [json.loads(entry["Detail"]) for entry in card.told]
    assert [(one["ModelCardVersion"], one["ModelCardStatus"]) for one in details] == [(1, "Draft"), (2, "Approved")]
    assert details[0]["AccountId"] == "000000000000"
    assert card.told[0]["DetailType"] == "SageMaker Model Card State Change"


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ({"Content": "{}", "ModelCardStatus": "Approved"}, "single call"),
        ({}, "single call"),
        ({"ModelCardStatus": "Done"}, "'modelCardStatus'"),
        ({"Content": "no"}, "no JSON"),
        ({"Content": "[]"}, "JSON object"),
        ({"Content": '{"oops": 1}'}, "additional property oops"),
        ({"Content": "x" * 100_001}, "at most 100000"),
    ],
)
def test_impossible_updates_are_refused(card: World, members: dict[str, str], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        update(card, **members)
    assert shown(card)["ModelCardVersion"] == 1


def test_an_archived_card_changes_no_more(card: World) -> None:
    update(card, ModelCardStatus="Archived")
    with pytest.raises(RefusedError, match="archived"):
        update(card, Content="{}")


def test_cards_have_one_name_each(card: World) -> None:
    with pytest.raises(RefusedError, match="already exists") as refused:
        create_model_card(card.service, {"ModelCardName": "c", "Content": "{}", "ModelCardStatus": "Draft"})
    assert refused.value.code == "ConflictException"
    for _ in range(2):  # asking does not make it
        with pytest.raises(RefusedError, match="does not exist") as refused:
            describe_model_card(card.service, {"ModelCardName": "none"})
        assert refused.value.code == "ResourceNotFound"
