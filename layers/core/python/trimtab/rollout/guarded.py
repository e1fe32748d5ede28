"""A rollout by SageMaker's own deployment guardrail: its steps as a DeploymentConfig."""

from typing import Any

from trimtab.rollout.request import RequestError, RolloutRequest

_SMALLEST_STEP, _GREATEST_STEP = 10, 50
_MOST_WAIT_MINUTES = 60
_MOST_SECONDS = 28_800
_SLACK_SECONDS = 3_600
"""What starting a fleet may take besides the waits."""


def deployment_config(request: RolloutRequest, alarm: str) -> dict[str, Any]:
    """The DeploymentConfig that makes exactly the steps of a request. Raises RequestError when there is none.

    SageMaker knows equal steps of 10 to 50 %, or one step of at most 50 % and then all; one wait, of at most an hour.
    """
    steps, waits = request.steps, [request.bake(i) for i in range(len(request.steps))]
    if len(set(waits)) > 1:
        raise RequestError("bake_minutes: SageMaker's guardrail waits equally long after each step; give one number")
    if waits[0] > _MOST_WAIT_MINUTES:
        raise RequestError(f"bake_minutes: SageMaker's guardrail waits at most {_MOST_WAIT_MINUTES} minutes a step")
    wait = round(waits[0] * 60)
    seconds = wait * len(steps) + _SLACK_SECONDS
    if seconds > _MOST_SECONDS:
        raise RequestError(f"steps: they take {seconds / 3600:.1f} hours, SageMaker's guardrail allows 8")
    return {
        "BlueGreenUpdatePolicy": {
            "TrafficRoutingConfiguration": {**_routing(steps), "WaitIntervalInSeconds": wait},
            "TerminationWaitInSeconds": wait,
            "MaximumExecutionTimeoutInSeconds": max(600, seconds),
        },
        "AutoRollbackConfiguration": {"Alarms": [{"AlarmName": alarm}]},
    }


def _routing(steps: tuple[float, ...]) -> dict[str, Any]:
    rises = {round(after - before, 6) for before, after in zip((0, *steps), steps, strict=False)}
    if len(steps) == 1:
        return {"Type": "ALL_AT_ONCE"}
    [*_, last_but_one, _] = steps
    if len(rises) == 1 and _SMALLEST_STEP <= steps[0] <= _GREATEST_STEP and steps[0] == int(steps[0]):
        return {"Type": "LINEAR", "LinearStepSize": {"Type": "CAPACITY_PERCENT", "Value": int(steps[0])}}
    if len(steps) == 2 and last_but_one <= _GREATEST_STEP and last_but_one == int(last_but_one):
        return {"Type": "CANARY", "CanarySize": {"Type": "CAPACITY_PERCENT", "Value": int(last_but_one)}}
    raise RequestError(
        f"steps: {', '.join(f'{each:g}' for each in steps)} cannot be made by SageMaker's guardrail, which takes equal "
        f"steps of {_SMALLEST_STEP} to {_GREATEST_STEP} % (25, 50, 75, 100) or one of at most {_GREATEST_STEP} % and "
        "then all (10, 100); mode weights takes any"
    )
