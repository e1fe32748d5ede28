"""Where a function runs, and starting others."""

import json
from collections.abc import Mapping
from typing import Any

from trimtab.aws.clients import lambda_


class FunctionFailedError(RuntimeError):
    """A function that was asked has failed. The message has its words."""


def region_and_account(arn: str) -> tuple[str, str]:
    """Of a function's ARN, as its context tells it."""
    _, _, _, region, account, *_ = arn.split(":")
    return region, account


def start_function(name: str, payload: Mapping[str, Any]) -> None:
    """Invoke a function without waiting for its answer."""
    lambda_().invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(payload).encode())


def ask_function(name: str, payload: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a function. Raises FunctionFailedError when it failed: asking again must be safe."""
    answer = lambda_().invoke(FunctionName=name, InvocationType="RequestResponse", Payload=json.dumps(payload).encode())
    told: dict[str, Any] = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise FunctionFailedError(f"{name}: {told.get('errorMessage', 'no reason given')}")
    return told
