"""Starting other functions."""

import json
from collections.abc import Mapping
from typing import Any

from trimtab.aws.clients import lambda_


def start_function(name: str, payload: Mapping[str, Any]) -> None:
    """Invoke a function without waiting for its answer."""
    lambda_().invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps(payload).encode())
