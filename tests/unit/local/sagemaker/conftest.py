"""A SageMaker service without a server: moto's state, a clock that the test sets, and what is told and published."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from moto.applicationautoscaling.models import ApplicationAutoscalingBackend
from moto.sagemaker.models import SageMakerModelBackend

from local.sagemaker.changes import Changes, Hosting
from local.sagemaker.clock import Clock
from local.sagemaker.containers import MODEL_VARIABLE
from local.sagemaker.control_faults import PlantedFaults
from local.sagemaker.endpoints import create_endpoint, create_endpoint_config, describe_endpoint
from local.sagemaker.events import endpoint_events
from local.sagemaker.metrics import EndpointMetrics
from local.sagemaker.registry import create_model
from local.sagemaker.service import Service

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@dataclass
class World:
    """A service, and what came of it."""

    service: Service
    told: list[dict[str, Any]] = field(default_factory=list)
    published: list[dict[str, Any]] = field(default_factory=list)

    @property
    def metrics(self) -> EndpointMetrics:
        return EndpointMetrics(self.published.extend, self.service.clock.now)

    def after(self, seconds: float, ringing: frozenset[str] = frozenset()) -> None:
        """Let time pass, with these alarms in ALARM at the end."""
        self.service.clock.set(self.service.clock.now() + timedelta(seconds=seconds))
        self.service.changes.advance(ringing)

    def model(self, name: str, **environment: str) -> None:
        container = {"Image": "none", "Environment": {MODEL_VARIABLE: "local.models:echo"} | environment}
        create_model(self.service, {"ModelName": name, "ExecutionRoleArn": "r", "PrimaryContainer": container})

    def config(self, name: str, *variants: dict[str, Any], **members: Any) -> None:
        default = {"InstanceType": "ml.m5.large", "InitialInstanceCount": 2}
        create_endpoint_config(
            self.service,
            {"EndpointConfigName": name, "ProductionVariants": [default | variant for variant in variants], **members},
        )

    def endpoint(self, name: str, config: str) -> None:
        create_endpoint(self.service, {"EndpointName": name, "EndpointConfigName": config})

    def described(self, name: str = "churn") -> dict[str, Any]:
        return describe_endpoint(self.service, {"EndpointName": name})

    def hosting(self, name: str = "churn") -> Hosting:
        return self.service.changes.of(self.service.backend.endpoints[name])


def variant(name: str, model: str, **members: Any) -> dict[str, Any]:
    return {"VariantName": name, "ModelName": model, **members}


@pytest.fixture
def world() -> World:
    """Endpoint `churn` by config `one`, variant `main` of two instances with model `old`; `new` is a model too."""
    clock = Clock()
    clock.set(NOON)
    told: list[dict[str, Any]] = []

    def tell(endpoint: Any, hosting: Hosting, at: datetime) -> None:
        told.extend(endpoint_events(endpoint, hosting, at))

    backend = SageMakerModelBackend("us-east-1", "000000000000")
    scaling = ApplicationAutoscalingBackend("us-east-1", "000000000000")
    world = World(Service(backend, scaling, Changes(clock, tell), PlantedFaults()), told)
    world.model("old")
    world.model("new")
    world.config("one", variant("main", "old"))
    world.endpoint("churn", "one")
    told.clear()
    return world


@pytest.fixture
def make_variant() -> Callable[..., dict[str, Any]]:
    return variant
