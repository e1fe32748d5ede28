"""watch_training: follow every training that was started to its end, and register what passes the gates.

Told by SageMaker's state changes of training jobs and pipelines, and every 15 minutes by schedule, for events may be
lost; by payload for one endpoint: `{"endpoint": "churn"}`. An event only says what to look at: everything rests on what
SageMaker, the evaluation file and the state table say now, so that a late, repeated or shuffled event does no harm.
"""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from trimtab.aws.again import again_on
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import region_and_account, start_function
from trimtab.aws.model_registry import describe_version, register_version, version_of_record
from trimtab.aws.refusals import RefusedError
from trimtab.aws.retrainings import all_retrainings, read_retrainings, read_uri, write_retrainings
from trimtab.aws.state_table import StaleStateError, StateDocument
from trimtab.aws.training_state import read_training
from trimtab.aws.version_records import BusyChainError, append_record
from trimtab.findings import Finding, Origin
from trimtab.settings import WatchTrainingSettings
from trimtab.training.attempt_end import attempt_end
from trimtab.training.attempts import AttemptRecord, Retrainings
from trimtab.training.evaluation import Evaluation, EvaluationError, compared_with
from trimtab.training.evidence import ended_finding, gates_finding, registered_finding, unregistered_finding
from trimtab.training.gates import all_passed, judge_gates
from trimtab.training.job_changes import JobChange, log_link
from trimtab.training.job_events import NotAJobEventError, told_jobs
from trimtab.training.lineage import LineageError, TrainingNote, note_uri, parse_note, version_record
from trimtab.training.model_card import CardFacts, ModelCardError, package_card_content
from trimtab.training.model_quality_json import read_evaluation
from trimtab.training.prediction_file import predictions_uri, with_predictions
from trimtab.training.registration import model_package_request, parent_record
from trimtab.training.settings import RetrainingSettings
from trimtab.training.training_state import Training
from trimtab.training.verdicts import GateVerdict
from trimtab.training.version_record import VersionRecord, record_sha256

logger = Logger()
metrics = Metrics()
tracer = Tracer()

IN_FLIGHT = timedelta(minutes=10)
"""A start that was written down so long ago and not called for is called for again."""


class AttemptsFailedError(RuntimeError):
    """Some trainings could not be followed; all others were."""


class NoGroupError(RuntimeError):
    """The settings name no group of the model registry, so no version can come of a training."""


@dataclass(frozen=True)
class Run:
    """What is the same for all of one invocation."""

    settings: WatchTrainingSettings
    account: str
    region: str
    now: datetime

    @property
    def bucket(self) -> str:
        return self.settings.state_bucket_name

    def tell(self, *findings: Finding) -> None:
        publish_findings(self.settings.findings_bus_name, findings)


@dataclass(frozen=True)
class Subject:
    """An attempt of an endpoint, and the document that it is remembered in."""

    endpoint: str
    attempt: AttemptRecord
    memory: Retrainings
    document: StateDocument
    settings: RetrainingSettings
    run: Run

    @property
    def origin(self) -> Origin:
        return Origin(self.run.account, self.run.region, self.endpoint, self.attempt.trigger.variant)

    def save(self, attempt: AttemptRecord) -> "Subject":
        """Remember the attempt as it is now."""
        memory = self.memory.with_attempt(attempt)
        document = write_retrainings(self.run.settings.state_table_name, self.endpoint, memory, self.document)
        return replace(self, attempt=attempt, memory=memory, document=document)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    region, account = region_and_account(context.invoked_function_arn)
    run = Run(WatchTrainingSettings.from_environment(os.environ), account, region, datetime.now(UTC))
    try:
        told = told_jobs(event)
    except NotAJobEventError as error:
        logger.warning("Event is not understood", extra={"problem": str(error)})
        return {"trainings": {}}
    outcomes: dict[str, Any] = {}
    failed: list[str] = []
    for endpoint, memory in all_retrainings(run.settings.state_table_name).items():
        if event.get("endpoint", endpoint) != endpoint or memory.due(told) is None:
            continue
        try:
            outcomes[endpoint] = again_on(StaleStateError, partial(follow_endpoint, endpoint, told, run))
        except Exception:
            # one training must not stop the others; the error raised at the end makes Lambda try again
            logger.exception("Training could not be followed", extra={"endpoint": endpoint})
            failed.append(endpoint)
    if failed:
        raise AttemptsFailedError(f"not followed: {', '.join(failed)}; followed: {', '.join(outcomes) or 'none'}")
    return {"trainings": outcomes}


def follow_endpoint(endpoint: str, told: Mapping[str, JobChange] | None, run: Run) -> dict[str, Any]:
    """Follow the attempt that is due, if one still is; how it stands. Raises StaleStateError when another run wins."""
    table = run.settings.state_table_name
    memory, document = read_retrainings(table, endpoint)
    attempt = memory.due(told)
    if attempt is None:
        return {"state": "followed by another run"}
    settings = load_endpoint_settings(run.settings.name, table, endpoint).settings
    return follow(Subject(endpoint, attempt, memory, document, settings.retraining, run), told or {})


@tracer.capture_method(capture_response=False)
def follow(subject: Subject, told: Mapping[str, JobChange]) -> dict[str, Any]:
    """Bring an attempt as far as it can be brought now; how it stands."""
    attempt, run = subject.attempt, subject.run
    if attempt.state == "intended":
        if attempt.is_on_demand or run.now - attempt.at > IN_FLIGHT:
            resume(subject)
        return {"state": attempt.state}
    try:
        training = read_training(attempt, told)
    except RefusedError as error:
        if error.code.startswith("AccessDenied"):
            raise
        given_up = fail(subject, f"SageMaker does not know the training any more: {error}")
        return {"state": given_up.attempt.state, "reason": given_up.attempt.failure}
    if not training.change.is_final:
        return {"state": attempt.state, "status": training.change.status}
    if attempt.ended is None:
        subject = end(subject, training)
    if subject.attempt.is_open:
        subject = register(subject, training)
    return {"state": subject.attempt.state, "status": subject.attempt.status}


def end(subject: Subject, training: Training) -> Subject:
    """Tell how a training has ended and what it cost, remember it, and have it tried again if that follows."""
    run, change = subject.run, training.change
    ended = attempt_end(subject.attempt, change, subject.settings.spot, run.now)
    links = {"logs": log_link(run.region, training.job["TrainingJobName"])} if training.job else {}
    run.tell(ended_finding(subject.origin, change, ended.saving, ended.outcome, links, run.now))
    subject = subject.save(ended.attempt)
    if ended.is_tried_again:
        resume(subject)
    return subject


def resume(subject: Subject) -> None:
    """Have a start called for that is written down."""
    payload = {"endpoint": subject.endpoint, "command": "resume"}
    start_function(subject.run.settings.start_retraining_function_name, payload)


@tracer.capture_method(capture_response=False)
def register(subject: Subject, training: Training) -> Subject:
    """Judge a new model by its evaluation, and register it when it passes every gate."""
    attempt, settings, run = subject.attempt, subject.settings, subject.run
    links = {"evaluation": attempt.evaluation}
    text = read_uri(attempt.evaluation)
    if text is None:
        waited = run.now - (attempt.ended or run.now)
        if waited < timedelta(hours=settings.evaluation_hours):
            return subject
        return fail(subject, f"no evaluation came to {attempt.evaluation} in {settings.evaluation_hours:g} hours")
    try:
        evaluation = evaluated(text, subject)
        verdicts = judge_gates(evaluation, settings.gates)
        if not all_passed(verdicts):
            run.tell(gates_finding(subject.origin, training.change.name, verdicts, links, run.now))
            metrics.add_metric("GatesFailed", MetricUnit.Count, 1)
            return subject.save(attempt.changed(state="gate_failed"))
        record = recorded(subject, training, evaluation, verdicts)
        package = packaged(subject, training, record, evaluation, hashlib.sha256(text).hexdigest())
    except (EvaluationError, LineageError, ModelCardError, NoGroupError, BusyChainError, RefusedError) as error:
        return fail(subject, str(error))
    approval = str((describe_version(package) or {}).get("ModelApprovalStatus", ""))
    links = links | {"record": f"s3://{run.bucket}/{record.key}"}
    run.tell(
        gates_finding(subject.origin, training.change.name, verdicts, links, run.now),
        registered_finding(subject.origin, package, record, approval, links, run.now),
    )
    metrics.add_metric("VersionsRegistered", MetricUnit.Count, 1)
    return subject.save(attempt.changed(state="registered", record=record.version, package=package))


def evaluated(text: bytes, subject: Subject) -> Evaluation:
    """The evaluation in its file, with the scores of the predictions beside it, if any. Raises EvaluationError."""
    evaluation = read_evaluation(text, subject.settings.gates.datasets[-1])
    predictions = read_uri(predictions_uri(subject.attempt.evaluation))
    if predictions is not None:
        evaluation = with_predictions(evaluation, predictions)
    return compared_with(evaluation, subject.attempt.parent)


def recorded(
    subject: Subject, training: Training, evaluation: Evaluation, verdicts: Sequence[GateVerdict]
) -> VersionRecord:
    """The record of the new version: the one that is there already, or a new one at the end of the chain.

    Raises LineageError, NoGroupError, BusyChainError.
    """
    attempt, settings, run = subject.attempt, subject.settings, subject.run
    group = settings.model_package_group
    if group is None:
        raise NoGroupError("every gate is passed, but the settings name no model_package_group")
    text = read_uri(note_uri(attempt.evaluation))
    note = TrainingNote() if text is None else parse_note(text)

    def made(version: int, previous: str | None) -> VersionRecord:
        parent = describe_version(attempt.parent) if attempt.parent else None
        return version_record(
            attempt,
            training.job,
            note,
            evaluation,
            verdicts,
            group=group,
            version=version,
            previous_sha256=previous,
            parent_version=parent_record(parent, group, version),
            inference_image=settings.inference_image,
            model_id=training.registered or training.job_arn,
            created=run.now,
        )

    return append_record(run.bucket, group, training.job_arn, attempt.at, made)


def packaged(subject: Subject, training: Training, record: VersionRecord, evaluation: Evaluation, digest: str) -> str:
    """ARN of the version in the registry: the pipeline's own, the one that is there already, or a new one. `digest`:
    SHA-256 of the evaluation's file.

    Raises RefusedError, ModelCardError.
    """
    settings, attempt = subject.settings, subject.attempt
    if training.registered:
        return training.registered
    if present := version_of_record(record.group, record_sha256(record), attempt.at - IN_FLIGHT):
        return present
    request = model_package_request(
        record,
        record_uri=f"s3://{subject.run.bucket}/{record.key}",
        evaluation_uri=attempt.evaluation,
        evaluation_sha256=digest,
        card=package_card_content(record, CardFacts(problem=evaluation.problem)),
        approval="Approved" if settings.approve_automatically else "PendingManualApproval",
        content_types=(settings.content_type,),
        response_types=(settings.content_type,),
    )
    return register_version(request)


def fail(subject: Subject, why: str) -> Subject:
    """Tell that no version comes of a training, and follow it no longer."""
    attempt, run = subject.attempt, subject.run
    links = {"evaluation": attempt.evaluation}
    run.tell(unregistered_finding(subject.origin, attempt.token, why, links, run.now))
    return subject.save(attempt.changed(state="failed", failure=why))
