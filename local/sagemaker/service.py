"""What the operations of the SageMaker side share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.sagemaker.changes import Changes
from local.sagemaker.clock import Clock
from local.sagemaker.control_faults import PlantedFaults
from local.sagemaker.events import Entry
from local.sagemaker.executions import Executions
from local.sagemaker.object_store import Store
from local.sagemaker.training_jobs import TrainingJobs

type Backend = Any  # moto's backend of one account and region; moto ships no types
type Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """SageMaker in one account and region: moto's state, and what moto lacks."""

    backend: Backend
    scaling: Backend
    changes: Changes
    faults: PlantedFaults
    training: TrainingJobs
    pipelines: Executions
    store: Store
    tell: Callable[[list[Entry]], None]
    """Sends events to EventBridge."""

    @property
    def clock(self) -> Clock:
        return self.changes.clock

    def advance(self) -> None:
        """Carry on to the present moment what takes its time: endpoints' changes, training jobs, pipelines."""
        self.changes.advance()
        self.pipelines.advance()

    def arn(self, kind: str, name: str) -> str:
        """The ARN of one of its resources, such as an `endpoint-config`."""
        return f"arn:aws:sagemaker:{self.backend.region_name}:{self.backend.account_id}:{kind}/{name}"


# Answers with the output members, or with None: then moto answers, to the parameters as they are by then.
type Operation = Callable[[Service, Parameters], dict[str, Any] | None]
