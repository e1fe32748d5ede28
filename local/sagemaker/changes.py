"""What endpoints are doing: the fleet each has, the change it is going through, and how time and alarms carry it on.

moto's endpoint shows the present state (`mirror`), so that what moto answers (ListEndpoints, tags) holds.
"""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.sagemaker.clock import Clock
from local.sagemaker.deployments import Stage
from local.sagemaker.errors import IN_PROGRESS, invalid
from local.sagemaker.fleets import Fleet, Variant

ENDED = ("Failed",)
"""Statuses in which an endpoint can only be deleted."""


@dataclass(slots=True)
class Change:
    """A change that is under way: the stages that are left, and when the first of them began."""

    status: str
    started: datetime
    entered: datetime
    stages: tuple[Stage, ...]
    green: Fleet | None = None
    alarms: tuple[str, ...] = ()
    desired: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What is wanted of the present fleet's variants from the beginning on."""
    failure: str | None = None
    """Why the change will not come about at the end of its first stage. The endpoint stays as it is."""


@dataclass(slots=True)
class Hosting:
    """An endpoint, without what moto keeps of it."""

    fleet: Fleet
    changed: datetime
    change: Change | None = None
    failure: str = ""
    forced_status: str | None = None
    deployment_config: dict[str, Any] | None = None

    @property
    def status(self) -> str:
        """The endpoint's status, as DescribeEndpoint spells it."""
        return self.forced_status or (self.change.status if self.change else "InService")

    @property
    def green(self) -> Fleet | None:
        """The fleet that is taking over."""
        return self.change.green if self.change else None

    @property
    def green_share(self) -> float:
        """The part of the traffic that the new fleet gets."""
        return self.change.stages[0].share if self.change and self.change.green else 0.0


def advance(hosting: Hosting, now: datetime, ringing: frozenset[str], back_seconds: float) -> Iterator[datetime]:
    """Carry a change on to `now`. Yields the moment of each step when the step is done.

    `ringing` are the alarms in ALARM; one that the change bakes with rolls it back, which takes `back_seconds`.
    """
    while (change := hosting.change) is not None:
        stage = change.stages[0]
        if stage.status == "Baking" and (loud := sorted(ringing & set(change.alarms))):
            reason = f"Deployment rolled back, since these CloudWatch alarms went into ALARM: {', '.join(loud)}."
            stages = (Stage("Deleting", back_seconds),)
            hosting.change = Change("RollingBack", now, now, stages, change.green, failure=reason)
            hosting.changed = now
            yield now
            continue
        due = change.entered + timedelta(seconds=stage.seconds)
        if due > now:
            return
        hosting.changed = due
        if change.failure is not None:
            hosting.change, hosting.failure = None, change.failure
        elif len(change.stages) > 1:
            change.stages, change.entered = change.stages[1:], due
        else:
            _finish(hosting, change)
        yield due


def _finish(hosting: Hosting, change: Change) -> None:
    hosting.change = None
    if change.green:
        hosting.fleet = change.green
        return
    for variant in hosting.fleet.variants:
        for member in ("Weight", "InstanceCount"):
            if f"Desired{member}" in variant:
                variant[f"Current{member}"] = variant[f"Desired{member}"]


def pending_summary(hosting: Hosting) -> dict[str, Any] | None:
    """`PendingDeploymentSummary` of DescribeEndpoint; None while no new fleet is on its way."""
    change = hosting.change
    if change is None or change.green is None or change.status != "Updating":
        return None
    variants = [_pending_variant(variant, change) for variant in change.green.variants]
    return {
        "EndpointConfigName": change.green.config_name,
        "StartTime": change.started,
        "ProductionVariants": variants,
    }


def _pending_variant(variant: Variant, change: Change) -> Variant:
    stage = change.stages[0]
    wanted = variant.get("DesiredInstanceCount", 0)
    active = math.ceil(round(stage.share * wanted, 9))
    text = {
        "Creating": f"Creating {wanted} instance(s).",
        "ActivatingTraffic": f"Turning on traffic for {active} instance(s).",
        "Baking": f"Baking for {stage.seconds:g} seconds ({stage.wait}) with traffic enabled on "
        f"{'canary' if stage.share < 1 else 'full'} capacity of {active} instance(s).",
    }[stage.status]
    status = {"Status": stage.status, "StatusMessage": text, "StartTime": change.entered}
    counted = {"CurrentInstanceCount": active} if wanted else {}
    return variant | counted | {"VariantStatus": [status]}


def shown_variants(hosting: Hosting) -> list[Variant]:
    """`ProductionVariants` of DescribeEndpoint: the serving fleet's, with what they are being changed to."""
    change = hosting.change
    scaling = change is not None and change.stages[0].status == "Updating"
    shown = []
    for variant in hosting.fleet.variants:
        now, wanted = variant.get("CurrentInstanceCount"), variant.get("DesiredInstanceCount")
        if change and scaling and now != wanted:
            way = "out" if (wanted or 0) > (now or 0) else "in"
            text = f"Scaling {way} desired instance count to {wanted}."
            status = {"Status": "Updating", "StatusMessage": text, "StartTime": change.entered}
            shown.append(variant | {"VariantStatus": [status]})
        else:
            shown.append(dict(variant))
    return shown


class Changes:
    """All endpoints' hostings, and what carries them on. Safe to use from many threads.

    `tell` is called after each step of an endpoint with moto's endpoint, its hosting and the moment.
    """

    def __init__(self, clock: Clock, tell: Callable[[Any, Hosting, datetime], None]) -> None:
        self.clock, self._tell = clock, tell
        self.back_seconds = 1.0
        self._hostings: dict[Any, Hosting] = {}
        self._lock = threading.RLock()

    def host(self, endpoint: Any, fleet: Fleet) -> None:
        """Take up a new endpoint of moto's, served by this fleet from now on."""
        with self._lock:
            hosting = self._hostings[endpoint] = Hosting(fleet, self.clock.now())
            self._show(endpoint, hosting)

    def forget(self, endpoint: Any) -> None:
        """Let go of an endpoint that is deleted."""
        with self._lock:
            hosting = self._hostings.pop(endpoint)
            hosting.forced_status, hosting.changed = "Deleting", self.clock.now()
            self._show(endpoint, hosting)

    def of(self, endpoint: Any) -> Hosting:
        """What an endpoint is doing."""
        with self._lock:
            return self._hostings[endpoint]

    def require_changeable(self, endpoint: Any) -> Hosting:
        """The hosting of an endpoint that can be changed now. Raises RefusedError as SageMaker does otherwise."""
        hosting = self.of(endpoint)
        if hosting.status in ENDED:
            raise invalid(f'Cannot update endpoint "{endpoint.arn}" in status {hosting.status}.')
        if hosting.change or hosting.status == "SystemUpdating":
            raise invalid(IN_PROGRESS.format(endpoint.arn))
        return hosting

    def begin(self, endpoint: Any, change: Change) -> None:
        """Let a change begin. Raises RefusedError when another one has begun meanwhile."""
        with self._lock:
            hosting = self.require_changeable(endpoint)
            hosting.change, hosting.failure, hosting.changed = change, "", change.started
            for variant in hosting.fleet.variants:
                variant |= change.desired.get(variant["VariantName"], {})
            self._show(endpoint, hosting)

    def watched_alarms(self) -> list[str]:
        """The alarms that could roll something back now."""
        with self._lock:
            changes = [hosting.change for hosting in self._hostings.values() if hosting.change]
        return sorted({alarm for change in changes for alarm in change.alarms})

    def advance(self, ringing: frozenset[str] = frozenset()) -> None:
        """Carry all changes on to the present moment."""
        with self._lock:
            for endpoint, hosting in list(self._hostings.items()):
                for moment in advance(hosting, self.clock.now(), ringing, self.back_seconds):
                    self._show(endpoint, hosting, moment)

    def force_statuses(self, statuses: dict[str, Any]) -> None:
        """Give endpoints, by name, a status whatever they are doing; take it from all others."""
        with self._lock:
            for endpoint, hosting in list(self._hostings.items()):
                forced = statuses.get(endpoint.endpoint_name)
                if forced != hosting.forced_status:
                    hosting.forced_status, hosting.changed = forced, self.clock.now()
                    self._show(endpoint, hosting)

    def _show(self, endpoint: Any, hosting: Hosting, moment: datetime | None = None) -> None:
        mirror(endpoint, hosting)
        self._tell(endpoint, hosting, moment or hosting.changed)


def mirror(endpoint: Any, hosting: Hosting) -> None:
    """Let moto's endpoint show what the hosting is doing. moto's times name no time zone."""
    endpoint.endpoint_config_name = hosting.fleet.config_name
    endpoint.production_variants = hosting.fleet.variants
    endpoint.data_capture_config = hosting.fleet.config.get("DataCaptureConfig", {})
    endpoint.endpoint_status = hosting.status
    endpoint.failure_reason = hosting.failure or None
    endpoint.last_modified_time = hosting.changed.replace(tzinfo=None)
