"""An execution of a pipeline and its steps as plain values, and who does what the steps say."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from local.sagemaker.pipeline_definitions import StepDefinition
from local.sagemaker.training_jobs import TrainingJob


class Doing(Protocol):
    """How steps do what they say. Both raise RefusedError."""

    def train(self, request: Mapping[str, Any], at: datetime) -> TrainingJob:
        """Begin a training job as of a moment."""
        ...

    def register(self, request: Mapping[str, Any], at: datetime) -> str:
        """Make a model package as of a moment. Gives its ARN."""
        ...


@dataclass(slots=True)
class Step:
    """A step that has begun, or not yet (then it has no status)."""

    definition: StepDefinition
    status: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    failure: str = ""
    planted_failure: str | None = None
    job: TrainingJob | None = None
    metadata: dict[str, dict[str, str]] = field(default_factory=dict)

    @property
    def runs(self) -> bool:
        return self.status in ("Starting", "Executing", "Stopping")


@dataclass(slots=True)
class Execution:
    """An execution of a pipeline."""

    arn: str
    pipeline_arn: str
    given: list[dict[str, str]]
    values: Mapping[str, Any]
    steps: list[Step]
    doing: Doing
    created: datetime
    step_seconds: float
    display_name: str = ""
    description: str = ""
    parallelism: Mapping[str, int] = field(default_factory=dict)
    definition: str = ""
    status: str = ""
    failure: str = ""
    changed: datetime = field(init=False)

    @property
    def is_over(self) -> bool:
        return self.status not in ("Executing", "Stopping")

    @property
    def id(self) -> str:
        return self.arn.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of an execution's status, or of a step's; told as it was at the moment of the change."""

    at: datetime
    previous: str
    current: str
    step: Step | None = None
