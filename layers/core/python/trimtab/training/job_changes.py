"""States of training jobs, pipelines and model packages as plain values, and which of several told is the newest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import datetime
from typing import Literal

_FINAL = frozenset({"Completed", "Succeeded", "Failed", "Stopped", "CompletedWithFailures"})
_SUCCESSES = frozenset({"Completed", "Succeeded"})
type Kind = Literal["training_job", "pipeline", "pipeline_step"]


@dataclass(frozen=True, slots=True)
class JobChange:
    """A state of a training job, a pipeline execution or one of its steps.

    `arn`: of the job or execution; a step is `<execution>#<step>`. `secondary`: why a training job is in its status,
    such as MaxWaitTimeExceeded. `failure`: what went wrong, "" when nothing or when it was not told. Seconds are those
    of DescribeTrainingJob; None where they were not told. `token`: of the start, where the job carries it.
    """

    kind: Kind
    arn: str
    name: str
    status: str
    at: datetime
    previous: str = ""
    secondary: str = ""
    failure: str = ""
    started: datetime | None = None
    ended: datetime | None = None
    training_seconds: float | None = None
    billable_seconds: float | None = None
    instance_type: str = ""
    instance_count: int = 0
    max_wait_seconds: int | None = None
    is_spot: bool | None = None
    artifact: str = ""
    environment: tuple[tuple[str, str], ...] = ()
    child: str = ""

    @property
    def is_final(self) -> bool:
        """Whether the job will not change any more."""
        return is_final_status(self.status)

    @property
    def has_succeeded(self) -> bool:
        """Whether it did all it should."""
        return self.status in _SUCCESSES


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A state of a version in the model registry. `version` is 0 for a package outside a group."""

    arn: str
    group: str
    version: int
    status: str
    approval: str
    at: datetime
    image: str = ""
    model_data: str = ""

    @property
    def is_final(self) -> bool:
        """Whether the package is made; its approval may still change."""
        return is_final_status(self.status)


type Change = JobChange | PackageChange


def is_final_status(status: str) -> bool:
    """Whether a job, an execution or a package in this status will not leave it."""
    return status in _FINAL


def newest(told: Iterable[Change]) -> dict[str, Change]:
    """The state of each resource, by its ARN: the one told last, and none that came before its end.

    What a job's end says holds against any state before it, whatever the times say, since clocks and orders err.
    """
    found: dict[str, Change] = {}
    for change in told:
        before = found.get(change.arn)
        if before is None or supersedes(change, before):
            found[change.arn] = change
    return found


def supersedes(change: Change, known: Change) -> bool:
    """Whether a state is newer than the one known of the same resource. A duplicate is not."""
    return _rank(change) > _rank(known)


def filled_in(change: JobChange, other: JobChange) -> JobChange:
    """A state with what it leaves out taken from another telling of the same state: the event of a job's end has no
    `BillableTimeInSeconds`, and its time may be a millisecond after that of DescribeTrainingJob, which has it."""
    if (change.arn, change.status) != (other.arn, other.status):
        return change
    left_out = [each.name for each in fields(change) if getattr(change, each.name) == each.default]
    return replace(change, **{name: getattr(other, name) for name in left_out})


def latest(described: JobChange, told: Mapping[str, JobChange]) -> JobChange:
    """What Describe answers of a job, or what was told of it, by ARN, where that is newer; then with what it leaves out
    from the other."""
    other = told.get(described.arn)
    return filled_in(other, described) if other and supersedes(other, described) else described


def log_link(region: str, job_name: str) -> str:
    """The console's page with a training job's log streams."""
    group = "$252Faws$252Fsagemaker$252FTrainingJobs"
    return (
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logsV2:log-groups/log-group/{group}$3FlogStreamNameFilter$3D{job_name}$252F"
    )


def _rank(change: Change) -> tuple[object, ...]:
    """Orders the states of one resource. Ties are broken by what they say, so that the order of arrival never tells."""
    is_over = isinstance(change, JobChange) and change.is_final
    known = sum(bool(getattr(change, each.name)) for each in fields(change))  # of two alike, the fuller one
    return (is_over, change.at, change.is_final, known, repr(change))
