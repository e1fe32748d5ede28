"""What finished training jobs cost, what they would have cost on demand, and what spot saved, month by month.

SageMaker bills the seconds from a job's start on its instances to its end; on spot, `BillableTimeInSeconds` of the
`TrainingTimeInSeconds`, at the price on demand. Volumes and warm pools come on top and are not counted.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import fsum
from typing import Any

from trimtab.training.job_changes import is_final_status
from trimtab.training.spot import spot_saving

VERSION = 1


@dataclass(frozen=True, slots=True)
class FinishedJob:
    """A training job that is over. `instances`: how many by type, empty where they have no price by the hour
    (serverless training, a training plan paid beforehand). Seconds are None where SageMaker did not tell them."""

    name: str
    status: str
    ended: datetime
    is_spot: bool
    instances: Mapping[str, int]
    training_seconds: float | None
    billable_seconds: float | None


def finished_job(description: Mapping[str, Any]) -> FinishedJob:
    """A job that is over, as DescribeTrainingJob gives it. One that never came onto instances took 0 seconds."""
    never_began = None if "TrainingStartTime" in description else 0.0
    return FinishedJob(
        name=description["TrainingJobName"],
        status=description["TrainingJobStatus"],
        ended=ended_at(description),
        is_spot=description.get("EnableManagedSpotTraining", False),
        instances=_instances(description.get("ResourceConfig", {})),
        training_seconds=description.get("TrainingTimeInSeconds", never_began),
        billable_seconds=description.get("BillableTimeInSeconds", never_began),
    )


def is_finished(summary: Mapping[str, Any]) -> bool:
    """Whether a job, as ListTrainingJobs or DescribeTrainingJob shows it, is over."""
    return is_final_status(summary["TrainingJobStatus"])


def ended_at(summary: Mapping[str, Any]) -> datetime:
    """When such a job ended."""
    moment: datetime = summary.get("TrainingEndTime") or summary["LastModifiedTime"]
    return moment.astimezone(UTC)


def job_row(job: FinishedJob) -> dict[str, Any]:
    """A job as it is kept, as plain JSON values; its price is not known yet."""
    return {
        "name": job.name,
        "status": job.status,
        "ended": job.ended.isoformat(),
        "spot": job.is_spot,
        "instances": dict(job.instances),
        "training_seconds": job.training_seconds,
        "billable_seconds": job.billable_seconds,
        "usd_per_hour": None,
        "cost_usd": None,
        "on_demand_usd": None,
        "saved_usd": None,
    }


def priced(row: Mapping[str, Any], usd_per_hour: Mapping[str, float]) -> dict[str, Any]:
    """A row with its cost, by the hourly prices of those instance types that have one. A cost that is known stays; what
    is not known is None, never 0."""
    if row["cost_usd"] is not None:
        return dict(row)
    training, billable, instances = row["training_seconds"], row["billable_seconds"], row["instances"]
    if training == 0 and billable == 0:
        return {**row, "cost_usd": 0.0, "on_demand_usd": 0.0, "saved_usd": 0.0}
    if not instances or not usd_per_hour.keys() >= instances.keys():
        return dict(row)
    usd = fsum(usd_per_hour[name] * count for name, count in instances.items())
    # what is not billed of a job on demand is no saving by spot
    saving = spot_saving(training if row["spot"] else billable, billable, 1, usd)
    if saving.cost_usd is None or saving.saved_usd is None:
        return dict(row)
    return {
        **row,
        "usd_per_hour": usd,
        "cost_usd": saving.cost_usd,
        "on_demand_usd": saving.cost_usd + saving.saved_usd,
        "saved_usd": saving.saved_usd,
    }


def month_document(month: str, rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The jobs that ended in a month, as `2026-11`, in the order of their ends. The total is of those whose cost is
    known; the others are named."""
    within = sorted((dict(row) for row in rows if row["ended"].startswith(month)), key=row_key)
    known = [row for row in within if row["cost_usd"] is not None]
    total: dict[str, Any] = {key: fsum(row[key] for row in known) for key in ("cost_usd", "on_demand_usd", "saved_usd")}
    return {
        "version": VERSION,
        "month": month,
        "total": total | {"unknown": [row["name"] for row in within if row["cost_usd"] is None]},
        "jobs": within,
    }


def row_key(row: Mapping[str, Any]) -> tuple[str, str]:
    """What tells a row from all others: a name can be given again once its job was deleted."""
    return row["ended"], row["name"]


def unpriced_types(rows: Iterable[Mapping[str, Any]]) -> Sequence[str]:
    """The instance types whose prices are wanted."""
    return list(dict.fromkeys(name for row in rows if row["cost_usd"] is None for name in row["instances"]))


def _instances(resources: Mapping[str, Any]) -> dict[str, int]:
    if "TrainingPlanArn" in resources:
        return {}
    if "SelectedInstanceType" in resources:
        return {resources["SelectedInstanceType"]: resources["SelectedInstanceCount"]}
    if resources.get("InstanceType"):
        return {resources["InstanceType"]: resources.get("InstanceCount", 1)}
    counts: dict[str, int] = {}
    for group in resources.get("InstanceGroups", ()):
        counts[group["InstanceType"]] = counts.get(group["InstanceType"], 0) + group["InstanceCount"]
    return counts
