"""Faults of the control plane that a test or a demo plants: each happens a given number of times, then no more."""

import threading
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt

type Times = dict[str, NonNegativeInt]
"""How many times yet, by operation (`UpdateEndpoint`)."""


class TrainingFaults(BaseModel):
    """How training jobs that are created from now on go. The default is: well, and a second for each thing."""

    model_config = ConfigDict(extra="forbid")

    starting_seconds: NonNegativeFloat = 1.0
    downloading_seconds: NonNegativeFloat = 1.0
    step_seconds: PositiveFloat = 0.2
    uploading_seconds: NonNegativeFloat = 1.0
    stopping_seconds: NonNegativeFloat = 1.0
    """How long its parts take; training takes as many steps as the trainer makes."""
    steps: PositiveInt = 5
    """The steps of a job that names no trainer."""
    spot_wait_seconds: NonNegativeFloat = 0.0
    """How long a spot job waits for instances, before it starts and after each interruption."""
    spot_saving: float = Field(0.7, ge=0, le=1)
    """The part of a spot job's training time that is not billed."""
    interruptions: list[PositiveFloat] = Field(default_factory=list)
    """The next spot job is interrupted after so many seconds on its instances: a number for each time."""
    failures: list[str] = Field(default_factory=list)
    """The next jobs fail after their first step, with these FailureReasons."""


class Faults(BaseModel):
    """What goes wrong, and how long changes take. The default is: nothing, and a second."""

    model_config = ConfigDict(extra="forbid")

    throttle: Times = Field(default_factory=dict)
    """Calls answered `ThrottlingException`, without being done."""
    in_progress: Times = Field(default_factory=dict)
    """Calls refused as those of an endpoint that is being updated, whatever it is."""
    lose_answers: Times = Field(default_factory=dict)
    """Calls that are done but answered `ServiceUnavailable`: the caller can't know."""
    lose_events: NonNegativeInt = 0
    double_events: NonNegativeInt = 0
    """EventBridge events that never come, and that come twice with ids of their own."""
    late_events: NonNegativeInt = 0
    """Events that come after the one that follows them."""
    metric_delay_minutes: NonNegativeFloat = 0
    """How long after its end a minute's metrics are published."""
    fail_updates: list[str] = Field(default_factory=list)
    """The next UpdateEndpoints fail: the endpoint keeps its config, with these FailureReasons (may be empty)."""
    update_seconds: NonNegativeFloat = 1.0
    weights_seconds: NonNegativeFloat = 1.0
    """How long UpdateEndpoint takes to make the new fleet, and how long weights, capacities and rolling back take."""
    training: TrainingFaults = Field(default_factory=TrainingFaults)
    pipeline_step_seconds: NonNegativeFloat = 1.0
    """How long a step of a pipeline takes that is neither a training job nor a registration."""
    fail_steps: dict[str, str] = Field(default_factory=dict)
    """Steps of pipelines, by name, that fail the next time, with these FailureReasons."""
    statuses: dict[str, Literal["OutOfService", "SystemUpdating", "Failed"]] = Field(default_factory=dict)
    """The status of endpoints, whatever they are doing."""


class PlantedFaults:
    """The faults that are left. Safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.present = Faults()

    def plant(self, faults: Faults) -> None:
        """Replace all faults by these."""
        with self._lock:
            self.present = faults

    def happens(self, fault: Literal["throttle", "in_progress", "lose_answers"], operation: str) -> bool:
        """Whether the fault happens to this call of the operation. Counts it."""
        with self._lock:
            left: Times = getattr(self.present, fault)
            if not left.get(operation):
                return False
            left[operation] -= 1
            return True

    def next_update_failure(self) -> str | None:
        """Why this UpdateEndpoint is to fail; None when it isn't."""
        with self._lock:
            return self.present.fail_updates.pop(0) if self.present.fail_updates else None

    def next_training(self, *, is_spot: bool) -> TrainingFaults:
        """How the training job that is created now goes: with its own interruptions and its own failure, if any."""
        with self._lock:
            training = self.present.training
            told = training.model_copy(update={"interruptions": [], "failures": training.failures[:1]})
            del training.failures[:1]
            if is_spot:
                told.interruptions, training.interruptions = training.interruptions, []
            return told

    def next_step_failure(self, step: str) -> str | None:
        """Why this step of a pipeline is to fail; None when it isn't."""
        with self._lock:
            return self.present.fail_steps.pop(step, None)

    def next_event_is_late(self) -> bool:
        """Whether the next event comes after the one that follows it."""
        with self._lock:
            if not self.present.late_events:
                return False
            self.present.late_events -= 1
            return True

    def copies_of_next_event(self) -> int:
        """How often the next event is sent: 0, 1 or 2 times."""
        with self._lock:
            if self.present.lose_events:
                self.present.lose_events -= 1
                return 0
            if self.present.double_events:
                self.present.double_events -= 1
                return 2
            return 1
