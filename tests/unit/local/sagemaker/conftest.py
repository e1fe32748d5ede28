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
from local.sagemaker.executions import Executions
from local.sagemaker.job_events import execution_event, training_event
from local.sagemaker.metrics import EndpointMetrics
from local.sagemaker.object_store import StoreError
from local.sagemaker.registry import create_model
from local.sagemaker.service import Service
from local.sagemaker.training import create_training_job, describe_training_job
from local.sagemaker.training_jobs import TrainingJobs

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Objects(dict[tuple[str, str], bytes]):
    """S3 without a server: bodies by bucket and key."""

    def keys(self, bucket: str, prefix: str) -> list[str]:  # type: ignore[override]
        return sorted(key for known, key in dict.keys(self) if known == bucket and key.startswith(prefix))

    def read(self, bucket: str, key: str) -> bytes:
        if (bucket, key) not in self:
            raise StoreError(f"NoSuchKey: {key}")
        return self[bucket, key]

    def write(self, bucket: str, key: str, body: bytes) -> None:
        self[bucket, key] = body

    def delete(self, bucket: str, key: str) -> None:
        self.pop((bucket, key), None)


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
        self.service.advance()

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

    @property
    def objects(self) -> Objects:
        store = self.service.store
        assert isinstance(store, Objects)
        return store

    def train(self, name: str = "job", **members: Any) -> None:
        """A training job that reads `s3://data/train/` and writes to `s3://models/out`."""
        self.objects.setdefault(("data", "train/rows.csv"), b"a,repaid\n1,0\n2,1\n")
        source = {"S3DataType": "S3Prefix", "S3Uri": "s3://data/train/"}
        request = {
            "TrainingJobName": name,
            "AlgorithmSpecification": {"TrainingImage": "none", "TrainingInputMode": "File"},
            "RoleArn": "arn:aws:iam::000000000000:role/train",
            "InputDataConfig": [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}],
            "OutputDataConfig": {"S3OutputPath": "s3://models/out"},
            "ResourceConfig": {"InstanceType": "ml.m5.large", "InstanceCount": 1, "VolumeSizeInGB": 10},
            "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
        }
        create_training_job(self.service, request | members)

    def job(self, name: str = "job") -> dict[str, Any]:
        return describe_training_job(self.service, {"TrainingJobName": name})

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
    faults = PlantedFaults()
    jobs = TrainingJobs(clock, lambda job: told.append(training_event(job)))
    executions = Executions(clock, faults, jobs, lambda *change: told.append(execution_event(*change)))
    service = Service(backend, scaling, Changes(clock, tell), faults, jobs, executions, Objects(), told.extend)
    world = World(service, told)
    world.model("old")
    world.model("new")
    world.config("one", variant("main", "old"))
    world.endpoint("churn", "one")
    told.clear()
    return world


@pytest.fixture
def make_variant() -> Callable[..., dict[str, Any]]:
    return variant
