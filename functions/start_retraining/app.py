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

from trimtab.aws.cost_metrics import count_predictions_of_endpoint
from trimtab.aws.embedded_metrics import log_metrics
from trimtab.aws.endpoint_settings import load_endpoint_settings, load_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import region_and_account
from trimtab.aws.model_registry import served_version
from trimtab.aws.pipelines import declared_parameters, executions_in_progress, start_execution
from trimtab.aws.price_lists import PriceLists
from trimtab.aws.refusals import RefusedError
from trimtab.aws.retrainings import read_retrainings, read_uri, write_retrainings
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
from trimtab.training.planned_start import PlannedStart, planned_attempt, situation_of
from trimtab.training.release_progress import RELEASES
from trimtab.training.room import may_get_room
from trimtab.training.settings import RetrainingSettings
from trimtab.training.start import StartError, job_name_prefix, start_token
from trimtab.training.trigger import NotATriggerError, Trigger, trigger_of_finding, trigger_of_request

logger = Logger()
metrics = Metrics()
tracer = Tracer()

DETAIL_TYPES = ("Drift", "Model Quality")
MONTH = timedelta(days=30)


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


class PriceLateError(RuntimeError):
    """Only the price is missing, and may be told the next time: Lambda tries again."""


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
    if memory.intended is None:
        return {"action": StartAction.NOTHING, "reason": "no start is open"}
    return call(memory.intended, memory, document, run)


@tracer.capture_method(capture_response=False)
def consider(trigger: Trigger, run: Run, *, data: DataDocument | None = None, by: str = "") -> dict[str, Any]:
    """Decide whether a fact starts a training, and do what follows. `by`: the person who asks for it or approves."""
    loaded = load_endpoint_settings(run.settings.name, run.table, trigger.endpoint)
    settings = loaded.settings.retraining
    if not settings.target:
        return {"action": StartAction.NOTHING, "reason": "the settings name neither a pipeline nor a training_job"}
    token = start_token(settings.target, trigger.endpoint, trigger.window_end, trigger.kind)
    memory, document = read_retrainings(run.table, trigger.endpoint)
    known = memory.attempt(token) or memory.intended
    if known and known.state == "intended":
        return call(known, memory, document, run)
    if known:
        reason = f"this fact already led to a training, which is {known.state}"
        return {"action": StartAction.NOTHING, "token": token, "reason": reason}
    start = look_at(trigger, settings, memory, data, run)
    decision = decide_start(situation(start, run), token, settings.guards)
    logger.info("Retraining considered", extra={"endpoint": trigger.endpoint, "decision": decision.action})
    if decision.action is StartAction.REFUSE:
        now, _ = read_retrainings(run.table, trigger.endpoint)
        if now.attempt(token):  # another run has started it meanwhile, and what it started is what hinders this one
            return {"action": StartAction.NOTHING, "token": token, "reason": "another run starts it"}
        if start.waits_for_price(decision):
            raise PriceLateError(f"{trigger.endpoint}: {decision.reason}, for the Pricing API is too busy")
        return refuse(start, decision, run)
    if settings.mode != "act" and not by:
        return propose(start, decision, document, run)
    declared = declared_parameters(settings.pipeline) if settings.pipeline else None
    bucket = run.settings.state_bucket_name
    try:
        attempt = planned_attempt(start, decision, bucket=bucket, declared=declared, by=by, now=run.now)
    except StartError as error:
        tell(trigger, decision, f"not started: {error}", settings, run, hindered="failed")
        return {"action": StartAction.REFUSE, "token": token, "reason": str(error)}
    memory = memory.with_attempt(attempt)
    return call(attempt, memory, write_retrainings(run.table, trigger.endpoint, memory, document), run)


def look_at(
    trigger: Trigger, settings: RetrainingSettings, memory: Retrainings, data: DataDocument | None, run: Run
) -> PlannedStart:
    """All that the start of a training rests on."""
    price, price_may_come = training_price(settings.trains_on[0], run)
    return PlannedStart(
        trigger=trigger,
        settings=settings,
        memory=memory,
        data=data or told_data(trigger.endpoint, settings, run),
        parent=served_version(trigger.endpoint),
        usd_per_hour=price,
        price_may_come=price_may_come,
    )


def told_data(endpoint: str, settings: RetrainingSettings, run: Run) -> DataDocument | None:
    """What the data document tells, None when there is none or it cannot be read: then the guard refuses. Raises
    ClientError when S3 fails for now."""
    uri = settings.data or f"s3://{run.settings.state_bucket_name}/retraining/{endpoint}/data.json"
    try:
        text = read_uri(uri)
        return None if text is None else parse_data_document(text)
    except (DataDocumentError, ClientError) as error:
        # throttled (503) or broken: this fact would not be looked at again
        if isinstance(error, ClientError) and error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise
        logger.warning("Data document could not be read", extra={"uri": uri, "problem": str(error)})
        return None


def training_price(instance_type: str, run: Run) -> tuple[float | None, bool]:
    """US dollars for an hour of training on an instance type, None when nobody says; whether that may pass."""
    own = load_settings(f"/{run.settings.name}/prices", run.table, "prices", parse_price_settings).settings
    lists = PriceLists(run.settings.state_bucket_name, run.region, own, run.now)
    product = Product(run.region, "Training", instance_type)
    price = lists.prices_of([product]).get(product)
    if lists.problems:
        logger.warning("Pricing API could not be asked", extra={"problems": lists.problems})
    return None if price is None else price.usd, lists.may_come


def situation(start: PlannedStart, run: Run) -> Situation:
    """All that the guards look at: the start, and what else goes on at its endpoint."""
    endpoint, settings = start.trigger.endpoint, start.settings
    released = read_state(run.table, RELEASES, endpoint).content.get("released")
    if settings.pipeline:
        running = executions_in_progress(settings.pipeline)
    else:
        running = training_jobs_in_progress(job_name_prefix(endpoint))
    predictions = None
    if settings.guards.usd_per_error:
        until = run.now.replace(minute=0, second=0, microsecond=0)
        predictions = count_predictions_of_endpoint(endpoint, until - MONTH, until)
    return situation_of(
        start,
        run.now,
        running=running,
        change=change_in_progress(read_state(run.table, CHANGES, endpoint).content),
        released=datetime.fromisoformat(released) if released else None,
        predictions_per_month=predictions,
    )


def refuse(start: PlannedStart, decision: StartDecision, run: Run) -> dict[str, Any]:
    """Tell why no training starts."""
    trigger = start.trigger
    for verdict in decision.refusals:
        dimensions = {"EndpointName": trigger.endpoint, "Reason": verdict.code}
        log_metrics(metrics.provider.namespace, dimensions, {"RetrainSuppressed": 1}, run.now)
    if trigger.state != "cleared":
        tell(trigger, decision, "nothing was started", start.settings, run)
    return {"action": decision.action, "token": decision.token, "reason": decision.reason}


def propose(start: PlannedStart, decision: StartDecision, document: StateDocument, run: Run) -> dict[str, Any]:
    """Tell that a training would start, and in mode propose remember it until a person approves. `document`: what the
    memory was read from."""
    trigger, mode, known = start.trigger, start.settings.mode, start.memory.proposal
    waits = f'to start it: {{"endpoint": "{trigger.endpoint}", "command": "approve", "by": "…"}}'
    tell(trigger, decision, waits if mode == "propose" else "would be started", start.settings, run)
    if mode == "propose" and (known is None or known.token != decision.token):
        memory = start.memory.with_proposal(Proposal(token=decision.token, at=run.now, trigger=trigger))
        write_retrainings(run.table, trigger.endpoint, memory, document)
    return {"action": mode, "token": decision.token, "reason": decision.reason}


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
        if may_get_room(attempt, error.code, str(error), run.now):
            return wait_for_room(attempt, f"waits, and is tried again: {error}", memory, document, run)
        after = attempt.changed(state="failed", failure=str(error), cost_usd=0.0)
        outcome = f"SageMaker refused: {error}"
    else:
        after = attempt.changed(state="started", arn=arn)
        outcome = f"{'approved by ' + attempt.by + ': ' if attempt.by else ''}{arn}"
        metrics.add_metric("RetrainingsStarted", MetricUnit.Count, 1)
    endpoint = attempt.trigger.endpoint
    tell_start(attempt, outcome, run, "failed" if after.state == "failed" else "")
    write_retrainings(run.table, endpoint, memory.with_attempt(after), document)
    return {"action": StartAction.START, "token": attempt.token, "state": after.state, "outcome": outcome}


def wait_for_room(
    attempt: AttemptRecord, outcome: str, memory: Retrainings, document: StateDocument, run: Run
) -> dict[str, Any]:
    """Leave a start as it is written down, for watch_training has it called again; tell that once."""
    if attempt.waits_since is None:
        tell_start(attempt, outcome, run, "waits")
        write_retrainings(
            run.table, attempt.trigger.endpoint, memory.with_attempt(attempt.changed(waits_since=run.now)), document
        )
    return {"action": StartAction.START, "token": attempt.token, "state": attempt.state, "outcome": outcome}


def tell_start(attempt: AttemptRecord, outcome: str, run: Run, hindered: Literal["", "failed", "waits"]) -> None:
    """Publish how the call of a start went."""
    origin, trigger = run.origin(attempt.trigger), attempt.trigger
    finding = start_finding(origin, trigger, attempt.decision, "act", outcome, run.now, hindered=hindered)
    publish_findings(run.settings.findings_bus_name, [finding])


def tell(
    trigger: Trigger,
    decision: StartDecision,
    outcome: str,
    settings: RetrainingSettings,
    run: Run,
    *,
    hindered: Literal["", "failed", "waits"] = "",
) -> None:
    """Publish what was decided."""
    origin = run.origin(trigger)
    finding = start_finding(origin, trigger, decision, settings.mode, outcome, run.now, hindered=hindered)
    publish_findings(run.settings.findings_bus_name, [finding])
