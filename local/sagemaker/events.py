"""The EventBridge events of endpoints, in SageMaker's shapes and spelling, and the thread that sends all events.

`EndpointStatus` is spelled otherwise than by the API: `IN_SERVICE`, not `InService`. Times are milliseconds. The shapes
are those of the examples in "Events that SageMaker AI sends to Amazon EventBridge".
"""

import json
import logging
import queue
import re
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.sagemaker.changes import Hosting, pending_summary, shown_variants
from local.sagemaker.control_faults import PlantedFaults

LOG = logging.getLogger(__name__)
STATE_CHANGE = "SageMaker Endpoint State Change"
DEPLOYMENT_STATE_CHANGE = "SageMaker Endpoint Deployment State Change"

type Entry = dict[str, Any]
"""An entry of PutEvents."""


def spelled(status: str) -> str:
    """A status of the API as events spell it: `InService` → `IN_SERVICE`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", status).upper()


def endpoint_events(endpoint: Any, hosting: Hosting, at: datetime) -> list[Entry]:
    """What SageMaker says when an endpoint has come to this state: its status, and how a deployment gets on."""
    detail = {
        "EndpointName": endpoint.endpoint_name,
        "EndpointArn": endpoint.arn,
        "EndpointConfigName": hosting.fleet.config_name,
        "ProductionVariants": shown_variants(hosting),
        "EndpointStatus": spelled(hosting.status),
        "CreationTime": endpoint.creation_time,
        "LastModifiedTime": hosting.changed,
        "Tags": {tag["Key"]: tag["Value"] for tag in endpoint.tags},
    }
    if hosting.failure:
        detail["FailureReason"] = hosting.failure
    entries = []
    # A status is news when a change begins or ends, not at each of its stages.
    if hosting.change is None or hosting.change.entered == hosting.change.started:
        entries.append(event_entry(STATE_CHANGE, [endpoint.arn], detail, at, _milliseconds))
    if pending := pending_summary(hosting):
        detail["PendingDeploymentSummary"] = pending
        entries.append(event_entry(DEPLOYMENT_STATE_CHANGE, [endpoint.arn], detail, at, _milliseconds))
    elif any("VariantStatus" in variant for variant in shown_variants(hosting)):
        entries.append(event_entry(DEPLOYMENT_STATE_CHANGE, [endpoint.arn], detail, at, _milliseconds))
    return entries


def event_entry(
    detail_type: str, arns: list[str], detail: Mapping[str, Any], at: datetime, spelled_time: Callable[[object], object]
) -> Entry:
    """An event about some resources. `spelled_time` turns the times in its detail into JSON."""
    return {
        "Source": "aws.sagemaker",
        "DetailType": detail_type,
        "Resources": arns,
        "Time": at,
        "Detail": json.dumps(detail, default=spelled_time),
    }


def _milliseconds(value: object) -> int:
    if isinstance(value, datetime):
        return round((value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp() * 1000)
    raise TypeError(f"not JSON: {value!r}")


class EventSender:
    """Sends events one after the other, without keeping those waiting whose state it tells."""

    def __init__(self, send: Callable[[Entry], object], faults: PlantedFaults) -> None:
        self._send, self._faults = send, faults
        self._waiting: queue.Queue[Entry] = queue.Queue()
        self._late: list[Entry] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._work, daemon=True).start()

    def tell(self, endpoint: Any, hosting: Hosting, at: datetime) -> None:
        """Tell that an endpoint has come to this state."""
        self.send(endpoint_events(endpoint, hosting, at))

    def send(self, entries: list[Entry]) -> None:
        """Send events as often, and in the order, as the planted faults let them be sent."""
        with self._lock:
            for entry in entries:
                copies = [entry] * self._faults.copies_of_next_event()
                if self._faults.next_event_is_late():
                    self._late += copies
                else:
                    self._put(copies)

    def drain(self) -> None:
        """Wait until everything told so far is sent. What is late comes now at the latest."""
        with self._lock:
            self._put([])
        self._waiting.join()

    def _put(self, entries: list[Entry]) -> None:
        for entry in (*entries, *self._late):
            self._waiting.put(entry)
        self._late.clear()

    def _work(self) -> None:
        while True:
            entry = self._waiting.get()
            try:
                self._send(entry)
            except Exception:  # endpoints go on when nobody can be told
                LOG.exception("event lost: %s", entry["DetailType"])
            finally:
                self._waiting.task_done()
