"""What executions of pipelines are doing: their steps, and how time and training jobs carry them on.

A step begins when all that it needs have succeeded; steps that do not need each other run side by side. When one fails,
those that run go on, no other begins, and the execution fails.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from local.sagemaker.clock import Clock
from local.sagemaker.control_faults import PlantedFaults
from local.sagemaker.errors import RefusedError
from local.sagemaker.execution_state import Execution, Step, Transition
from local.sagemaker.pipeline_definitions import PASSED, member_of, resolved
from local.sagemaker.training_description import described
from local.sagemaker.training_jobs import TrainingJobs

STEPS_FAILED = "Step failure: One or multiple steps failed."


def advance(execution: Execution, faults: PlantedFaults, now: datetime) -> Iterator[Transition]:
    """Carry an execution on to `now`, as far as its training jobs have come. Yields what changed, when it is done."""
    if execution.is_over:
        return
    for step in execution.steps:
        yield from _carried_on(execution, step, now)
    if execution.status == "Executing" and not any(step.status == "Failed" for step in execution.steps):
        for step in execution.steps:
            if not step.status and (ready := _ready_at(execution, step)) is not None:
                step.planted_failure = faults.next_step_failure(step.definition.name)
                yield from _begun(execution, step, ready)
                yield from _carried_on(execution, step, now)
    if not any(step.runs for step in execution.steps):
        yield from _ended(execution)


def _ready_at(execution: Execution, step: Step) -> datetime | None:
    """When a step can begin: as soon as what it needs has succeeded. None when that is not yet so."""
    needed = [other for other in execution.steps if other.definition.name in step.definition.needs]
    if any(other.status != "Succeeded" for other in needed):
        return None
    return max([execution.created, *(other.ended for other in needed if other.ended)])


def _begun(execution: Execution, step: Step, at: datetime) -> Iterator[Transition]:
    step.started = at
    yield _turned(step, "Starting", at)
    try:
        if step.planted_failure is not None:
            raise RefusedError("ClientError", step.planted_failure)
        arguments = resolved(step.definition.arguments, lambda reference: _looked_up(execution, reference))
        _do(execution, step, arguments, at)
    except RefusedError as error:
        yield _failed(step, error.args[0], at)
        return
    yield _turned(step, "Executing", at)


def _do(execution: Execution, step: Step, arguments: Mapping[str, Any], at: datetime) -> None:
    match step.definition.kind:
        case "Training":
            name = f"pipelines-{execution.id}-{step.definition.name}"[:63].rstrip("-")
            try:
                step.job = execution.doing.train({"TrainingJobName": name, **arguments}, at)
            except RefusedError as error:
                reason = f"ClientError: Failed to invoke sagemaker:CreateTrainingJob. Error Details: {error.args[0]}"
                raise RefusedError(error.code, reason) from error
            step.metadata = {"TrainingJob": {"Arn": step.job.arn}}
        case "RegisterModel":
            step.metadata = {"RegisterModel": {"Arn": execution.doing.register(arguments, at)}}
        case "Fail":
            step.metadata = {"Fail": {"ErrorMessage": str(arguments.get("ErrorMessage", ""))}}
            raise RefusedError("ClientError", str(arguments.get("ErrorMessage", "")))


def _looked_up(execution: Execution, reference: str) -> Any:
    kind, *path = reference.split(".")
    if kind == "Parameters":
        return execution.values[path[0]]
    if kind == "Execution":
        facts = {
            "PipelineExecutionId": execution.id,
            "PipelineExecutionArn": execution.arn,
            "PipelineArn": execution.pipeline_arn,
            "PipelineName": execution.pipeline_arn.rpartition("/")[2],
            "StartDateTime": execution.created.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }
        return facts[path[0]]
    name, *rest = path
    step = next(step for step in execution.steps if step.definition.name == name)
    if step.job:
        return member_of(described(step.job), rest)
    return member_of({"ModelPackageArn": step.metadata["RegisterModel"]["Arn"]}, rest)


def _carried_on(execution: Execution, step: Step, now: datetime) -> Iterator[Transition]:
    if not step.runs or step.started is None:
        return
    if step.job:
        if step.job.status == "Completed":
            yield _turned(step, "Succeeded", step.job.changed)
        elif step.job.status == "Failed":
            yield _failed(step, step.job.failure, step.job.changed)
        elif step.job.status == "Stopped" and step.status == "Stopping":
            yield _turned(step, "Stopped", step.job.changed)
        elif step.job.status == "Stopped":
            yield _failed(step, f"ClientError: The training job was stopped: {step.job.secondary}", step.job.changed)
        return
    seconds = execution.step_seconds if step.definition.kind in PASSED else 0.0
    if (due := step.started + timedelta(seconds=seconds)) <= now:
        yield _turned(step, "Succeeded", due)


def _ended(execution: Execution) -> Iterator[Transition]:
    at = max([execution.changed, *(step.ended for step in execution.steps if step.ended)])
    if any(step.status == "Failed" for step in execution.steps):
        execution.failure = STEPS_FAILED
        yield turned(execution, "Failed", at)
    elif execution.status == "Stopping":
        yield turned(execution, "Stopped", at)
    elif all(step.status == "Succeeded" for step in execution.steps):
        yield turned(execution, "Succeeded", at)


def stop(execution: Execution, jobs: TrainingJobs, at: datetime) -> Iterator[Transition]:
    """Stop an execution: its training jobs stop in their time, its other steps at once."""
    yield turned(execution, "Stopping", at)
    for step in execution.steps:
        if step.runs:
            yield _turned(step, "Stopping", at)
            if step.job:
                jobs.stop(step.job, at)
            else:
                yield _turned(step, "Stopped", at)


def turned(execution: Execution, status: str, at: datetime) -> Transition:
    """Give an execution another status."""
    previous, execution.status, execution.changed = execution.status, status, at
    return Transition(at, previous, status)


def _failed(step: Step, reason: str, at: datetime) -> Transition:
    step.failure = reason[:1024]
    return _turned(step, "Failed", at)


def _turned(step: Step, status: str, at: datetime) -> Transition:
    previous, step.status = step.status, status
    if not step.runs:
        step.ended = at
    return Transition(at, previous, status, step)


class Executions:
    """All executions, and what carries them on. Safe to use from many threads.

    `tell` is called with each change of an execution's or a step's status.
    """

    def __init__(
        self,
        clock: Clock,
        faults: PlantedFaults,
        jobs: TrainingJobs,
        tell: Callable[[Execution, Transition], None],
    ) -> None:
        self._clock, self._faults, self._jobs, self._tell = clock, faults, jobs, tell
        self._executions: dict[str, Execution] = {}
        self._tokens: dict[tuple[str, str], str] = {}
        self._lock = threading.RLock()

    def add(self, token: str, make: Callable[[], Execution], pipeline_arn: str) -> Execution:
        """Take up a new execution, or give the one that was started with this token before."""
        with self._lock:
            if arn := self._tokens.get((pipeline_arn, token)):
                return self._executions[arn]
            execution = make()
            self._executions[execution.arn] = execution
            self._tokens[pipeline_arn, token] = execution.arn
            self._tell(execution, turned(execution, "Executing", execution.created))
            return execution

    def of(self, arn: str) -> Execution | None:
        """The execution with this ARN, if there is one."""
        with self._lock:
            return self._executions.get(arn)

    def of_pipeline(self, pipeline_arn: str) -> list[Execution]:
        """All executions of a pipeline, in the order of their start."""
        with self._lock:
            return [one for one in self._executions.values() if one.pipeline_arn == pipeline_arn]

    def stop(self, execution: Execution) -> None:
        """Stop an execution that is under way."""
        with self._lock:
            for transition in stop(execution, self._jobs, self._clock.now()):
                self._tell(execution, transition)

    def advance(self) -> None:
        """Carry all executions and training jobs on to the present moment."""
        with self._lock:
            moved = True
            while moved:
                self._jobs.advance()
                moved = False
                for execution in list(self._executions.values()):
                    for transition in advance(execution, self._faults, self._clock.now()):
                        self._tell(execution, transition)
                        moved = True
