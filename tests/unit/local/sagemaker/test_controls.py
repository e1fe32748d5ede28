"""The control requests."""

import json
from typing import Any

import pytest

from local.sagemaker.captures import Captures
from local.sagemaker.controls import ControlError, Controls, UnknownControlError
from local.sagemaker.events import EventSender
from local.sagemaker.invocations import Replaced
from local.sagemaker.updates import update_endpoint

type World = Any


@pytest.fixture
def controls(world: World) -> Controls:
    service = world.service
    events = EventSender(world.told.append, service.faults)
    captures = Captures(lambda *_: None, 60)
    return Controls(
        service,
        service.changes,
        service.faults,
        Replaced(),
        captures,
        world.metrics,
        events,
        lambda _names: frozenset(),
    )


def put(controls: Controls, path: str, **document: Any) -> dict[str, Any]:
    return controls.answer("PUT", path.split("/"), json.dumps(document).encode())


def test_what_was_due_has_happened_when_the_clock_is_set(world: World, controls: Controls) -> None:
    traffic = {"endpoint": "churn", "minute": "2026-11-23T12:00:00Z", "requests": 100}
    (served,) = controls.answer("POST", ["traffic"], json.dumps(traffic).encode())["served"]
    assert served == {"variant": "main", "config": "one", "requests": 100, "errors": 0}
    update_endpoint(world.service, {"EndpointName": "churn", "EndpointConfigName": "one"})
    assert world.published == []
    assert put(controls, "clock", now="2026-11-23T12:01:00Z") == {"now": "2026-11-23T12:01:00+00:00"}
    assert world.described()["EndpointStatus"] == "InService"
    assert len(world.published) == 12
    assert put(controls, "clock")["now"] != "2026-11-23T12:01:00+00:00"


def test_faults_and_replacements_hold_from_now_on(world: World, controls: Controls) -> None:
    put(controls, "faults", statuses={"churn": "OutOfService"}, weights_seconds=9)
    assert world.described()["EndpointStatus"] == "OutOfService"
    assert world.service.changes.back_seconds == 9
    put(controls, "faults")
    assert world.described()["EndpointStatus"] == "InService"
    put(controls, "behaviours/old", error_rate=0.5)
    assert controls.replaced.behaviours["old"].error_rate == 0.5
    controls.answer("PUT", ["models", "old"], b"json:dumps")
    assert controls.replaced.callables == {"old": "json:dumps"}


@pytest.mark.parametrize(
    ("method", "path", "body", "reason"),
    [
        ("PUT", "clock", b'{"time": "x"}', "unknown key 'time'"),
        ("PUT", "clock", b'{"now": "noon"}', "noon"),
        ("PUT", "faults", b'{"throttle": {"A": -1}}', "throttle"),
        ("PUT", "faults", b"{", "Invalid JSON"),
        ("PUT", "models/old", b"no.such:x", "no local model"),
        ("POST", "traffic", b'{"endpoint": "none", "minute": "2026-01-01T00:00:00Z", "requests": 1}', "none"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_reason(
    controls: Controls, method: str, path: str, body: bytes, reason: str
) -> None:
    with pytest.raises(ControlError, match=reason):
        controls.answer(method, path.split("/"), body)
    with pytest.raises(UnknownControlError):
        controls.answer(method, ["none"], body)
