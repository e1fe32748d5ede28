"""Deployments: which window the change of an endpoint's configuration falls into."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from trimtab.drift.windows import Window


@dataclass(frozen=True, slots=True)
class Deployment:
    """An endpoint config whose deployment began at a moment."""

    at: datetime
    config: str


def deployment_in(
    window: Window, previous_end: datetime | None, deployments: Iterable[Deployment]
) -> Deployment | None:
    """The last deployment that began in a window, or since the end of the one before."""
    since = window.start if previous_end is None else min(previous_end, window.start)
    return last_deployment(deployments, since, window.end)


def last_deployment(deployments: Iterable[Deployment], since: datetime, until: datetime) -> Deployment | None:
    """The last deployment that began at `since` or later, and before `until`."""
    return max(
        (each for each in deployments if since <= each.at < until),
        key=lambda each: (each.at, each.config),
        default=None,
    )
