"""Faults of the control plane that a test or a demo plants: each happens a given number of times, then no more."""

import threading
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, NonNegativeInt

type Times = dict[str, NonNegativeInt]
"""How many times yet, by operation (`UpdateEndpoint`)."""


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
    metric_delay_minutes: NonNegativeFloat = 0
    """How long after its end a minute's metrics are published."""
    fail_updates: list[str] = Field(default_factory=list)
    """The next UpdateEndpoints fail: the endpoint keeps its config, with these FailureReasons (may be empty)."""
    update_seconds: NonNegativeFloat = 1.0
    weights_seconds: NonNegativeFloat = 1.0
    """How long UpdateEndpoint takes to make the new fleet, and how long weights, capacities and rolling back take."""
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
