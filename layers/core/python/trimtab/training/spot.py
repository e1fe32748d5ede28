"""Managed spot training: its time limits, where checkpoints lie, what follows a stop, and what it saved."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil
from typing import Literal

import numpy as np

from trimtab.training.settings import SpotSettings

WITHOUT_CHECKPOINTS = 3600
"""MaxWaitTimeInSeconds that SageMaker allows built-in and marketplace algorithms that write no checkpoints."""
CHECKPOINT_PATH = "/opt/ml/checkpoints"
type AfterStop = Literal["retry_on_demand", "alert", "nothing"]
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Limits:
    """How long a training may take, in seconds. `max_wait`: waiting and running together, None without spot. `reason`:
    why there is no spot although it was asked for."""

    max_run: int
    max_wait: int | None
    reason: str = ""

    @property
    def is_spot(self) -> bool:
        """Whether the training is to run on managed spot."""
        return self.max_wait is not None


@dataclass(frozen=True, slots=True)
class Saving:
    """What a training cost, and what spot saved of the price on demand. `percent` of the training time that was not
    billed; dollars None where the price is not known."""

    percent: float | None
    saved_usd: float | None
    cost_usd: float | None


def training_limits(settings: SpotSettings, past_seconds: Sequence[float], *, on_demand: bool = False) -> Limits:
    """The limits of the next training, from the `TrainingTimeInSeconds` of past ones.

    MaxRuntime = ⌈slack · p95⌉, MaxWait = max(2 · MaxRuntime, MaxRuntime + one hour), unless the settings say otherwise.
    """
    max_run = settings.max_run_seconds
    if max_run is None:
        usual = settings.runtime_slack * float(np.quantile(past_seconds, 0.95)) if len(past_seconds) else 0.0
        max_run = ceil(usual) or settings.first_run_seconds
    if on_demand or not settings.enabled:
        return Limits(max_run, None)
    max_wait = settings.max_wait_seconds or max(2 * max_run, max_run + 3600)
    if settings.checkpoints:
        return Limits(max_run, max_wait)
    if max_run > WITHOUT_CHECKPOINTS:
        reason = f"{max_run:,} s of training without checkpoints do not fit into {WITHOUT_CHECKPOINTS:,} s on spot"
        return Limits(max_run, None, reason)
    return Limits(max_run, min(max_wait, WITHOUT_CHECKPOINTS))


def checkpoint_uri(bucket: str, lineage: str, data_version: str) -> str:
    """Where the checkpoints of a lineage (pipeline or model group) on one version of the data lie.

    Data versions never share a prefix: a training that resumes from a checkpoint of other data would mix the two
    without anybody noticing.
    """
    return f"s3://{bucket}/checkpoints/{_segment(lineage)}/{_segment(data_version)}/"


def after_stop(status: str, secondary: str, severity: str, *, was_spot: bool, settings: SpotSettings) -> AfterStop:
    """What to do about a training job that has ended.

    A job that was stopped may have left an artifact; it is never registered by itself. Spot that was waited for in vain
    is tried on demand once, and only where the drift is severe.
    """
    if status == "Stopped" and secondary == "MaxWaitTimeExceeded" and was_spot:
        return "retry_on_demand" if settings.retry_on_demand and severity == "critical" else "alert"
    return "alert" if status in {"Stopped", "Failed"} else "nothing"


def spot_saving(
    training_seconds: float | None, billable_seconds: float | None, instances: int, usd_per_hour: float | None
) -> Saving:
    """What a training cost at this price of one instance. None for what cannot be told; no time is no saving."""
    if not training_seconds or billable_seconds is None:
        return Saving(None, None, None)
    percent = (1 - billable_seconds / training_seconds) * 100
    if usd_per_hour is None:
        return Saving(percent, None, None)
    usd_per_second = usd_per_hour * instances / 3600
    return Saving(percent, (training_seconds - billable_seconds) * usd_per_second, billable_seconds * usd_per_second)


def estimated_cost(
    limits: Limits, past_billable_seconds: Sequence[float], instances: int, usd_per_hour: float | None
) -> float | None:
    """What the next training will cost in dollars: p90 of what was billed of past ones, or else all the time it may
    take. None where the price is not known."""
    if usd_per_hour is None:
        return None
    seconds = float(np.quantile(past_billable_seconds, 0.9)) if len(past_billable_seconds) else float(limits.max_run)
    return usd_per_hour * instances * seconds / 3600


def _segment(name: str) -> str:
    """A name as one part of a key; one that cannot be is hashed, so that no two names are one part."""
    if _PLAIN.fullmatch(name) and set(name) != {"."}:
        return name
    return hashlib.sha256(name.encode()).hexdigest()[:32]
