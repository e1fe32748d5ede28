"""roll_back_endpoint: on a CloudWatch alarm about an endpoint, put back the configuration that was last known good.

Also on SageMaker's endpoint events and every 15 minutes, to see which configurations serve and are good (and alarms
whose event was lost); every minute, to carry on what was begun; and by payload, when a person approves what was
proposed: `{"endpoint": "churn", "command": "approve", "by": "anna"}`. Every run starts from what is stored and from
what the endpoint shows, so that a lost, late or repeated event does no harm. `at`, a past moment, stands for now in
replays.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, model_validator

from trimtab.aws import alarms, sagemaker, sagemaker_deployments
from trimtab.aws.endpoint_health import others_health, read_health
from trimtab.aws.lambda_functions import region_and_account, start_function
from trimtab.aws.restorations import (
    PROPOSALS,
    Run,
    Subject,
    finish,
    given_up,
    propose,
    put,
    read_subject,
    restorations_begun,
    save,
    tell_late,
    update,
)
from trimtab.aws.sagemaker_deployments import NotFoundError
from trimtab.aws.state_table import StaleStateError, StateDocument, read_state
from trimtab.rollout import restoration_change as change
from trimtab.rollout.alarm_event import (
    AlarmChange,
    AlarmMetric,
    UnrelatedError,
    alarm_changes,
    alarm_described,
    is_alarm_event,
    latency_limit,
)
from trimtab.rollout.good_configs import alarmed, proven_good
from trimtab.rollout.observed import IN_SERVICE, EndpointState
from trimtab.rollout.restoration import Answer, Decided, Health, decide, environment_sickness, together
from trimtab.rollout.restoration_change import Order, Restoration, restoration_of
from trimtab.rollout.restoration_evidence import decision_finding
from trimtab.rollout.state import CHANGES
from trimtab.settings import RollBackEndpointSettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

BEFORE_ALARM = timedelta(minutes=15)
"""Health is that of so many minutes before an alarm, and since."""
DAY = timedelta(days=1)
MOST_RACES = 4
"""So often a run that another one has overtaken looks anew before it fails, for Lambda to repeat it minutes later."""


class Request(BaseModel):
    """The payload, or what is of use in an event. The 15 minutes' own event has none of it: every endpoint."""

    endpoint: str | None = None
    command: Literal["approve", "follow"] | None = None
    by: str = ""
    at: AwareDatetime | None = None
    detail: Any = None

    @property
    def named(self) -> str | None:
        """The endpoint that the payload, or SageMaker's event, is about."""
        return self.endpoint or (self.detail.get("EndpointName") if isinstance(self.detail, Mapping) else None)

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.command == "approve" and not (self.endpoint and self.by):
            raise ValueError("an approval names its endpoint and by whom it is")
        if self.at and self.at > datetime.now(UTC):
            raise ValueError("at must not be in the future")
        return self


class NothingProposedError(LookupError):
    """There is nothing to approve for this endpoint (any more)."""


class EndpointsFailedError(RuntimeError):
    """Something could not be done for some endpoints; for all others it was."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    region, account = region_and_account(context.invoked_function_arn)
    run = Run(RollBackEndpointSettings.from_environment(os.environ), account, region, now=datetime.now(UTC))
    if is_alarm_event(event):
        try:
            told = alarms.by_endpoint(alarm_changes(event))
        except UnrelatedError as error:
            # a topic that others publish to as well, or a rule of somebody's own: trying it again would help nobody
            logger.warning("Event is no alarm's change of state", extra={"reason": str(error)})
            metrics.add_metric("EventsUnrelated", MetricUnit.Count, 1)
            return {"endpoints": {}}
        return for_each(told, lambda name: answer(name, told[name], run, is_told=True))
    request = Request.model_validate(event)
    run = replace(run, now=request.at or run.now)
    if request.command == "approve" and request.endpoint:
        return {"endpoints": {request.endpoint: approve(request.endpoint, request.by, run)}}
    begun = restorations_begun(run)
    if request.command == "follow":
        return for_each(begun, lambda name: follow(name, run))
    raised = alarms.by_endpoint(map(alarm_described, alarms.alarms_in_alarm()))
    names = dict.fromkeys([*begun, *([request.named] if request.named else sagemaker.endpoint_names())])
    return for_each(
        names, lambda name: follow(name, run) if name in begun else look_at(name, raised.get(name, []), run)
    )


def for_each(names: Iterable[str], do: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    """Do something for each endpoint; the outcomes by endpoint. One that fails does not stop the others."""
    outcomes: dict[str, Any] = {}
    failed: list[str] = []
    for name in names:
        try:
            outcomes[name] = retried(do, name)
        except Exception:
            # the error raised at the end makes Lambda try again
            logger.exception("Endpoint failed", extra={"endpoint": name})
            failed.append(name)
    metrics.add_metric("EndpointsLookedAt", MetricUnit.Count, len(outcomes))
    if failed:
        raise EndpointsFailedError(f"failed: {', '.join(failed)}; done: {', '.join(outcomes) or 'none'}")
    return {"endpoints": outcomes}


def retried(do: Callable[[str], Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    """Do something for an endpoint, anew while other runs are faster: SageMaker tells several things at once."""
    for _ in range(MOST_RACES):
        try:
            return do(name)
        except StaleStateError:
            logger.info("Another run is at it", extra={"endpoint": name})
    return do(name)


@tracer.capture_method(capture_response=False)
def look_at(name: str, raised: list[AlarmChange], run: Run) -> dict[str, Any]:
    """See whether an endpoint's configuration is good; answer alarms whose event was lost."""
    if raised:
        return answer(name, raised, run, is_told=False)
    subject = read_subject(name, run)
    if subject is None or subject.changing or not subject.history.present or subject.endpoint.status != IN_SERVICE:
        return {"good": False, "reason": "it is not in service, or is being changed"}
    whole = together(name, variants_health(subject, max(subject.history.present.since, run.now - DAY), run))
    rollback = subject.settings.rollback
    history, why_not = proven_good(
        subject.history, requests=whole.requests, errors=whole.errors, settings=rollback, now=run.now
    )
    save(subject, history, run)
    return {"config": subject.endpoint.config, "good": not why_not, "reason": why_not}


@tracer.capture_method(capture_response=False)
def answer(name: str, told: list[AlarmChange], run: Run, *, is_told: bool) -> dict[str, Any]:
    """Decide on the alarms of an endpoint and act on that. `is_told`: they came by themselves, so that people are told
    why nothing is done."""
    subject = read_subject(name, run)
    if subject is None:
        return {"answer": Answer.LEAVE, "reason": "there is no such endpoint, or it opts out"}
    if subject.changing == "rollout":
        start_function(run.settings.judge_canary_function_name, {"endpoint": name})
    elif not subject.changing and subject.endpoint.status == IN_SERVICE:
        moment = max(alarm.since for alarm in told) if is_told else run.now
        subject = save(subject, alarmed(subject.history, moment), run)
    considered = [consider(subject, alarm, subject.changing, run) for alarm in told]
    # an alarm that must be acted on goes before one that need not
    alarm, decided, health = min(considered, key=lambda each: list(Answer).index(each[1].answer))
    logger.info("Alarm answered", extra={"endpoint": name, "alarm": alarm.name, "rule": decided.rule})
    metrics.add_metric(f"Alarms{decided.answer.title()}", MetricUnit.Count, 1)
    mode = subject.settings.rollback.mode
    if decided.answer is Answer.WAIT or (decided.answer is Answer.RESTORE and mode == "act"):
        phase = change.WAITING if decided.answer is Answer.WAIT else change.RESTORING
        return begin(subject, planned(subject, alarm, decided, phase, "Trimtab", run), run)
    if decided.answer is Answer.RESTORE and mode == "propose":
        propose(planned(subject, alarm, decided, change.RESTORING, "", run), run)
    if decided.answer is Answer.RESTORE or (decided.answer is Answer.REFUSE and is_told):
        run.tell(decision_finding(run.origin(name), alarm, decided, mode, subject.history, health, run.now))
    return {"answer": decided.answer, "rule": decided.rule, "reason": decided.reason}


def consider(
    subject: Subject, alarm: AlarmChange, changing: str, run: Run
) -> tuple[AlarmChange, Decided, list[Health]]:
    """The alarm as it is now, what is decided on it, and the health that was looked at for that."""
    described = alarms.describe_alarms([alarm.name]).get(alarm.name, {})
    if described and (now := alarm_described(described)).since >= alarm.since:
        alarm = now
    rollback = subject.settings.rollback

    def decided(good: str, sickness: str) -> Decided:
        return decide(
            alarm,
            status=subject.endpoint.status,
            history=subject.history,
            good=good,
            changing=changing,
            sickness=sickness,
            settings=rollback,
            now=run.now,
        )

    if decided("any", "").answer is not Answer.RESTORE:
        return alarm, decided("", ""), []
    good = next((each.config for each in subject.history.good_before() if has_config(each.config)), "")
    metric, limit = latency_limit(described) or (None, None)
    start = alarm.since - BEFORE_ALARM
    variants = variants_health(subject, start, run, metric)
    others = others_health(subject.name, subject.settings.rollout.error_metric, start, run.now)
    return alarm, decided(good, environment_sickness(variants, others, rollback, limit)), [*variants, *others]


def has_config(name: str) -> bool:
    """Whether an endpoint config is still there."""
    try:
        sagemaker_deployments.describe_config(name)
    except NotFoundError:
        return False
    return True


def variants_health(subject: Subject, start: datetime, run: Run, latency: AlarmMetric | None = None) -> list[Health]:
    """How the variants of an endpoint did since a moment."""
    places = [(subject.name, variant) for variant in subject.endpoint.variants]
    return read_health(places, subject.settings.rollout.error_metric, start, run.now, latency)


def planned(subject: Subject, alarm: AlarmChange, decided: Decided, phase: str, by: str, run: Run) -> Restoration:
    """The restoration that answers an alarm, before anything was done for it."""
    return Restoration(
        id=change.restoration_id(subject.name, subject.endpoint.config, alarm),
        endpoint=subject.name,
        alarm=alarm,
        bad=subject.endpoint.config,
        good=decided.good,
        mode=subject.settings.rollback.mode,
        by=by,
        reason=decided.reason,
        phase=phase,
        started=run.now,
    )


def approve(name: str, by: str, run: Run) -> dict[str, Any]:
    """Begin what was proposed, unless another configuration serves by now. Raises NothingProposedError."""
    proposal = read_state(run.table, PROPOSALS, name)
    subject = read_subject(name, run)
    if not proposal.content or subject is None:
        raise NothingProposedError(f"{name}: nothing was proposed")
    restoration = restoration_of(proposal.content)
    if subject.changing:
        raise NothingProposedError(f"{name}: a {subject.changing} is in progress")
    if subject.endpoint.config != restoration.bad:
        raise NothingProposedError(f"{name}: {subject.endpoint.config} serves by now, not {restoration.bad}")
    return begin(subject, restoration.changed(by=by, started=run.now), run)


def begin(subject: Subject, restoration: Restoration, run: Run) -> dict[str, Any]:
    """Take the endpoint for a restoration, and go as far as can be gone now."""
    return carry_on(restoration, put(restoration, subject.change, run), subject.endpoint, run)


@tracer.capture_method(capture_response=False)
def follow(name: str, run: Run) -> dict[str, Any]:
    """Carry a restoration on from where it stands."""
    document = read_state(run.table, CHANGES, name)
    try:
        seen = sagemaker_deployments.describe_deployment(name)
    except NotFoundError as error:
        seen = EndpointState(name=name, status="Deleted", config="", failure=str(error), variants={})
    return carry_on(restoration_of(document.content), document, seen, run)


def carry_on(restoration: Restoration, document: StateDocument, seen: EndpointState, run: Run) -> dict[str, Any]:
    """Do what is to be done next for a restoration; how it stands then."""
    order = change.next_order(restoration, status=seen.status, config=seen.config, failure=seen.failure, now=run.now)
    if order is Order.DECIDE:
        return decide_again(restoration, document, run)
    if order is Order.UPDATE:
        restoration, document = update(restoration, document, seen, run)
    elif order is Order.END and not restoration.is_over:
        over = change.ended(restoration, status=seen.status, config=seen.config, failure=seen.failure, now=run.now)
        restoration, document = finish(over, document, seen, run)
    elif (known := change.noticed(restoration, seen.pending, run.now)) != restoration:
        restoration, document = known, put(known, document, run)
    tell_late(restoration, document, run)
    return {"restoration": restoration.id, "phase": restoration.phase, "reason": restoration.why or restoration.reason}


def decide_again(restoration: Restoration, document: StateDocument, run: Run) -> dict[str, Any]:
    """Decide on an alarm that came while the endpoint was being updated."""
    subject = read_subject(restoration.endpoint, run)
    if subject is None:
        gone = EndpointState(name=restoration.endpoint, status="Deleted", config="", failure="", variants={})
        restoration, _ = finish(given_up(restoration, "The endpoint is gone, or opts out.", run), document, gone, run)
        return {"restoration": restoration.id, "phase": restoration.phase, "reason": restoration.why}
    alarm, decided, health = consider(subject, restoration.alarm, "", run)
    mode = subject.settings.rollback.mode
    if decided.answer is Answer.RESTORE and mode == "act":
        going = restoration.changed(
            phase=change.RESTORING, bad=subject.endpoint.config, good=decided.good, mode=mode, reason=decided.reason
        )
        return carry_on(going, put(going, document, run), subject.endpoint, run)
    if decided.answer is Answer.WAIT:
        return {"restoration": restoration.id, "phase": restoration.phase, "reason": decided.reason}
    if decided.answer is Answer.RESTORE and mode == "propose":
        propose(planned(subject, alarm, decided, change.RESTORING, "", run), run)
    if decided.answer is not Answer.LEAVE:
        run.tell(decision_finding(run.origin(subject.name), alarm, decided, mode, subject.history, health, run.now))
    put(given_up(restoration, decided.reason, run), document, run)
    return {"answer": decided.answer, "rule": decided.rule, "reason": decided.reason}
