"""A model version's record as a run of an experiment tracker, MLflow or Weights & Biases, through their own clients.

Both come with the extra `tracking`. Logging a record again finds its run by the record's hash: there is one run a
record.
"""

from dataclasses import dataclass
from typing import Any

from trimtab.cli.options import InputError
from trimtab.training.version_record import VersionRecord, timestamp

RECORD_TAG = "trimtab.record_sha256"
_LONGEST_PARAMETER = 6000
"""MLflow's limit for the value of a parameter."""


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a version. `sha256`: the record's, which tells its run from all others."""

    name: str
    sha256: str
    parameters: dict[str, str]
    metrics: dict[str, float]
    tags: dict[str, str]


def run_of(record: VersionRecord, sha256: str) -> TrackedRun:
    """A record as trackers know it: hyperparameters as parameters, what it was made of as tags."""
    told = {
        RECORD_TAG: sha256,
        "trimtab.group": record.group,
        "trimtab.version": f"{record.version}",
        "trimtab.parent_version": f"{record.parent_version or ''}",
        "trimtab.model_id": record.model_id,
        "trimtab.model_data": record.model_data,
        "trimtab.training_data_version": record.training_data_version,
        "trimtab.training_job": record.training_job,
        "trimtab.code_commit": record.code_commit,
        "trimtab.repository": record.repository,
        "trimtab.image": record.environment.image,
        "trimtab.requirements_sha256": record.environment.requirements_sha256 or "",
        "trimtab.drift_report": record.drift_report,
        "trimtab.gates_passed": f"{record.gates_passed}".lower(),
        "trimtab.created": timestamp(record.created),
    }
    return TrackedRun(
        name=f"{record.group}-{record.version}",
        sha256=sha256,
        parameters={name: value[:_LONGEST_PARAMETER] for name, value in record.hyperparameters.items()},
        metrics=dict(record.metrics),
        tags={name: value for name, value in told.items() if value},
    )


def log_to_mlflow(run: TrackedRun, tracking_uri: str, experiment: str) -> str:
    """Log a run to a tracking server (a URI, or the ARN of a SageMaker MLflow server or app); its id. A run that was
    begun and not finished is completed. Raises InputError."""
    try:
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.exceptions import MlflowException
    except ImportError as error:
        raise InputError(_missing("mlflow", error)) from error
    try:
        client = MlflowClient(tracking_uri=tracking_uri)
        known = client.get_experiment_by_name(experiment)
        number = known.experiment_id if known else client.create_experiment(experiment)
        found = client.search_runs([number], filter_string=f"tags.`{RECORD_TAG}` = '{run.sha256}'", max_results=1)
        logged = found[0] if found else client.create_run(number, tags={RECORD_TAG: run.sha256}, run_name=run.name)
        if logged.info.status != "FINISHED":
            client.log_batch(
                logged.info.run_id,
                metrics=[Metric(name, value, logged.info.start_time, 0) for name, value in run.metrics.items()],
                params=[Param(name, value) for name, value in run.parameters.items()],
                tags=[RunTag(name, value) for name, value in run.tags.items()],
            )
            client.set_terminated(logged.info.run_id)
    except MlflowException as error:
        raise InputError(f"MLflow at {tracking_uri}: {error}") from error
    return str(logged.info.run_id)


def log_to_wandb(run: TrackedRun, project: str, entity: str | None) -> str:
    """Log a run to Weights & Biases, as its own settings say (WANDB_API_KEY, WANDB_MODE=offline, …); its id. Raises
    InputError."""
    try:
        import wandb
    except ImportError as error:
        raise InputError(_missing("wandb", error)) from error
    config: dict[str, Any] = {**run.parameters, **run.tags}
    try:
        logged = wandb.init(
            project=project, entity=entity, id=run.sha256[:32], name=run.name, config=config, resume="allow"
        )
        logged.summary.update(run.metrics)
        logged.finish()
    except wandb.Error as error:
        raise InputError(f"Weights & Biases, project {project}: {error}") from error
    return str(logged.id)


def _missing(package: str, error: ImportError) -> str:
    return f"{package} is not installed ({error}): pip install 'trimtab[tracking]'"
