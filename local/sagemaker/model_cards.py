"""Model card operations. moto loses the content of a card whose status changes, and the other way around."""

import json
from typing import Any

from local.sagemaker.errors import RefusedError, invalid
from local.sagemaker.job_events import card_event
from local.sagemaker.service import Operation, Parameters, Service

STATUSES = ("Draft", "PendingReview", "Approved", "Archived")
LONGEST_CONTENT = 100_000
# The parts of a card, of the "Model card JSON schema" 0.1.0, which allows no others.
PARTS = frozenset(
    {
        "model_overview",
        "model_package_details",
        "intended_uses",
        "business_details",
        "training_details",
        "evaluation_details",
        "additional_information",
    }
)


def create_model_card(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto takes any content."""
    name = parameters["ModelCardName"]
    if name in service.backend.model_cards:
        raise RefusedError("ConflictException", f"Modelcard {name} already exists")
    require_valid_content(parameters["Content"])
    _require_status(parameters["ModelCardStatus"])
    service.backend.create_model_card(
        name,
        parameters.get("SecurityConfig"),
        parameters["Content"],
        parameters["ModelCardStatus"],
        parameters.get("Tags") or [],
    )
    card = service.backend.model_cards[name][-1]
    card.creation_time = service.clock.now().replace(tzinfo=None)
    return _told(service, card)


def update_model_card(service: Service, parameters: Parameters) -> dict[str, Any]:
    """Make another version, of which the content or the status is new."""
    if ("Content" in parameters) == ("ModelCardStatus" in parameters):
        raise invalid("Model card content and model card status can't be updated in a single call.")
    latest = _card(service, parameters["ModelCardName"])
    if latest.model_card_status == "Archived":
        raise RefusedError("ConflictException", f"Modelcard {latest.model_card_name} is archived")
    content = parameters.get("Content", latest.content)
    status = parameters.get("ModelCardStatus", latest.model_card_status)
    require_valid_content(content)
    _require_status(status)
    service.backend.update_model_card(latest.model_card_name, content, status)
    return _told(service, service.backend.model_cards[latest.model_card_name][-1])


def describe_model_card(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto takes the time of its creation for that of its last change."""
    card = _card(service, parameters["ModelCardName"], parameters.get("ModelCardVersion"))
    shown = card.describe() | {"LastModifiedTime": card.last_modified_time}
    return {member: value for member, value in shown.items() if value is not None}


def require_valid_content(content: str) -> None:
    """Raise RefusedError for what is no card's content: too long, no JSON object, or with parts that no card has."""
    if len(content) > LONGEST_CONTENT:
        raise invalid(f"Model card content must have at most {LONGEST_CONTENT} characters, not {len(content)}")
    try:
        parts = json.loads(content)
    except ValueError as error:
        raise invalid(f"Model card content is no JSON: {error}") from error
    if not isinstance(parts, dict):
        raise invalid("Model card content must be a JSON object")
    if unknown := sorted(set(parts) - PARTS):
        raise invalid(f"Model card content does not fit the schema: additional property {unknown[0]}")


def _require_status(status: str) -> None:
    if status not in STATUSES:
        raise invalid(
            f"1 validation error detected: Value '{status}' at 'modelCardStatus' failed to satisfy constraint: "
            f"Member must satisfy enum value set: [{', '.join(STATUSES)}]"
        )


def _card(service: Service, name: str, version: int | None = None) -> Any:
    name = name.rpartition("/")[2]
    versions = service.backend.model_cards.get(name, [])
    found = [card for card in versions if version in (None, card.model_card_version)]
    if not found:
        raise RefusedError("ResourceNotFound", f"Modelcard {name} does not exist.")
    return found[-1]


def _told(service: Service, card: Any) -> dict[str, Any]:
    now = service.clock.now()
    card.last_modified_time = now.replace(tzinfo=None)
    service.tell([card_event(card, now)])
    return {"ModelCardArn": card.arn}


OPERATIONS: dict[str, Operation] = {
    "CreateModelCard": create_model_card,
    "DescribeModelCard": describe_model_card,
    "UpdateModelCard": update_model_card,
}
