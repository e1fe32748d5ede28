"""Pipelines on Amazon SageMaker. An execution carries the start it is of in its display name, for no list tells its
token."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from trimtab.aws.clients import sagemaker
from trimtab.aws.refusals import RefusedError, translated

_BUSY = frozenset({"Executing", "Stopping"})
_LOOKED_AT = 100
"""So many of the newest executions are looked at for one in progress."""


def start_execution(request: Mapping[str, Any], since: datetime) -> str:
    """Start a pipeline; the ARN of the execution. One of the same display name since that moment is taken for it.

    Raises RefusedError.
    """
    try:
        for summary in _executions(request["PipelineName"], since):
            if summary.get("PipelineExecutionDisplayName") == request["PipelineExecutionDisplayName"]:
                return str(summary["PipelineExecutionArn"])
        return str(sagemaker().start_pipeline_execution(**request)["PipelineExecutionArn"])
    except ClientError as error:
        raise translated(error) from error


def executions_in_progress(pipeline: str) -> tuple[str, ...] | None:
    """ARNs of the executions in progress. None: they may not be listed, or there is no such pipeline."""
    try:
        answer = sagemaker().list_pipeline_executions(
            PipelineName=pipeline, SortBy="CreationTime", SortOrder="Descending", MaxResults=_LOOKED_AT
        )
    except ClientError as error:
        if isinstance(translated(error), RefusedError):
            return None
        raise
    summaries = answer["PipelineExecutionSummaries"]
    return tuple(each["PipelineExecutionArn"] for each in summaries if each.get("PipelineExecutionStatus") in _BUSY)


def declared_parameters(pipeline: str) -> frozenset[str] | None:
    """Names of the parameters that a pipeline declares; None when that cannot be told."""
    try:
        definition = json.loads(sagemaker().describe_pipeline(PipelineName=pipeline)["PipelineDefinition"])
        return frozenset(str(each["Name"]) for each in definition.get("Parameters", []))
    except ClientError as error:
        if isinstance(translated(error), RefusedError):
            return None
        raise
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def describe_execution(arn: str) -> dict[str, Any]:
    """An execution as DescribePipelineExecution gives it. Raises RefusedError when there is none."""
    try:
        return dict(sagemaker().describe_pipeline_execution(PipelineExecutionArn=arn))
    except ClientError as error:
        raise translated(error) from error


def execution_steps(arn: str) -> list[dict[str, Any]]:
    """The steps of an execution as ListPipelineExecutionSteps gives them, in the order in which they began."""
    pages = sagemaker().get_paginator("list_pipeline_execution_steps")
    listed = pages.paginate(PipelineExecutionArn=arn, SortOrder="Ascending")
    return [dict(step) for page in listed for step in page["PipelineExecutionSteps"]]


def _executions(pipeline: str, since: datetime) -> Iterator[Mapping[str, Any]]:
    pages = sagemaker().get_paginator("list_pipeline_executions")
    for page in pages.paginate(PipelineName=pipeline, CreatedAfter=since, SortOrder="Descending"):
        yield from page["PipelineExecutionSummaries"]
