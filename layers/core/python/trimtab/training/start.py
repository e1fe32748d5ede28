"""What a training is started with. Names come from the fact that caused it, so a start repeated is no second one."""

import hashlib
import re
from collections.abc import Collection, Mapping
from typing import Any

from trimtab.training.settings import TrainingJobSettings
from trimtab.training.spot import CHECKPOINT_PATH, Limits

TOKEN_VARIABLE = "TRIMTAB_START_TOKEN"
"""Environment variable of a training job that says which start it is of."""
_MOST_PARAMETERS, _MOST_VALUE = 200, 1024
_NAME = 63
_PREFIX = 39
"""So many characters of a training job's name are of its endpoint, at most: those before `-<20 digits>-od`."""


class StartError(ValueError):
    """A start that SageMaker would refuse. The message names what is at fault."""


def start_token(target: str, endpoint: str, window_end: str, reason: str) -> str:
    """The token of a start: 64 hexadecimal digits, the same for the same target (pipeline or job), endpoint, window and
    kind of reason. It is also `ClientRequestToken` of StartPipelineExecution."""
    return hashlib.sha256("\x1f".join((target, endpoint, window_end, reason)).encode()).hexdigest()


def training_job_name(endpoint: str, token: str, *, on_demand: bool = False) -> str:
    """The name of the training job of a start; its retry on demand has another one."""
    ending = f"-{token[:20]}" + ("-od" if on_demand else "")
    plain = re.sub(r"-+", "-", re.sub(r"[^a-zA-Z0-9]", "-", endpoint))[: _NAME - len(ending)].strip("-")
    return (plain or "retraining") + ending


def job_name_prefix(endpoint: str) -> str:
    """What the names of all training jobs of an endpoint begin with. Endpoints whose names begin alike may share it."""
    return training_job_name(endpoint, "")[:_PREFIX]


def is_same_start(description: Mapping[str, Any], token: str) -> bool:
    """Whether a training job (as DescribeTrainingJob gives it) is of this start: then `ResourceInUse` is success."""
    environment: Mapping[str, str] = description.get("Environment") or {}
    return environment.get(TOKEN_VARIABLE) == token


def pipeline_parameters(facts: Mapping[str, str], declared: Collection[str] | None) -> list[dict[str, str]]:
    """`PipelineParameters` of those facts that the pipeline declares (SageMaker refuses others); of all when what it
    declares is not known. Raises StartError."""
    told = {name: value for name, value in sorted(facts.items()) if declared is None or name in declared}
    if len(told) > _MOST_PARAMETERS:
        raise StartError(f"{len(told)} pipeline parameters, {_MOST_PARAMETERS} are allowed")
    for name, value in told.items():
        if len(value) > _MOST_VALUE:
            raise StartError(f"pipeline parameter {name} has {len(value)} characters, {_MOST_VALUE} are allowed")
    return [{"Name": name, "Value": value} for name, value in told.items()]


def training_facts(
    *, endpoint: str, window: str, report: str, data_version: str, parent_model: str, reason: str
) -> dict[str, str]:
    """What a training should know of its cause, by the names of the pipeline parameters that carry it."""
    facts = {
        "Endpoint": endpoint,
        "DriftWindow": window,
        "DriftReport": report,
        "TrainingDataVersion": data_version,
        "ParentModel": parent_model,
        "RetrainingReason": reason[:_MOST_VALUE],
    }
    return {name: value for name, value in facts.items() if value}


def training_job_request(
    name: str, token: str, job: TrainingJobSettings, limits: Limits, checkpoints: str | None, facts: Mapping[str, str]
) -> dict[str, Any]:
    """Arguments of CreateTrainingJob. `checkpoints`: where they lie, None where the algorithm writes none. The facts
    reach the algorithm as environment variables `TRIMTAB_<NAME>`."""
    stopping = {"MaxRuntimeInSeconds": limits.max_run}
    if limits.max_wait is not None:
        stopping["MaxWaitTimeInSeconds"] = limits.max_wait
    variables = {f"TRIMTAB_{_snake(fact).upper()}": value[:512] for fact, value in facts.items()}
    request: dict[str, Any] = {
        "TrainingJobName": name,
        "AlgorithmSpecification": {"TrainingImage": job.image, "TrainingInputMode": "File"},
        "RoleArn": job.role,
        "InputDataConfig": [_channel(channel, uri, job.content_type) for channel, uri in job.data.items()],
        "OutputDataConfig": {"S3OutputPath": job.output},
        "ResourceConfig": {
            "InstanceType": job.instance_type,
            "InstanceCount": job.instance_count,
            "VolumeSizeInGB": job.volume_gb,
        },
        "StoppingCondition": stopping,
        "EnableManagedSpotTraining": limits.is_spot,
        "Environment": {**job.environment, **variables, TOKEN_VARIABLE: token},
        "Tags": [{"Key": "trimtab:start", "Value": token}],
    }
    if job.hyperparameters:
        request["HyperParameters"] = dict(job.hyperparameters)
    if checkpoints is not None:
        request["CheckpointConfig"] = {"S3Uri": checkpoints, "LocalPath": CHECKPOINT_PATH}
    return request


def _channel(name: str, uri: str, content_type: str | None) -> dict[str, Any]:
    source = {"S3DataType": "S3Prefix", "S3Uri": uri, "S3DataDistributionType": "FullyReplicated"}
    channel: dict[str, Any] = {"ChannelName": name, "DataSource": {"S3DataSource": source}}
    return channel if content_type is None else {**channel, "ContentType": content_type}


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
