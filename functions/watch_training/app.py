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
from trimtab.aws.model_registry import describe_version, register_version, versions
from trimtab.aws.pipelines import describe_execution, execution_steps
from trimtab.aws.refusals import RefusedError
from trimtab.aws.retrainings import all_retrainings, read_retrainings, read_uri, write_retrainings
from trimtab.aws.state_table import StaleStateError, StateDocument
from trimtab.aws.training_jobs import describe_training_job
from trimtab.aws.version_records import create_record, read_record, record_versions
from trimtab.findings import Finding, Origin
from trimtab.settings import WatchTrainingSettings
from trimtab.training.attempts import AttemptRecord, Retrainings, on_demand
from trimtab.training.evaluation import Evaluation, EvaluationError
from trimtab.training.evidence import ended_finding, gates_finding, registered_finding, unregistered_finding
from trimtab.training.gates import all_passed, judge_gates
from trimtab.training.job_changes import JobChange, filled_in, log_link, newest
from trimtab.training.job_events import NotAJobEventError, changes, pipeline_described, training_job_described
from trimtab.training.lineage import LineageError, TrainingNote, note_uri, parse_note, version_record
from trimtab.training.model_card import CardFacts, ModelCardError, package_card_content
from trimtab.training.model_quality_json import read_evaluation
from trimtab.training.prediction_file import predictions_uri, with_predictions
from trimtab.training.registration import model_package_request
from trimtab.training.settings import RetrainingSettings
from trimtab.training.spot import Saving, after_stop, spot_saving
from trimtab.training.verdicts import GateVerdict
from trimtab.training.version_record import (
    VersionRecord,
    VersionRecordError,
    next_record_place,
    parse_record,
    record_sha256,
)

logger = Logger()
metrics = Metrics()
tracer = Tracer()

IN_FLIGHT = timedelta(minutes=10)
"""A start that was written down so long ago and not called for is called for again."""
MOST_RACES = 5


class AttemptsFailedError(RuntimeError):
    """Some trainings could not be followed; all others were."""


class CannotRegisterError(RuntimeError):
    """No version can come of a training. The message says why."""


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
class Training:
    """A training that has been looked at. `job`: the training job, or a pipeline's last one, as DescribeTrainingJob
    gives it; `registered`: the version that a pipeline registered by itself, "" without."""

    change: JobChange
    job: Mapping[str, Any] | None
    registered: str = ""

    @property
    def job_arn(self) -> str:
        return str(self.job["TrainingJobArn"]) if self.job else self.change.arn


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

    def save(self, **values: Any) -> "Subject":
        """Remember the attempt with other values."""
        return self.put(self.attempt.changed(**values))

    def put(self, attempt: AttemptRecord) -> "Subject":
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
    is_event = "Records" in event or str(event.get("detail-type", "")).startswith("SageMaker ")
    try:
        told = {each.arn: each for each in changes(event) if isinstance(each, JobChange)} if is_event else None
    except NotAJobEventError as error:
        logger.warning("Event is not understood", extra={"problem": str(error)})
        return {"trainings": {}}
    outcomes: dict[str, Any] = {}
    failed: list[str] = []
    for endpoint, memory in all_retrainings(run.settings.state_table_name).items():
        if event.get("endpoint", endpoint) != endpoint or due_attempt(memory, told) is None:
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
    attempt = due_attempt(memory, told)
    if attempt is None:
        return {"state": "followed by another run"}
    settings = load_endpoint_settings(run.settings.name, table, endpoint).settings
    return follow(Subject(endpoint, attempt, memory, document, settings.retraining, run), told or {})


def due_attempt(memory: Retrainings, told: Mapping[str, JobChange] | None) -> AttemptRecord | None:
    """The attempt to look at, of which there is one at a time: any open one by schedule, the one an event is about."""

    def is_due(attempt: AttemptRecord) -> bool:
        if told is None:
            return attempt.is_open or attempt.state == "intended"
        return attempt.is_open and attempt.arn in told

    return next(filter(is_due, memory.attempts), None)


@tracer.capture_method(capture_response=False)
def follow(subject: Subject, told: Mapping[str, JobChange]) -> dict[str, Any]:
    """Bring an attempt as far as it can be brought now; how it stands."""
    attempt, run = subject.attempt, subject.run
    if attempt.state == "intended":
        if attempt.is_on_demand or run.now - attempt.at > IN_FLIGHT:
            resume(subject)
        return {"state": attempt.state}
    try:
        training = look_at(attempt, told)
    except RefusedError as error:
        if error.code.startswith("AccessDenied"):
            raise
        return give_up(subject, f"SageMaker does not know the training any more: {error}")
    if not training.change.is_final:
        return {"state": attempt.state, "status": training.change.status}
    if attempt.ended is None:
        subject = end(subject, training)
    if subject.attempt.is_open:
        subject = register(subject, training)
    return {"state": subject.attempt.state, "status": subject.attempt.status}


def look_at(attempt: AttemptRecord, told: Mapping[str, JobChange]) -> Training:
    """The training as it is now; of what an event and SageMaker's answer say the newer holds. Raises RefusedError."""
    if attempt.kind == "training_job":
        described = describe_training_job(attempt.target)
        return Training(_newest(training_job_described(described), told), described)
    change = _newest(pipeline_described(describe_execution(attempt.arn)), told)
    if not change.is_final:
        return Training(change, None)
    steps = execution_steps(attempt.arn)
    trained = [arn for step in steps if (arn := _made(step, "TrainingJob"))]
    registered = [arn for step in steps if (arn := _made(step, "RegisterModel"))]
    job = describe_training_job(trained[-1].rpartition("/")[2]) if trained else None
    if failed := next((step for step in steps if step.get("StepStatus") == "Failed"), None):
        why = f"step {failed['StepName']}: {failed.get('FailureReason', 'no reason given')}"
        change = replace(change, failure=why)
    return Training(change, job, registered[-1] if registered else "")


def _newest(described: JobChange, told: Mapping[str, JobChange]) -> JobChange:
    known = [described, *([told[described.arn]] if described.arn in told else [])]
    found = newest(known)[described.arn]
    return filled_in(found, described) if isinstance(found, JobChange) else described


def _made(step: Mapping[str, Any], kind: str) -> str:
    return str((step.get("Metadata") or {}).get(kind, {}).get("Arn", ""))


def end(subject: Subject, training: Training) -> Subject:
    """Tell how a training has ended and what it cost, and what follows of that."""
    attempt, run, settings = subject.attempt, subject.run, subject.settings
    change = training.change
    if training.job and attempt.kind == "pipeline":
        job = training_job_described(training.job)
        change = replace(
            change, training_seconds=job.training_seconds, billable_seconds=job.billable_seconds,
            instance_type=job.instance_type, instance_count=job.instance_count,
        )  # fmt: skip
    saving = saving_of(attempt, change)
    was_spot = bool(attempt.request.get("EnableManagedSpotTraining"))
    follows = after_stop(
        change.status, change.secondary, attempt.trigger.severity, was_spot=was_spot, settings=settings.spot
    )
    if follows == "retry_on_demand" and attempt.is_on_demand:
        follows = "alert"
    outcome = {
        "retry_on_demand": "it is tried again on demand",
        "alert": "nothing is registered; somebody has to look",
        "nothing": "it is evaluated",
    }[follows]
    links = {"logs": log_link(run.region, training.job["TrainingJobName"])} if training.job else {}
    run.tell(ended_finding(subject.origin, change, saving, outcome, links, run.now))
    if follows == "retry_on_demand":
        subject = subject.put(on_demand(attempt))
        resume(subject)
        return subject
    return subject.save(
        state="started" if change.has_succeeded else "failed",
        ended=change.ended or run.now,
        status=change.status,
        failure=change.failure,
        training_seconds=change.training_seconds,
        billable_seconds=change.billable_seconds,
        cost_usd=attempt.cost_usd if saving.cost_usd is None else saving.cost_usd,
    )


def saving_of(attempt: AttemptRecord, change: JobChange) -> Saving:
    """What a training cost and what spot saved; in dollars where it ran on what the price is of."""
    is_priced = change.instance_type in {"", attempt.instance_type}
    price = attempt.usd_per_hour if is_priced else None
    instances = change.instance_count or attempt.instances
    return spot_saving(change.training_seconds, change.billable_seconds, instances, price)


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
        return failed(subject, f"no evaluation came to {attempt.evaluation} in {settings.evaluation_hours:g} hours")
    try:
        evaluation = compared(evaluated(text, subject), attempt)
        verdicts = judge_gates(evaluation, settings.gates)
        if not all_passed(verdicts):
            run.tell(gates_finding(subject.origin, training.change.name, verdicts, links, run.now))
            metrics.add_metric("GatesFailed", MetricUnit.Count, 1)
            return subject.save(state="gate_failed")
        record = recorded(subject, training, evaluation, verdicts)
        package = packaged(subject, training, record, evaluation, hashlib.sha256(text).hexdigest())
    except (EvaluationError, LineageError, ModelCardError, CannotRegisterError, RefusedError) as error:
        return failed(subject, str(error))
    approval = str((describe_version(package) or {}).get("ModelApprovalStatus", ""))
    links["record"] = f"s3://{run.bucket}/{record.key}"
    run.tell(
        gates_finding(subject.origin, training.change.name, verdicts, links, run.now),
        registered_finding(subject.origin, package, record, approval, links, run.now),
    )
    metrics.add_metric("VersionsRegistered", MetricUnit.Count, 1)
    return subject.save(state="registered", record=record.version, package=package)


def evaluated(text: bytes, subject: Subject) -> Evaluation:
    """The evaluation in its file, with the scores of the predictions beside it, if any. Raises EvaluationError."""
    evaluation = read_evaluation(text, subject.settings.gates.datasets[-1])
    predictions = read_uri(predictions_uri(subject.attempt.evaluation))
    return evaluation if predictions is None else with_predictions(evaluation, predictions)


def compared(evaluation: Evaluation, attempt: AttemptRecord) -> Evaluation:
    """The evaluation with the champion that it must be compared with: a version that serves is none to be left out."""
    if evaluation.champion is None and attempt.parent:
        return evaluation.model_copy(update={"champion": attempt.parent})
    return evaluation


def recorded(
    subject: Subject, training: Training, evaluation: Evaluation, verdicts: Sequence[GateVerdict]
) -> VersionRecord:
    """The record of the new version: the one that is there already, or a new one at the end of the chain.

    Raises LineageError, CannotRegisterError.
    """
    attempt, settings, bucket = subject.attempt, subject.settings, subject.run.bucket
    group = settings.model_package_group
    if group is None:
        raise CannotRegisterError("every gate is passed, but the settings name no model_package_group")
    text = read_uri(note_uri(attempt.evaluation))
    note = TrainingNote() if text is None else parse_note(text)
    for _ in range(MOST_RACES):
        present = record_versions(bucket, group)
        stored = {version: read_record(bucket, group, version) for version in present[-1:]}
        if own := existing(bucket, group, present, training.job_arn, attempt):
            return own
        version, previous = next_record_place(stored)
        record = version_record(
            attempt,
            training.job,
            note,
            evaluation,
            verdicts,
            group=group,
            version=version,
            previous_sha256=previous,
            parent_version=parent_version(attempt.parent, group, version),
            inference_image=settings.inference_image,
            model_id=training.registered or training.job_arn,
            created=subject.run.now,
        )
        if create_record(bucket, record):
            return record
    raise CannotRegisterError(f"others keep adding records to {group}")


def existing(
    bucket: str, group: str, present: Sequence[int], job_arn: str, attempt: AttemptRecord
) -> VersionRecord | None:
    """The record of this training, when a run that died has made it."""
    for version in reversed(present):
        try:
            record = parse_record(read_record(bucket, group, version))
        except VersionRecordError:
            continue  # `trimtab versions verify` tells of it
        if record.training_job == job_arn:
            return record
        if record.created < attempt.at:
            return None
    return None


def parent_version(package: str, group: str, version: int) -> int | None:
    """The record of the version that serves, None when it has none in this group."""
    described = describe_version(package) if package else None
    told = (described or {}).get("CustomerMetadataProperties", {}).get("record_version", "")
    same = (described or {}).get("ModelPackageGroupName") == group
    return int(told) if same and told.isdecimal() and int(told) < version else None


def packaged(subject: Subject, training: Training, record: VersionRecord, evaluation: Evaluation, digest: str) -> str:
    """ARN of the version in the registry: the pipeline's own, the one that is there already, or a new one.

    Raises RefusedError, ModelCardError.
    """
    if training.registered:
        return training.registered
    settings, attempt = subject.settings, subject.attempt
    sha256 = record_sha256(record)
    for summary in versions(record.group):
        if summary["CreationTime"] < attempt.at - IN_FLIGHT:
            break
        described = describe_version(summary["ModelPackageArn"]) or {}
        if described.get("CustomerMetadataProperties", {}).get("record_sha256") == sha256:
            return str(summary["ModelPackageArn"])
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


def failed(subject: Subject, why: str) -> Subject:
    """Tell that no version comes of a training that has ended well."""
    attempt, run = subject.attempt, subject.run
    links = {"evaluation": attempt.evaluation}
    run.tell(unregistered_finding(subject.origin, attempt.token, why, links, run.now))
    return subject.save(state="failed", failure=why)


def give_up(subject: Subject, why: str) -> dict[str, Any]:
    """Follow a training no longer, and tell so."""
    return {"state": failed(subject, why).attempt.state, "reason": why}
