"""What the operations of the SageMaker side share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from local.sagemaker.changes import Changes
from local.sagemaker.clock import Clock
from local.sagemaker.control_faults import PlantedFaults

type Backend = Any  # moto's backend of one account and region; moto ships no types
type Parameters = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Service:
    """SageMaker in one account and region: moto's state, and what moto lacks."""

    backend: Backend
    scaling: Backend
    changes: Changes
    faults: PlantedFaults

    @property
    def clock(self) -> Clock:
        return self.changes.clock

    def arn(self, kind: str, name: str) -> str:
        """The ARN of one of its resources, such as an `endpoint-config`."""
        return f"arn:aws:sagemaker:{self.backend.region_name}:{self.backend.account_id}:{kind}/{name}"


# Answers with the output members, or with None: then moto answers, to the parameters as they are by then.
type Operation = Callable[[Service, Parameters], dict[str, Any] | None]
