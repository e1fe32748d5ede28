"""Pipeline operations. moto's executions have succeeded as soon as they are started, once for each call."""

import random
import string
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.sagemaker.errors import RefusedError, invalid
from local.sagemaker.execution_state import Execution, Step
from local.sagemaker.listing import is_between, listed
from local.sagemaker.packages import register_model_package
from local.sagemaker.pipeline_definitions import parameter_values, parsed_definition
from local.sagemaker.service import Operation, Parameters, Service
from local.sagemaker.training import begin_training
from local.sagemaker.training_jobs import TrainingJob

TOKEN_LENGTHS = range(32, 129)


@dataclass(frozen=True, slots=True)
class ServiceDoing:
    """Steps do what they say in a service, as root: the local cloud does not ask the pipeline's role."""

    service: Service

    def train(self, request: Mapping[str, Any], at: datetime) -> TrainingJob:
        """See execution_state.Doing."""
        return begin_training(self.service, request, at)

    def register(self, request: Mapping[str, Any], at: datetime) -> str:
        """See execution_state.Doing."""
        return register_model_package(self.service, request, at)


def create_pipeline(service: Service, parameters: Parameters) -> None:
    """moto takes any text for a definition."""
    name = parameters["PipelineName"]
    if name in service.backend.pipelines:
        raise invalid(
            "Pipeline names must be unique within an AWS account and region. "
            f"Pipeline with name ({name}) already exists."
        )
    _require_valid_definition(parameters)


def update_pipeline(service: Service, parameters: Parameters) -> None:
    """See create_pipeline."""
    _pipeline(service, parameters["PipelineName"])
    _require_valid_definition(parameters)


def describe_pipeline(service: Service, parameters: Parameters) -> None:
    """moto takes no ARN for a name, and its error is another."""
    parameters["PipelineName"] = _pipeline(service, parameters["PipelineName"]).pipeline_name


def start_pipeline_execution(service: Service, parameters: Parameters) -> dict[str, Any]:
    """Start an execution, or give the one that was started with this token. Raises RefusedError."""
    pipeline = _pipeline(service, parameters["PipelineName"])
    token = parameters.get("ClientRequestToken", "")
    if len(token) not in TOKEN_LENGTHS:
        raise invalid(f"ClientRequestToken must have 32 to 128 characters, not {len(token)}")
    given = parameters.get("PipelineParameters", [])

    def started() -> Execution:
        definition = parsed_definition(pipeline.pipeline_definition)
        values = parameter_values(definition, given)
        random_id = "".join(random.choices(string.ascii_lowercase + string.digits, k=12))
        now = service.clock.now()
        pipeline.last_execution_time = now.replace(tzinfo=None)
        return Execution(
            arn=f"{pipeline.arn}/execution/{random_id}",
            pipeline_arn=pipeline.arn,
            given=given,
            values=values,
            steps=[Step(step) for step in definition.steps],
            doing=ServiceDoing(service),
            created=now,
            step_seconds=service.faults.present.pipeline_step_seconds,
            display_name=parameters.get("PipelineExecutionDisplayName", f"execution-{now.timestamp() * 1000:.0f}"),
            description=parameters.get("PipelineExecutionDescription", ""),
            parallelism=parameters.get("ParallelismConfiguration") or pipeline.parallelism_configuration or {},
            definition=pipeline.pipeline_definition,
        )

    return {"PipelineExecutionArn": service.pipelines.add(token, started, pipeline.arn).arn}


def describe_pipeline_execution(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto's are all over."""
    execution = _execution(service, parameters)
    answer = {
        "PipelineArn": execution.pipeline_arn,
        "PipelineExecutionArn": execution.arn,
        "PipelineExecutionDisplayName": execution.display_name,
        "PipelineExecutionStatus": execution.status,
        "PipelineExecutionDescription": execution.description,
        "FailureReason": execution.failure,
        "ParallelismConfiguration": dict(execution.parallelism),
        "CreationTime": execution.created,
        "LastModifiedTime": execution.changed,
    }
    return {member: value for member, value in answer.items() if value not in ("", {})}


def list_pipeline_executions(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto knows no order and no pages."""
    pipeline = _pipeline(service, parameters["PipelineName"])
    executions = [
        execution
        for execution in service.pipelines.of_pipeline(pipeline.arn)
        if is_between(execution.created, parameters, "CreatedAfter", "CreatedBefore")
    ]
    numbered = {execution.arn: number for number, execution in enumerate(executions)}
    page, more = listed(executions, parameters, lambda one: (one.created, numbered[one.arn]), "Descending")
    return {"PipelineExecutionSummaries": [_summary(execution) for execution in page], **more}


def list_pipeline_execution_steps(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto has no such operation. Steps that have not begun are not listed."""
    execution = _execution(service, parameters)
    begun = [step for step in execution.steps if step.status]
    page, more = listed(begun, parameters, lambda step: step.started)
    return {"PipelineExecutionSteps": [_described_step(step) for step in page], **more}


def list_pipeline_parameters_for_execution(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto knows the executions not."""
    return {"PipelineParameters": _execution(service, parameters).given}


def describe_pipeline_definition_for_execution(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto knows the executions not."""
    execution = _execution(service, parameters)
    return {"PipelineDefinition": execution.definition, "CreationTime": execution.created}


def stop_pipeline_execution(service: Service, parameters: Parameters) -> dict[str, Any]:
    """moto has no such operation."""
    execution = _execution(service, parameters)
    if execution.is_over:
        raise invalid(f"Pipeline execution {execution.arn} is in status {execution.status} and can't be stopped.")
    if execution.status != "Stopping":
        service.pipelines.stop(execution)
    return {"PipelineExecutionArn": execution.arn}


def _pipeline(service: Service, name: str) -> Any:
    """moto's pipeline of that name or ARN."""
    pipeline = service.backend.pipelines.get(name.rpartition("/")[2])
    if pipeline is None:
        arn = name if name.startswith("arn:") else service.arn("pipeline", name)
        raise RefusedError("ResourceNotFound", f"Pipeline '{arn}' does not exist.")
    return pipeline


def _execution(service: Service, parameters: Parameters) -> Execution:
    arn = parameters["PipelineExecutionArn"]
    execution = service.pipelines.of(arn)
    if execution is None:
        raise RefusedError("ResourceNotFound", f"Pipeline execution '{arn}' does not exist.")
    return execution


def _require_valid_definition(parameters: Parameters) -> None:
    if text := parameters.get("PipelineDefinition"):
        parsed_definition(text)
    if "PipelineDefinitionS3Location" in parameters:
        raise invalid("The local cloud takes definitions as PipelineDefinition only")


def _summary(execution: Execution) -> dict[str, Any]:
    summary = {
        "PipelineExecutionArn": execution.arn,
        "StartTime": execution.created,
        "PipelineExecutionStatus": execution.status,
        "PipelineExecutionDescription": execution.description,
        "PipelineExecutionDisplayName": execution.display_name,
        "PipelineExecutionFailureReason": execution.failure,
    }
    return {member: value for member, value in summary.items() if value != ""}


def _described_step(step: Step) -> dict[str, Any]:
    told = {
        "StepName": step.definition.name,
        "StepDisplayName": step.definition.display_name,
        "StepDescription": step.definition.description,
        "StartTime": step.started,
        "EndTime": step.ended,
        "StepStatus": step.status,
        "FailureReason": step.failure,
        "Metadata": step.metadata,
        "AttemptCount": 1,
    }
    return {member: value for member, value in told.items() if value not in (None, "", {})}


OPERATIONS: dict[str, Operation] = {
    "CreatePipeline": create_pipeline,
    "DescribePipeline": describe_pipeline,
    "DescribePipelineDefinitionForExecution": describe_pipeline_definition_for_execution,
    "DescribePipelineExecution": describe_pipeline_execution,
    "ListPipelineExecutionSteps": list_pipeline_execution_steps,
    "ListPipelineExecutions": list_pipeline_executions,
    "ListPipelineParametersForExecution": list_pipeline_parameters_for_execution,
    "StartPipelineExecution": start_pipeline_execution,
    "StopPipelineExecution": stop_pipeline_execution,
    "UpdatePipeline": update_pipeline,
}
