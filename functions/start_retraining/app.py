"""start_retraining: when data has drifted or a model got worse, start a training, if every guard lets it start.

Told by findings on the bus (Drift, Model Quality), or by payload: `{"endpoint": "churn", "id": "2026-11", "by": "anna",
"reason": "new labels"}`; `{"endpoint": "churn", "command": "approve", "by": "anna"}` starts what was proposed. A fact
starts one training, however often it is told and wherever a run dies: the start is written down before it is called.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from pydantic import BaseModel, ConfigDict

from trimtab.aws.cost_metrics import count_predictions
from trimtab.aws.embedded_metrics import log_metrics
from trimtab.aws.endpoint_settings import load_endpoint_settings, load_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import region_and_account
from trimtab.aws.model_registry import served_version
from trimtab.aws.pipelines import declared_parameters, executions_in_progress, start_execution
from trimtab.aws.price_lists import PriceLists
from trimtab.aws.refusals import RefusedError
from trimtab.aws.retrainings import read_retrainings, read_uri, write_retrainings
from trimtab.aws.sagemaker_deployments import NotFoundError, describe_deployment
from trimtab.aws.state_table import StateDocument, read_state
from trimtab.aws.training_jobs import start_training_job, training_jobs_in_progress
from trimtab.cost.prices import Product
from trimtab.findings import Origin
from trimtab.rollout.state import CHANGES
from trimtab.settings import StartRetrainingSettings, parse_price_settings
from trimtab.training.attempts import AttemptRecord, Proposal, Retrainings
from trimtab.training.changes import change_in_progress
from trimtab.training.data_document import DataDocument, DataDocumentError, parse_data_document
from trimtab.training.evidence import start_finding
from trimtab.training.guards import Situation, StartAction, StartDecision, decide_start
from trimtab.training.release_progress import RELEASES
from trimtab.training.settings import RetrainingSettings
from trimtab.training.spot import Limits, checkpoint_uri, estimated_cost, training_limits
from trimtab.training.start import (
    StartError,
    pipeline_parameters,
    start_token,
    training_facts,
    training_job_name,
    training_job_request,
)
from trimtab.training.trigger import NotATriggerError, Trigger, trigger_of_finding, trigger_of_request

logger = Logger()
metrics = Metrics()
tracer = Tracer()

DETAIL_TYPES = ("Drift", "Model Quality")
MONTH = timedelta(days=30)
NAME_PREFIX = 39
"""So many characters of a training job's name are of its endpoint, at most."""


class Request(BaseModel):
    """The payload. `id` tells a request from an earlier one; `data`: what the data document would tell. `resume` makes
    the call of a start that was written down."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str
    command: Literal["start", "approve", "resume"] = "start"
    id: str = ""
    by: str = ""
    reason: str = ""
    variant: str = "*"
    severity: Literal["info", "warning", "critical"] = "warning"
    data: DataDocument | None = None


class NothingProposedError(LookupError):
    """There is nothing to approve for this endpoint (any more)."""


@dataclass(frozen=True)
class Run:
    """What is the same for all of one invocation."""

    settings: StartRetrainingSettings
    account: str
    region: str
    now: datetime

    @property
    def table(self) -> str:
        return self.settings.state_table_name

    def origin(self, trigger: Trigger) -> Origin:
        return Origin(self.account, self.region, trigger.endpoint, trigger.variant)


@dataclass(frozen=True)
class Subject:
    """An endpoint whose model may be retrained. `document`: what `memory` was read from. `data`: what is told of new
    labelled rows, None when nothing is. `parent`: the version that serves. `limits`: of the next training."""

    trigger: Trigger
    settings: RetrainingSettings
    memory: Retrainings
    document: StateDocument
    data: DataDocument | None
    parent: str
    limits: Limits
    usd_per_hour: float | None

    @property
    def instance_type(self) -> str:
        job = self.settings.training_job
        return job.instance_type if job else self.settings.instance_type

    @property
    def instances(self) -> int:
        job = self.settings.training_job
        return job.instance_count if job else self.settings.instance_count

    @property
    def cost_usd(self) -> float | None:
        return estimated_cost(self.limits, self.memory.billable_seconds(), self.instances, self.usd_per_hour)


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    region, account = region_and_account(context.invoked_function_arn)
    run = Run(StartRetrainingSettings.from_environment(os.environ), account, region, datetime.now(UTC))
    try:
        if event.get("detail-type") in DETAIL_TYPES:
            return consider(trigger_of_finding(event["detail"]), run)
        request = Request.model_validate(event)
        if request.command == "resume":
            return resume(request.endpoint, run)
        if request.command == "approve":
            return approve(request, run)
        trigger = trigger_of_request(request.model_dump(exclude={"data", "command"}))
        return consider(trigger, run, data=request.data, by=request.by or "nobody named")
    except NotATriggerError as error:
        logger.warning("No reason to retrain", extra={"problem": str(error)})
        return {"action": StartAction.NOTHING, "reason": str(error)}


def approve(request: Request, run: Run) -> dict[str, Any]:
    """Start what was proposed, if the guards still let it. Raises NothingProposedError."""
    memory, _ = read_retrainings(run.table, request.endpoint)
    if memory.proposal is None:
        raise NothingProposedError(f"{request.endpoint}: nothing was proposed")
    if not request.by:
        raise NothingProposedError(f"{request.endpoint}: an approval names by whom it is")
    return consider(memory.proposal.trigger, run, data=request.data, by=request.by)


def resume(endpoint: str, run: Run) -> dict[str, Any]:
    """Make the calls of starts that were written down and may not have been called for."""
    memory, document = read_retrainings(run.table, endpoint)
    intended = next((each for each in memory.attempts if each.state == "intended"), None)
    if intended is None:
        return {"action": StartAction.NOTHING, "reason": "no start is open"}
    return call(intended, memory, document, run)


@tracer.capture_method(capture_response=False)
def consider(trigger: Trigger, run: Run, *, data: DataDocument | None = None, by: str = "") -> dict[str, Any]:
    """Decide whether a fact starts a training, and do what follows. `by`: the person who asks for it or approves."""
    loaded = load_endpoint_settings(run.settings.name, run.table, trigger.endpoint)
    settings = loaded.settings.retraining
    target = settings.pipeline or (settings.training_job and "training_job")
    if not target:
        return {"action": StartAction.NOTHING, "reason": "the settings name neither a pipeline nor a training_job"}
    token = start_token(target, trigger.endpoint, trigger.window_end, trigger.kind)
    memory, document = read_retrainings(run.table, trigger.endpoint)
    known = memory.attempt(token) or next((each for each in memory.attempts if each.state == "intended"), None)
    if known and known.state == "intended":
        return call(known, memory, document, run)
    if known:
        reason = f"this fact already led to a training, which is {known.state}"
        return {"action": StartAction.NOTHING, "token": token, "reason": reason}
    subject = look_at(trigger, settings, memory, document, data, run)
    decision = decide_start(situation_of(subject, run), token, settings.guards)
    logger.info("Retraining considered", extra={"endpoint": trigger.endpoint, "decision": decision.action})
    if decision.action is StartAction.REFUSE:
        now, _ = read_retrainings(run.table, trigger.endpoint)
        if now.attempt(token):  # another run has started it meanwhile, and what it started is what hinders this one
            return {"action": StartAction.NOTHING, "token": token, "reason": "another run starts it"}
        return refuse(subject, decision, run)
    if settings.mode != "act" and not by:
        return propose(subject, decision, run)
    try:
        attempt = planned(subject, decision, target, by, run)
    except StartError as error:
        tell(trigger, decision, f"not started: {error}", settings, run)
        return {"action": StartAction.REFUSE, "token": token, "reason": str(error)}
    memory = memory.with_attempt(attempt)
    return call(attempt, memory, write_retrainings(run.table, trigger.endpoint, memory, document), run)


def look_at(
    trigger: Trigger,
    settings: RetrainingSettings,
    memory: Retrainings,
    document: StateDocument,
    data: DataDocument | None,
    run: Run,
) -> Subject:
    """All that the start of a training rests on."""
    job = settings.training_job
    return Subject(
        trigger=trigger,
        settings=settings,
        memory=memory,
        document=document,
        data=data or told_data(trigger.endpoint, settings, run),
        parent=served_version(trigger.endpoint),
        limits=training_limits(settings.spot, memory.training_seconds()),
        usd_per_hour=training_price(job.instance_type if job else settings.instance_type, run),
    )


def told_data(endpoint: str, settings: RetrainingSettings, run: Run) -> DataDocument | None:
    """What the data document tells, None when there is none or it cannot be read: then the guard refuses."""
    uri = settings.data or f"s3://{run.settings.state_bucket_name}/retraining/{endpoint}/data.json"
    try:
        text = read_uri(uri)
        return None if text is None else parse_data_document(text)
    except (DataDocumentError, ClientError) as error:
        logger.warning("Data document could not be read", extra={"uri": uri, "problem": str(error)})
        return None


def training_price(instance_type: str, run: Run) -> float | None:
    """US dollars for an hour of training on an instance type; None when nobody says."""
    own = load_settings(f"/{run.settings.name}/prices", run.table, "prices", parse_price_settings).settings
    lists = PriceLists(run.settings.state_bucket_name, run.region, own, run.now)
    product = Product(run.region, "Training", instance_type)
    price = lists.prices_of([product]).get(product)
    if lists.problems:
        logger.warning("Pricing API could not be asked", extra={"problems": lists.problems})
    return None if price is None else price.usd


def situation_of(subject: Subject, run: Run) -> Situation:
    """All that the guards look at."""
    trigger, settings, memory, data = subject.trigger, subject.settings, subject.memory, subject.data
    endpoint = trigger.endpoint
    released = read_state(run.table, RELEASES, endpoint).content.get("released")
    releases = [memory.last_release(), datetime.fromisoformat(released) if released else None]
    running = (
        executions_in_progress(settings.pipeline)
        if settings.pipeline
        else training_jobs_in_progress(training_job_name(endpoint, "")[:NAME_PREFIX])
    )
    open_attempts = tuple(f"training {each.target}" for each in memory.attempts if each.is_open)
    change = change_in_progress(read_state(run.table, CHANGES, endpoint).content)
    return Situation(
        trigger=trigger,
        now=run.now,
        new_rows=None if data is None else data.new_rows,
        rows_per_class=None if data is None else data.rows_per_class,
        attempts=memory.for_guards(),
        last_release=max((each for each in releases if each), default=None),
        running=running,
        locks=(*open_attempts, *((change,) if change else ())),
        cost_usd=subject.cost_usd,
        spent_usd=memory.spent_usd(run.now),
        predictions_per_month=predictions(endpoint, run) if settings.guards.usd_per_error else None,
        quality_drop=trigger.quality_drop,
        outcomes=memory.outcomes(),
    )


def predictions(endpoint: str, run: Run) -> float | None:
    """How many predictions an endpoint made in the last 30 days; None when that is not known."""
    until = run.now.replace(minute=0, second=0, microsecond=0)
    try:
        variants = describe_deployment(endpoint).variants
    except NotFoundError:
        return None
    counts = [count_predictions(endpoint, each, until - MONTH, until) for each in variants]
    known = [each for each in counts if each is not None]
    return sum(known) if known else None


def refuse(subject: Subject, decision: StartDecision, run: Run) -> dict[str, Any]:
    """Tell why no training starts."""
    for verdict in decision.refusals:
        dimensions = {"EndpointName": subject.trigger.endpoint, "Reason": verdict.code}
        log_metrics(metrics.provider.namespace, dimensions, {"RetrainSuppressed": 1}, run.now)
    if subject.trigger.state != "cleared":
        tell(subject.trigger, decision, "nothing was started", subject.settings, run)
    return {"action": decision.action, "token": decision.token, "reason": decision.reason}


def propose(subject: Subject, decision: StartDecision, run: Run) -> dict[str, Any]:
    """Tell that a training would start, and in mode propose remember it until a person approves."""
    trigger, mode = subject.trigger, subject.settings.mode
    waits = f'to start it: {{"endpoint": "{trigger.endpoint}", "command": "approve", "by": "…"}}'
    tell(trigger, decision, waits if mode == "propose" else "would be started", subject.settings, run)
    known = subject.memory.proposal
    if mode == "propose" and (known is None or known.token != decision.token):
        memory = subject.memory.with_proposal(Proposal(token=decision.token, at=run.now, trigger=trigger))
        write_retrainings(run.table, trigger.endpoint, memory, subject.document)
    return {"action": mode, "token": decision.token, "reason": decision.reason}


def planned(subject: Subject, decision: StartDecision, target: str, by: str, run: Run) -> AttemptRecord:
    """The start as it is written down, with the call to be made. Raises StartError."""
    trigger, settings, bucket = subject.trigger, subject.settings, run.settings.state_bucket_name
    token, version = decision.token, subject.data.data_version if subject.data else ""
    root = settings.evaluations or f"s3://{bucket}/evaluations/{trigger.endpoint}"
    evaluation = f"{root.rstrip('/')}/{token[:20]}.json"
    facts = training_facts(
        endpoint=trigger.endpoint,
        window=trigger.window_end,
        report=trigger.report,
        data_version=version,
        parent_model=subject.parent,
        reason=f"{trigger.kind}: {trigger.reason}",
    ) | {"Evaluation": evaluation}
    job = settings.training_job
    request: dict[str, Any]
    if job:
        lineage = settings.model_package_group or trigger.endpoint
        checkpoints = checkpoint_uri(bucket, lineage, version or token) if settings.spot.checkpoints else None
        name = training_job_name(trigger.endpoint, token)
        request = training_job_request(name, token, job, subject.limits, checkpoints, facts)
    else:
        request = {
            "PipelineName": target,
            "PipelineExecutionDisplayName": f"trimtab-{token[:20]}",
            "PipelineParameters": pipeline_parameters(facts, declared_parameters(target)),
            "ClientRequestToken": token,
        }
    return AttemptRecord(
        token=token,
        at=run.now,
        state="intended",
        kind="training_job" if job else "pipeline",
        target=request["TrainingJobName"] if job else target,
        request=request,
        trigger=trigger,
        reason=decision.reason,
        verdicts=decision.verdicts,
        by=by,
        instance_type=subject.instance_type,
        instances=subject.instances,
        usd_per_hour=subject.usd_per_hour,
        cost_usd=subject.cost_usd,
        data_version=version,
        parent=subject.parent,
        evaluation=evaluation,
    )


@tracer.capture_method(capture_response=False)
def call(attempt: AttemptRecord, memory: Retrainings, document: StateDocument, run: Run) -> dict[str, Any]:
    """Make the call of a start that is written down. Made again, it finds what the first one started."""
    try:
        arn = (
            start_training_job(attempt.request, attempt.token)
            if attempt.kind == "training_job"
            else start_execution(attempt.request, attempt.at - timedelta(minutes=5))
        )
    except RefusedError as error:
        logger.warning("SageMaker refused to start", extra={"endpoint": attempt.trigger.endpoint})
        after = attempt.changed(state="failed", failure=str(error), cost_usd=0.0)
        outcome = f"SageMaker refused: {error}"
    else:
        after = attempt.changed(state="started", arn=arn)
        outcome = f"{'approved by ' + attempt.by + ': ' if attempt.by else ''}{arn}"
        metrics.add_metric("RetrainingsStarted", MetricUnit.Count, 1)
    endpoint = attempt.trigger.endpoint
    finding = start_finding(run.origin(attempt.trigger), attempt.trigger, attempt.decision, "act", outcome, run.now)
    publish_findings(run.settings.findings_bus_name, [finding])
    write_retrainings(run.table, endpoint, memory.with_attempt(after), document)
    return {"action": StartAction.START, "token": attempt.token, "state": after.state, "outcome": outcome}


def tell(trigger: Trigger, decision: StartDecision, outcome: str, settings: RetrainingSettings, run: Run) -> None:
    """Publish what was decided."""
    finding = start_finding(run.origin(trigger), trigger, decision, settings.mode, outcome, run.now)
    publish_findings(run.settings.findings_bus_name, [finding])
