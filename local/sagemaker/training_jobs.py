"""What training jobs are doing: their secondary statuses, and how time carries them on.

Starting → Downloading → Training → Uploading → Completed. A spot job may be Interrupted and starts again from its
checkpoints. It ends as Stopped when it is asked to, when it ran too long (`MaxRuntimeInSeconds`) or when, waiting and
running together, it took too long (`MaxWaitTimeInSeconds`).
"""

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from local.sagemaker.clock import Clock
from local.sagemaker.control_faults import TrainingFaults
from local.sagemaker.training_runs import Run, RunError

MESSAGES = {
    "Starting": "Preparing the instances for training",
    "Downloading": "Downloading input data",
    "Training": "Training image download completed. Training in progress.",
    "Interrupted": "Training job interrupted: the managed spot training instances were reclaimed",
    "Uploading": "Uploading generated training model",
    "Completed": "Training job completed",
    "Stopping": "Stopping the training job",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
    "Failed": "Training job failed",
}
DEFAULT_MAX_RUNTIME = 86_400

type Next = tuple[datetime, Callable[["TrainingJob", datetime], None]]
"""When something happens to a job, and what."""


@dataclass(slots=True)
class TrainingJob:
    """A training job. `shown` is moto's object of it, which shows the present state."""

    request: Mapping[str, Any]
    shown: Any
    run: Run
    faults: TrainingFaults
    created: datetime
    status: str = "InProgress"
    secondary: str = ""
    failure: str = ""
    changed: datetime = field(init=False)
    transitions: list[dict[str, Any]] = field(default_factory=list)
    started: datetime | None = None
    """When it first came onto instances."""
    ended: datetime | None = None
    on_instances_since: datetime | None = None
    seconds: float = 0.0
    """How long it was on instances, without the present time there."""
    steps: int = 0
    """Steps done since it last began to train."""
    stops_as: str = "Stopped"

    @property
    def name(self) -> str:
        return str(self.request["TrainingJobName"])

    @property
    def arn(self) -> str:
        return str(self.shown.arn)

    @property
    def is_spot(self) -> bool:
        return bool(self.request.get("EnableManagedSpotTraining"))

    @property
    def is_over(self) -> bool:
        return self.status not in ("InProgress", "Stopping")

    @property
    def billable_seconds(self) -> int:
        """`BillableTimeInSeconds`: of spot, only a part."""
        if not self.is_spot:
            return round(self.seconds)
        return math.ceil(round(self.seconds * (1 - self.faults.spot_saving), 6))


def begin(job: TrainingJob) -> None:
    """Let a job that was just created begin."""
    _enter(job, job.created, "InProgress", "Starting")


def advance(job: TrainingJob, now: datetime) -> Iterator[datetime]:
    """Carry a job on to `now`. Yields the moment of each change of its secondary status when it is done."""
    while not job.is_over:
        due, happen = min(_nexts(job), key=lambda next_one: next_one[0])
        if due > now:
            return
        before = len(job.transitions)
        try:
            happen(job, due)
        except RunError as error:
            fail(job, due, str(error))
        if len(job.transitions) > before:
            yield due


def stop(job: TrainingJob, at: datetime, stops_as: str = "Stopped") -> None:
    """Stop a job that is in progress. On its instances it has time to end well."""
    job.stops_as = stops_as
    _enter(job, at, "Stopping", "Stopping")


def fail(job: TrainingJob, at: datetime, reason: str) -> None:
    """Let a job fail."""
    job.run.interrupt()
    job.failure = reason
    _end(job, at, "Failed", "Failed")


def _nexts(job: TrainingJob) -> list[Next]:
    """What can happen next in a job's present state; of what is due at the same moment, the first happens."""
    faults = job.faults
    wait = faults.spot_wait_seconds if job.is_spot else 0.0
    is_first = job.started is None
    # In the status for so many seconds, then …
    own: dict[str, tuple[float, Callable[[TrainingJob, datetime], None]]] = {
        "Starting": (faults.starting_seconds + (wait if is_first else 0.0), _download),
        "Downloading": (faults.downloading_seconds, _train),
        "Training": ((job.steps + 1) * faults.step_seconds, _step),
        "Interrupted": (wait, _start_again),
        "Uploading": (faults.uploading_seconds, _complete),
        "Stopping": (faults.stopping_seconds if job.on_instances_since else 0.0, _stopped),
    }
    seconds, happen = own[job.secondary]
    nexts: list[Next] = [(job.changed + timedelta(seconds=seconds), happen)]
    if job.status == "Stopping":
        return nexts
    limits = job.request.get("StoppingCondition", {})
    if job.on_instances_since and job.secondary != "Uploading":
        if faults.interruptions:
            nexts.append((job.on_instances_since + timedelta(seconds=faults.interruptions[0]), _interrupt))
        left = limits.get("MaxRuntimeInSeconds", DEFAULT_MAX_RUNTIME) - job.seconds
        nexts.append((job.on_instances_since + timedelta(seconds=left), _run_too_long))
    if "MaxWaitTimeInSeconds" in limits:
        nexts.append((job.created + timedelta(seconds=limits["MaxWaitTimeInSeconds"]), _wait_too_long))
    return nexts


def _download(job: TrainingJob, at: datetime) -> None:
    job.started = job.started or at
    job.on_instances_since = at
    _enter(job, at, "InProgress", "Downloading")
    job.run.begin()


def _train(job: TrainingJob, at: datetime) -> None:
    job.steps = 0
    _enter(job, at, "InProgress", "Training")


def _step(job: TrainingJob, at: datetime) -> None:
    goes_on = job.run.step()
    job.steps += 1
    if job.faults.failures:
        raise RunError(job.faults.failures[0])
    if not goes_on:
        _enter(job, at, "InProgress", "Uploading")


def _interrupt(job: TrainingJob, at: datetime) -> None:
    job.faults.interruptions.pop(0)
    job.run.interrupt()
    _leave_instances(job, at)
    _enter(job, at, "InProgress", "Interrupted")


def _start_again(job: TrainingJob, at: datetime) -> None:
    _enter(job, at, "InProgress", "Starting")


def _run_too_long(job: TrainingJob, at: datetime) -> None:
    stop(job, at, "MaxRuntimeExceeded")


def _wait_too_long(job: TrainingJob, at: datetime) -> None:
    stop(job, at, "MaxWaitTimeExceeded")


def _complete(job: TrainingJob, at: datetime) -> None:
    job.run.finish()
    _end(job, at, "Completed", "Completed")


def _stopped(job: TrainingJob, at: datetime) -> None:
    job.run.finish()
    _end(job, at, "Stopped", job.stops_as)


def _end(job: TrainingJob, at: datetime, status: str, secondary: str) -> None:
    _leave_instances(job, at)
    job.ended = at
    _enter(job, at, status, secondary)
    job.transitions[-1]["EndTime"] = at


def _leave_instances(job: TrainingJob, at: datetime) -> None:
    if job.on_instances_since:
        job.seconds += (at - job.on_instances_since).total_seconds()
    job.on_instances_since = None


def _enter(job: TrainingJob, at: datetime, status: str, secondary: str) -> None:
    if job.transitions:
        job.transitions[-1]["EndTime"] = at
    job.transitions.append({"Status": secondary, "StartTime": at, "StatusMessage": MESSAGES[secondary]})
    job.status, job.secondary, job.changed = status, secondary, at


class TrainingJobs:
    """All training jobs, and what carries them on. Safe to use from many threads.

    `tell` is called after each change of a job's secondary status.
    """

    def __init__(self, clock: Clock, tell: Callable[[TrainingJob], None]) -> None:
        self._clock, self._tell = clock, tell
        self._jobs: dict[str, TrainingJob] = {}
        self._lock = threading.RLock()

    def add(self, arn: str, make: Callable[[], TrainingJob]) -> TrainingJob | None:
        """Take up a new job, unless there is one with this ARN already: then give None."""
        with self._lock:
            if arn in self._jobs:
                return None
            job = self._jobs[arn] = make()
            begin(job)
            self._show(job)
            return job

    def of(self, arn: str) -> TrainingJob | None:
        """The job with this ARN, if there is one."""
        with self._lock:
            return self._jobs.get(arn)

    def all(self) -> list[TrainingJob]:
        """All jobs there ever were."""
        with self._lock:
            return list(self._jobs.values())

    def stop(self, job: TrainingJob, at: datetime) -> None:
        """Stop a job if it is in progress."""
        with self._lock:
            if job.status == "InProgress":
                stop(job, at)
                self._show(job)

    def advance(self) -> None:
        """Carry all jobs on to the present moment."""
        with self._lock:
            for job in list(self._jobs.values()):
                for _ in advance(job, self._clock.now()):
                    self._show(job)

    def _show(self, job: TrainingJob) -> None:
        mirror(job)
        self._tell(job)


def mirror(job: TrainingJob) -> None:
    """Let moto's object show what the job is doing. moto's times name no time zone."""
    job.shown.training_job_status = job.status
    job.shown.secondary_status = job.secondary
    job.shown.creation_time = job.created.replace(tzinfo=None)
    job.shown.last_modified_time = job.changed.replace(tzinfo=None)
