"""The SageMaker side's control requests, for the demo, the player and the tests. None of them is AWS's.

- `POST /_local/flush` writes all open capture files, publishes all metrics and answers with the files' addresses.
- `PUT /_local/models/NAME` with a body `module:callable` replaces what answers for the SageMaker model NAME.
- `PUT /_local/behaviours/NAME` with a `behaviour.Behaviour` replaces what its container declares.
- `PUT /_local/clock` with `{"now": "2026-11-20T08:00:00Z"}` sets the time, `{}` returns to the real one. What was due
  by then has happened when it answers: changes of endpoints, training jobs, pipelines, their events, the metrics of the
  minutes that are over.
- `PUT /_local/faults` with `control_faults.Faults` replaces the faults that are planted.
- `POST /_local/traffic` with a `traffic.Traffic` counts a minute's requests without serving them.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from local.sagemaker.behaviour import Behaviour
from local.sagemaker.captures import Captures
from local.sagemaker.changes import Changes
from local.sagemaker.clock import parsed_moment
from local.sagemaker.containers import UnknownModelError, model_named
from local.sagemaker.control_faults import Faults, PlantedFaults
from local.sagemaker.errors import RefusedError
from local.sagemaker.events import EventSender
from local.sagemaker.invocations import Replaced
from local.sagemaker.metrics import EndpointMetrics
from local.sagemaker.service import Service
from local.sagemaker.traffic import Traffic, send_traffic


class UnknownControlError(LookupError):
    """There is no such control request."""


class ControlError(ValueError):
    """A control request that can't be done; the message says why."""


@dataclass(frozen=True, slots=True)
class Controls:
    """What control requests act on. `ringing` gives those of some alarms that are in ALARM."""

    service: Service
    changes: Changes
    faults: PlantedFaults
    replaced: Replaced
    captures: Captures
    metrics: EndpointMetrics
    events: EventSender
    ringing: Callable[[list[str]], frozenset[str]]

    def answer(self, method: str, path: list[str], body: bytes) -> dict[str, Any]:
        """Do a control request, by its path below `/_local/`. Raises ControlError or UnknownControlError."""
        try:
            return self._answer(method, path, body)
        except (ValidationError, UnknownModelError, RefusedError, ValueError) as error:
            raise ControlError(str(error)) from error

    def _answer(self, method: str, path: list[str], body: bytes) -> dict[str, Any]:
        match method, path:
            case "GET", ["health"]:
                return {"status": "ok"}
            case "POST", ["flush"]:
                self.metrics.flush()
                return {"files": self.captures.flush()}
            case "PUT", ["models", name]:
                model_named(body.decode())
                self.replaced.callables[name] = body.decode()
            case "PUT", ["behaviours", name]:
                self.replaced.behaviours[name] = Behaviour.model_validate_json(body)
            case "PUT", ["clock"]:
                return self._set_clock(json.loads(body))
            case "PUT", ["faults"]:
                self._plant(Faults.model_validate_json(body))
            case "POST", ["traffic"]:
                traffic = Traffic.model_validate_json(body)
                self.service.advance()
                return {"served": send_traffic(self.service, self.replaced.behaviours, self.metrics, traffic)}
            case _:
                raise UnknownControlError("no such control request")
        return {}

    def carry_on(self) -> None:
        """Let time and alarms carry on what takes its time."""
        watched = self.changes.watched_alarms()
        self.changes.advance(self.ringing(watched) if watched else frozenset())
        self.service.pipelines.advance()

    def _set_clock(self, wanted: dict[str, str]) -> dict[str, Any]:
        if unknown := set(wanted) - {"now"}:
            raise ControlError(f"unknown key {sorted(unknown)[0]!r}")
        self.changes.clock.set(parsed_moment(wanted["now"]) if "now" in wanted else None)
        self.carry_on()
        self.metrics.publish_past()
        self.events.drain()
        return {"now": self.changes.clock.now().isoformat()}

    def _plant(self, faults: Faults) -> None:
        self.faults.plant(faults)
        self.changes.back_seconds = faults.weights_seconds
        self.changes.force_statuses(faults.statuses)
        self.events.drain()
