"""Rollouts on the deployed template while AWS throttles, refuses and delays, and functions are killed: they end as they
do undisturbed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from local.rollouts import VARIANT, create_endpoint, models_of, triggers_stopped
from tests.integration.deployed import Deployed, wait_for
from tests.integration.killing import workers_killed
from tests.integration.timeline import (
    QUICK,
    Timeline,
    change,
    config_of,
    played_time,
    record,
    scale,
    targets,
    variants,
)
from trimtab.rollout.state import is_over

pytestmark = pytest.mark.integration

SHORT: dict[str, Any] = {"steps": [50, 100], "bake_minutes": [5, 1]}
CHANGING = (
    "CreateEndpointConfig", "UpdateEndpoint", "UpdateEndpointWeightsAndCapacities", "RegisterScalableTarget",
    "PutScalingPolicy", "DeregisterScalableTarget",
)  # fmt: skip
FAULTS: tuple[dict[str, Any], ...] = (
    {"lose_answers": dict.fromkeys(CHANGING, 1)},
    {"throttle": dict.fromkeys((*CHANGING, "DescribeEndpoint"), 1)},
    {"in_progress": {"UpdateEndpoint": 1, "UpdateEndpointWeightsAndCapacities": 1}},
)
"""What goes wrong in one minute after another. A lost answer is what a run leaves that is killed after its call."""
DELAY_MINUTES = 6
"""Metrics come later than the three minutes after which they are taken for whole."""
MOST_MINUTES = 60
KILLED = frozenset({1, 12})
"""Minutes in which the judge's process is killed too."""


@pytest.fixture(scope="module")
def undisturbed(stack: Deployed) -> dict[str, Any]:
    """How a good and a bad model end when nothing goes wrong."""
    with two_rollouts(stack, "rf-calm") as time:
        while not all(map(time.is_over, time.traffic)):
            time.pass_minutes()
        return {name.rpartition("-")[2]: ending(stack, name) for name in time.traffic}


@pytest.fixture(scope="module")
def disturbed(stack: Deployed) -> dict[str, Any]:
    """How they end when everything does."""
    with two_rollouts(stack, "rf-rough") as time:
        time.is_rough = True
        judge = stack.function("judge_canary")
        for minute in range(MOST_MINUTES):
            if all(map(time.is_over, time.traffic)):
                break
            time.cloud.plant_faults(**FAULTS[minute % len(FAULTS)], metric_delay_minutes=DELAY_MINUTES)
            with workers_killed(time.cloud, judge, every=(0.1, 0.3), times=int(minute in KILLED)):
                time.pass_minutes()
        return {name.rpartition("-")[2]: ending(stack, name) for name in time.traffic}


@contextmanager
def two_rollouts(stack: Deployed, prefix: str) -> Iterator[Timeline]:
    """The rollouts of a good and of a bad model, in their first minute."""
    with played_time(stack, datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=6)) as time:
        for name, error_rate in ((f"{prefix}-good", 0.01), (f"{prefix}-bad", 0.06)):
            time.create(name, new={"error_rate": error_rate}, golden=0)
            scale(stack, name)
            time.roll_out(name, **SHORT)
        yield time


def ending(stack: Deployed, endpoint: str) -> dict[str, Any]:
    """All that a rollout leaves behind, but for times, numbers and the names that it was given."""
    kept = record(stack, endpoint)
    sagemaker = stack.cloud.client("sagemaker")
    configs = sagemaker.list_endpoint_configs(NameContains=endpoint, MaxResults=100)["EndpointConfigs"]
    left = {
        "phase": kept["phase"],
        "shares": [each["share"] for each in kept["ladder"]],
        "events": [each["event"] for each in kept["history"] if each["event"] not in ("held", "stuck")],
        "is over": is_over(change(stack, endpoint)),
        "variants": variants(stack, endpoint),
        "serves": config_of(stack, endpoint),
        "configs": sorted(each["EndpointConfigName"] for each in configs),
        "targets": targets(stack, endpoint),
    }
    return dict(json.loads(json.dumps(left).replace(kept["id"], "ID").replace(endpoint, "ENDPOINT")))


@pytest.mark.parametrize(("model", "phase"), [("good", "promoted"), ("bad", "rolled_back")])
def test_a_rollout_ends_as_undisturbed_whatever_goes_wrong(
    undisturbed: dict[str, Any], disturbed: dict[str, Any], model: str, phase: str
) -> None:
    assert undisturbed[model]["phase"] == phase
    assert disturbed[model] == undisturbed[model]


@pytest.mark.parametrize(
    ("name", "faults"), [("rf-doubled", {"double_events": 1000}), ("rf-lost", {"lose_events": 1000})]
)
def test_lost_and_doubled_events_of_sagemaker_change_nothing(
    stack: Deployed, name: str, faults: dict[str, int]
) -> None:
    """In real time, by the stack's own triggers: events bring a rollout further at once, or the schedule does."""

    def reaches(phase: str) -> bool:
        if "lose_events" in faults:
            stack.invoke("judge_canary", {})  # as the schedule does each minute
        return bool(change(stack, name)["phase"] == phase)

    stack.put_settings(name, json.dumps(QUICK))
    with triggers_stopped(stack.cloud, ["RollBackEndpoint"]):
        create_endpoint(stack.cloud, name, stack.capture_bucket, golden=0)
        stack.cloud.plant_faults(**faults)
        try:
            stack.invoke("start_rollout", {"endpoint": name, "model": models_of(name)[1], "by": "anna"})
            wait_for(lambda: reaches("baking"), 60, "the canary to have traffic")
            stack.invoke("judge_canary", {"endpoint": name, "command": "promote", "by": "otto"})
            wait_for(lambda: reaches("promoted"), 60, "the canary to be promoted")
        finally:
            stack.cloud.plant_faults()
    wait_for(lambda: is_over(change(stack, name)), 10, "all of it to be told")
    assert [each["event"] for each in record(stack, name)["history"]] == [
        "started", "smoke_passed", "step_raised", "promote_ordered", "step_raised", "finishing", "promoted",
    ]  # fmt: skip
    assert variants(stack, name) == {VARIANT: (models_of(name)[1], 1.0, 2)}
