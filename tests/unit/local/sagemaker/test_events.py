"""Events have SageMaker's shapes and spelling, and are lost or doubled on demand."""

import json
from typing import Any

import pytest

from local.sagemaker.control_faults import Faults, PlantedFaults
from local.sagemaker.events import EventSender, endpoint_events, spelled

type World = Any

# Members of the examples in "Events that SageMaker AI sends to Amazon EventBridge".
STATE_CHANGE_MEMBERS = {
    "EndpointName",
    "EndpointArn",
    "EndpointConfigName",
    "ProductionVariants",
    "EndpointStatus",
    "CreationTime",
    "LastModifiedTime",
    "Tags",
}


@pytest.mark.parametrize(
    ("status", "event"),
    [("InService", "IN_SERVICE"), ("Updating", "UPDATING"), ("UpdateRollbackFailed", "UPDATE_ROLLBACK_FAILED")],
)
def test_statuses_are_spelled_otherwise_than_by_the_api(status: str, event: str) -> None:
    assert spelled(status) == event


def test_a_state_change_has_the_shape_of_the_example(world: World) -> None:
    endpoint = world.service.backend.endpoints["churn"]
    (entry,) = endpoint_events(endpoint, world.hosting(), world.service.clock.now())
    assert (entry["Source"], entry["DetailType"]) == ("aws.sagemaker", "SageMaker Endpoint State Change")
    assert entry["Resources"] == [endpoint.arn]
    detail = json.loads(entry["Detail"])
    assert set(detail) == STATE_CHANGE_MEMBERS
    assert detail["EndpointStatus"] == "IN_SERVICE"
    assert detail["LastModifiedTime"] == detail["CreationTime"] == 1795435200000


def test_events_are_lost_and_doubled_on_demand(world: World) -> None:
    faults = PlantedFaults()
    sent: list[Any] = []
    sender = EventSender(sent.append, faults)
    faults.plant(Faults(lose_events=1, double_events=1))
    for _ in range(3):
        sender.tell(world.service.backend.endpoints["churn"], world.hosting(), world.service.clock.now())
    sender.drain()
    assert len(sent) == 3


def test_late_events_come_after_the_next_or_at_last() -> None:
    faults = PlantedFaults()
    sent: list[Any] = []
    sender = EventSender(sent.append, faults)
    faults.plant(Faults(late_events=1))
    sender.send([{"DetailType": "first"}])
    sender.send([{"DetailType": "second"}, {"DetailType": "third"}])
    faults.plant(Faults(late_events=1))
    sender.send([{"DetailType": "fourth"}])
    sender.drain()
    assert [entry["DetailType"] for entry in sent] == ["second", "first", "third", "fourth"]


def test_an_event_that_cannot_be_sent_holds_up_no_other(world: World) -> None:
    sent: list[Any] = []

    def send(entry: dict[str, Any]) -> None:
        sent.append(entry)
        if len(sent) == 1:
            raise ConnectionError

    sender = EventSender(send, PlantedFaults())
    for _ in range(2):
        sender.tell(world.service.backend.endpoints["churn"], world.hosting(), world.service.clock.now())
    sender.drain()
    assert len(sent) == 2
