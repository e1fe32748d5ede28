"""Starting executions of state machines in AWS Step Functions."""

import json
from collections.abc import Mapping
from typing import Any

from trimtab.aws.clients import client


def start_execution(state_machine: str, given: Mapping[str, Any]) -> str:
    """Start a state machine, named by its ARN; the execution's ARN."""
    answer = client("stepfunctions").start_execution(stateMachineArn=state_machine, input=json.dumps(given))
    arn: str = answer["executionArn"]
    return arn
