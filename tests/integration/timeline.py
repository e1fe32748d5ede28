"""A time that tests play minute by minute: endpoints with traffic, rollouts on them, and judge_canary's looks."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from local.cloud import Cloud, CloudError
from local.rollouts import VARIANT, changes, create_endpoint, models_of, triggers_stopped
from tests.integration.deployed import Deployed

MINUTE = timedelta(minutes=1)
RESOURCE = "endpoint/{}/variant/{}"
SCALABLE = {"ServiceNamespace": "sagemaker", "ScalableDimension": "sagemaker:variant:DesiredInstanceCount"}
OVER = frozenset({"promoted", "rolled_back", "failed"})
QUICK: Mapping[str, Any] = {"rollout": {"smoke": {"edge_cases": False}}}
"""Settings with a smoke test of golden requests only."""


@dataclass
class Timeline:
    """The played time. `traffic`: requests a minute by endpoint. `seen`: how each endpoint's rollout stood after each
    look, with the minute since `start`. `is_rough`: looks may fail, as those of a schedule may."""

    stack: Deployed
    start: datetime
    now: datetime
    traffic: dict[str, int] = field(default_factory=dict)
    seen: dict[str, list[tuple[float, dict[str, Any]]]] = field(default_factory=dict)
    is_rough: bool = False

    @property
    def cloud(self) -> Cloud:
        return self.stack.cloud

    @property
    def minute(self) -> float:
        return (self.now - self.start) / MINUTE

    def create(
        self, name: str, requests: int = 3000, *, settings: Mapping[str, Any] = QUICK, golden: int = 2, **options: Any
    ) -> None:
        """An endpoint that gets so many requests a minute; options as `create_endpoint` has them."""
        self.stack.put_settings(name, json.dumps(settings))
        create_endpoint(self.cloud, name, self.stack.capture_bucket, golden=golden, **options)
        self.traffic[name] = requests

    def document(self, endpoint: str, **members: Any) -> dict[str, Any]:
        """What start_rollout is asked for an endpoint's new model."""
        return {
            "endpoint": endpoint,
            "model": models_of(endpoint)[1],
            "by": "anna",
            "at": self.now.isoformat(),
        } | members

    def roll_out(self, endpoint: str, **members: Any) -> dict[str, Any]:
        """Ask start_rollout; its answer."""
        answer: dict[str, Any] = self.stack.invoke("start_rollout", self.document(endpoint, **members))
        return answer

    def command(self, endpoint: str, command: str, reason: str = "") -> dict[str, Any]:
        """Say something to a rollout; how it stands then."""
        asked = {"endpoint": endpoint, "command": command, "by": "otto", "reason": reason, "at": self.now.isoformat()}
        answer: dict[str, Any] = self.stack.invoke("judge_canary", asked)
        return self._noted(answer["rollouts"])[endpoint]

    def pass_minutes(self, count: int = 1) -> None:
        """Let minutes pass with their traffic, and judge_canary look after each."""
        for _ in range(count):
            for i, (endpoint, requests) in enumerate(self.traffic.items()):
                if requests and not self.is_over(endpoint):
                    self.cloud.send_traffic(endpoint, self.now, requests, seed=1000 * i + round(self.minute))
            self.go_to(self.now + MINUTE)
            self.look()

    def go_to(self, moment: datetime) -> None:
        """Let time pass without anything."""
        self.now = moment
        self.cloud.set_clock(moment)

    def look(self, endpoint: str | None = None) -> dict[str, dict[str, Any]]:
        """Let judge_canary look at all rollouts, or at one's."""
        asked = {"at": self.now.isoformat(), **({"endpoint": endpoint} if endpoint else {})}
        if self.is_rough:
            try:
                answer = self.cloud.invoke(self.stack.function("judge_canary"), asked)
            except (CloudError, ClientError):
                return {}  # the next minute is the retry
        else:
            answer = self.stack.invoke("judge_canary", asked)
        return self._noted(answer["rollouts"])

    def is_over(self, endpoint: str) -> bool:
        """Whether the rollout of an endpoint has ended."""
        return bool(self.seen.get(endpoint)) and self.seen[endpoint][-1][1]["phase"] in OVER

    def shares(self, endpoint: str) -> list[tuple[float, float]]:
        """When the canary of an endpoint was first seen with each share of the traffic, in minutes."""
        risen: list[tuple[float, float]] = []
        for minute, outcome in self.seen[endpoint]:
            if outcome["share"] and outcome["share"] != (risen[-1][1] if risen else 0.0):
                risen.append((minute, outcome["share"]))
        return risen

    def _noted(self, outcomes: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        for endpoint, outcome in outcomes.items():
            self.seen.setdefault(endpoint, []).append((self.minute, outcome))
        return outcomes


@contextmanager
def played_time(stack: Deployed, start: datetime) -> Iterator[Timeline]:
    """A time that begins at `start`. Real time, and nothing planted, are back after the block."""
    with triggers_stopped(stack.cloud):
        try:
            stack.cloud.set_clock(start)
            yield Timeline(stack, start, start)
        finally:
            stack.cloud.plant_faults()
            stack.cloud.set_clock(None)


def change(stack: Deployed, endpoint: str) -> Mapping[str, Any]:
    """What is being done to an endpoint, as it is stored."""
    return changes(stack.cloud, stack.outputs["StateTableName"])[endpoint]


def record(stack: Deployed, endpoint: str) -> dict[str, Any]:
    """The one record of an endpoint's changes in the state bucket."""
    [(_, body)] = stack.objects(stack.state_bucket, f"rollouts/{endpoint}/")
    return dict(json.loads(body))


def events(stack: Deployed, endpoint: str) -> list[str]:
    """What happened in the rollout of an endpoint, in its order, as it is recorded."""
    return [entry["event"] for entry in record(stack, endpoint)["history"]]


def variants(stack: Deployed, endpoint: str) -> dict[str, tuple[str, float, int]]:
    """Model, weight and instances of each variant that serves."""
    sagemaker = stack.cloud.client("sagemaker")
    described = sagemaker.describe_endpoint(EndpointName=endpoint)
    config = sagemaker.describe_endpoint_config(EndpointConfigName=described["EndpointConfigName"])
    models = {each["VariantName"]: each["ModelName"] for each in config["ProductionVariants"]}
    return {
        each["VariantName"]: (models[each["VariantName"]], each["CurrentWeight"], each["CurrentInstanceCount"])
        for each in described["ProductionVariants"]
    }


def config_of(stack: Deployed, endpoint: str) -> str:
    """The endpoint config that serves."""
    return str(stack.cloud.client("sagemaker").describe_endpoint(EndpointName=endpoint)["EndpointConfigName"])


def scale(stack: Deployed, endpoint: str) -> None:
    """Let the endpoint's variant be scaled, by a target that is tracked."""
    scaling, resource = stack.cloud.client("application-autoscaling"), RESOURCE.format(endpoint, VARIANT)
    scaling.register_scalable_target(ResourceId=resource, MinCapacity=2, MaxCapacity=6, **SCALABLE)
    predefined = {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"}
    scaling.put_scaling_policy(
        PolicyName="requests",
        PolicyType="TargetTrackingScaling",
        ResourceId=resource,
        TargetTrackingScalingPolicyConfiguration={"TargetValue": 700.0, "PredefinedMetricSpecification": predefined},
        **SCALABLE,
    )


def targets(stack: Deployed, endpoint: str) -> dict[str, dict[str, Any]]:
    """The scalable targets of an endpoint by variant: limits and what is suspended."""
    scaling = stack.cloud.client("application-autoscaling")
    described = scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"]
    return {
        each["ResourceId"].rpartition("/")[2]: {
            key: each[key] for key in ("MinCapacity", "MaxCapacity", "SuspendedState")
        }
        for each in described
        if each["ResourceId"].startswith(RESOURCE.format(endpoint, ""))
    }
