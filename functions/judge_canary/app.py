"""judge_canary: each minute by schedule, and at once on alarms and endpoint events, bring every rollout further.

By payload a person speaks to one of them: `{"endpoint": "churn", "command": "pause", "by": "anna", "reason": "…"}`,
with pause, resume, promote or abort. With guard, SageMaker's own deployments of the endpoint are judged too: each
minute the evidence of harm is published, and an alarm is kept on it. `at`, a past moment, stands for now in replays.
Every run starts from what is stored and what is seen: a lost, late or repeated one does no harm, nor does one that is
killed at any point.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal, Self

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import ClientError
from pydantic import AwareDatetime, BaseModel, model_validator

from trimtab.aws import state_bucket
from trimtab.aws.alarms import put_alarm
from trimtab.aws.cloudwatch_metrics import publish_metrics
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.fleet_metrics import read_fleets
from trimtab.aws.lambda_functions import region_and_account
from trimtab.aws.rollout_actions import perform
from trimtab.aws.rollout_metrics import usual_latency
from trimtab.aws.rollout_view import observe, read_traffic
from trimtab.aws.sagemaker_deployments import EndpointBusyError, NotFoundError, describe_deployment
from trimtab.aws.smoke_requests import ask_both
from trimtab.aws.state_table import StaleStateError, StateDocument, list_states, read_state, write_state
from trimtab.findings import Origin
from trimtab.rollout.actions import ENDPOINT_ACTIONS, Action, Deploy, Guard, Smoke
from trimtab.rollout.commands import Command, CommandRefusedError, obey
from trimtab.rollout.comparison import compare
from trimtab.rollout.evidence import judgement_document, rollout_findings
from trimtab.rollout.freeze import frozen_by
from trimtab.rollout.guardrail import (
    NAMESPACE,
    Guarded,
    alarm_definition,
    alarm_name,
    deployment_of,
    deployment_thresholds,
    fleet_series,
    harm,
    harm_data,
    harm_finding,
    seen_deployment,
)
from trimtab.rollout.judgement import Judgement, judge
from trimtab.rollout.ladder import next_step
from trimtab.rollout.readings import Readings, series_of
from trimtab.rollout.smoke import SmokeLimits, SmokeReport, judge_smoke
from trimtab.rollout.state import CHANGES, KIND, WITH_TRAFFIC, Rollout, is_over, rollout_of
from trimtab.rollout.steps import held, refused
from trimtab.settings import EndpointSettings, JudgeCanarySettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

GUARDED = "guardrail"
"""The partition of the state table that remembers whose deployments are watched."""
MOST_STEPS = 20
"""A rollout comes so many steps further in one run at most; the next run goes on."""


class Request(BaseModel):
    """The payload. The schedule's and AWS's own events have none of it: every rollout, now."""

    endpoint: str | None = None
    command: Literal["pause", "resume", "promote", "abort", "guard"] | None = None
    by: str = ""
    reason: str = ""
    at: AwareDatetime | None = None

    @model_validator(mode="after")
    def _names_its_endpoint(self) -> Self:
        if self.command and not self.endpoint:
            raise ValueError("a command names its endpoint")
        if self.at and self.at > datetime.now(UTC):
            raise ValueError("at must not be in the future")
        return self


class NoRolloutError(LookupError):
    """A command for a rollout that is not there."""


class RolloutsFailedError(RuntimeError):
    """Some rollouts could not be brought further; all others were."""


@dataclass(frozen=True)
class Run:
    """What is the same for every rollout of one invocation."""

    settings: JudgeCanarySettings
    account: str
    region: str
    now: datetime


@dataclass(frozen=True)
class Subject:
    """A rollout as it was last written, its version in the state table, and the endpoint's settings."""

    rollout: Rollout
    stored: StateDocument
    settings: EndpointSettings


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = Request.model_validate(event)
    region, account = region_and_account(context.invoked_function_arn)
    settings = JudgeCanarySettings.from_environment(os.environ)
    run = Run(settings, account, region, now=request.at or datetime.now(UTC))
    if request.command == "guard" and request.endpoint:
        return {"alarm": guard(request.endpoint, request.by, run)}
    outcomes: dict[str, Any] = {}
    failed: list[str] = []
    for endpoint, document in begun(request, run).items():
        try:
            outcomes[endpoint] = bring_further(endpoint, document, request, run)
        except Exception:
            # one rollout must not stop the others; the error raised at the end counts as the function's
            logger.exception("Rollout could not be brought further", extra={"endpoint": endpoint})
            metrics.add_metric("RolloutsFailed", MetricUnit.Count, 1)
            failed.append(endpoint)
    for endpoint, stored in guarded_endpoints(request, run).items():
        try:
            watch_deployment(endpoint, stored, run)
        except StaleStateError:
            logger.info("Another run is at it", extra={"endpoint": endpoint})
        except Exception:
            logger.exception("Deployment could not be judged", extra={"endpoint": endpoint})
            failed.append(endpoint)
    if failed:
        raise RolloutsFailedError(f"could not be brought further: {', '.join(failed)}")
    return {"rollouts": outcomes}


def begun(request: Request, run: Run) -> dict[str, StateDocument]:
    """The rollouts to look at, by endpoint: the one that the request names, or all in which something is left to do."""
    table = run.settings.state_table_name
    if request.endpoint:
        document = read_state(table, CHANGES, request.endpoint)
        if document.content.get("kind") == KIND:
            return {request.endpoint: document}
        if request.command:
            raise NoRolloutError(f"{request.endpoint} has no rollout to {request.command}")
        return {}
    states = list_states(table, CHANGES)
    rollouts = {name: state for name, state in states.items() if state.content.get("kind") == KIND}
    return {name: state for name, state in rollouts.items() if not is_over(state.content)}


@tracer.capture_method(capture_response=False)
def bring_further(endpoint: str, document: StateDocument, request: Request, run: Run) -> dict[str, Any]:
    """Obey the command, if there is one, and take the steps that can be taken now; how far the rollout has come."""
    settings = load_endpoint_settings(run.settings.name, run.settings.state_table_name, endpoint).settings
    subject, refused = Subject(rollout_of(document.content), document, settings), ""
    if request.command and request.command != "guard":
        try:
            subject = obeyed(subject, request.command, request, run)
        except CommandRefusedError as error:
            refused = str(error)
    try:
        subject = tell(take_steps(subject, run), run)
    except StaleStateError:
        logger.info("Another run is at it", extra={"endpoint": endpoint})
    rollout = subject.rollout
    logger.info("Rollout looked at", extra={"endpoint": endpoint, "rollout": rollout.id, "phase": rollout.phase.value})
    return {
        "rollout": rollout.id,
        "phase": rollout.phase.value,
        "share": rollout.ladder[-1].share if rollout.ladder and rollout.phase in WITH_TRAFFIC else 0.0,
        "reason": rollout.held.reason if rollout.held else rollout.reason,
        **({"refused": refused} if refused else {}),
    }


def obeyed(subject: Subject, command: Command, request: Request, run: Run) -> Subject:
    """The rollout after the command, written down. Where another run was faster, what a person said holds for what that
    run has written. Raises CommandRefusedError."""
    endpoint = subject.rollout.endpoint
    for _ in range(MOST_STEPS):
        try:
            return save(subject, obey(subject.rollout, command, request.by, request.reason, run.now), run)
        except StaleStateError:
            document = read_state(run.settings.state_table_name, CHANGES, endpoint)
            subject = replace(subject, rollout=rollout_of(document.content), stored=document)
    raise CommandRefusedError(f"other runs of this function are at {endpoint} all the time; say it again")


def take_steps(subject: Subject, run: Run) -> Subject:
    """Step by step: look, decide, write down what is wanted, then do it. What was done is seen by the next look."""
    readings: Readings | None = None
    report: SmokeReport | None = None
    for _ in range(MOST_STEPS):
        rollout = subject.rollout
        observed = replace(observe(rollout), smoke=report, frozen_by=frozen_by(subject.settings.freeze, run.now))
        judgement: Judgement | None = None
        if observed.endpoint and rollout.phase in WITH_TRAFFIC and rollout.ladder:
            readings = readings or read_traffic(rollout, run.now)
            delay = rollout.thresholds.publish_delay_minutes
            observed = replace(observed, series=series_of(readings, rollout.ladder, delay, run.now))
            judgement = compare(rollout, readings, run.now)
            rollout = rollout.changed(judgement=judgement_document(judgement)) if judgement else rollout
        step = next_step(rollout, observed, judgement, run.now)
        is_last = step.action is None and step.rollout.phase is rollout.phase
        subject = save(subject, step.rollout, run)
        if isinstance(step.action, Smoke):
            report = smoke_test(subject, run)
        elif step.action:
            subject, is_done = carry_out(subject, step.action, run)
            is_last = is_last or not is_done
        # an endpoint that was given an order takes no other one for a while
        if is_last or isinstance(step.action, ENDPOINT_ACTIONS):
            break
    return subject


def carry_out(subject: Subject, action: Action, run: Run) -> tuple[Subject, bool]:
    """Do what a step asks for; the rollout after it, and False when it could not be done yet."""
    endpoint = subject.rollout.endpoint
    logger.info("Acting", extra={"endpoint": endpoint, "action": type(action).__name__})
    try:
        if isinstance(action, Guard):
            guard(endpoint, subject.rollout.request.by, run)
        else:
            perform(endpoint, action)
    except (EndpointBusyError, NotFoundError) as error:
        logger.info("Not possible yet", extra={"endpoint": endpoint, "reason": str(error)})
        if isinstance(action, Deploy):
            subject = save(subject, refused(subject.rollout, str(error), may_pass=True), run)
        return subject, False
    except ClientError as error:
        # it may pass by itself; when it does not, people hear of it
        after, may_pass = subject.rollout, error.response["Error"]["Code"] != "ValidationException"
        if isinstance(action, Deploy):
            after = refused(after, f"AWS refused: {error}", may_pass=may_pass)
        tell(save(subject, held(after, f"AWS refused: {error}", run.now), run), run)
        raise
    return subject, True


def smoke_test(subject: Subject, run: Run) -> SmokeReport:
    """What the canary's answers say, measured by production's to the same requests."""
    limits = subject.rollout.request.limits
    answered, note = ask_both(subject.rollout, subject.settings.rollout.smoke, run.now)
    return judge_smoke(answered, SmokeLimits(limits.latency_ms, limits.max_prediction_difference), [note])


def guard(endpoint: str, by: str, run: Run) -> str:
    """Keep the alarm on the evidence of harm that SageMaker's deployments of an endpoint can name, and remember to
    publish that evidence. The alarm's name."""
    alarm = alarm_name(run.settings.name, endpoint)
    put_alarm(alarm, alarm_definition(endpoint))
    table = run.settings.state_table_name
    stored = read_state(table, GUARDED, endpoint)
    if not stored.content:
        write_state(table, GUARDED, endpoint, Guarded(endpoint=endpoint, by=by).document(), after=stored)
    return alarm


def guarded_endpoints(request: Request, run: Run) -> dict[str, StateDocument]:
    """The endpoints whose deployments are watched: all, or the one that the request names."""
    stored = list_states(run.settings.state_table_name, GUARDED)
    return {name: each for name, each in stored.items() if request.endpoint in (None, name)}


@tracer.capture_method(capture_response=False)
def watch_deployment(endpoint: str, stored: StateDocument, run: Run) -> None:
    """While SageMaker deploys, compare the two fleets and publish the evidence of harm."""
    before = Guarded.model_validate(stored.content)
    try:
        state = describe_deployment(endpoint)
    except NotFoundError:
        return
    config, variants = deployment_of(state), list(state.variants)
    is_new = config not in ("", before.config)
    latencies = [usual_latency(endpoint, variant, run.now) for variant in variants] if is_new else []
    slowest = max((each for each in latencies if each is not None), default=None)
    guarded = seen_deployment(before, config, slowest, run.now)
    table = run.settings.state_table_name
    if guarded != before:
        write_state(table, GUARDED, endpoint, guarded.document(), after=stored)
    if guarded.since is None:
        return
    settings = load_endpoint_settings(run.settings.name, table, endpoint).settings.rollout
    fleets, problem = read_fleets(
        endpoint,
        config,
        variants,
        guarded.since.replace(second=0, microsecond=0),
        run.now,
        error_metric=settings.error_metric,
        latency_ms=guarded.latency_ms,
    )
    compared = [series for new, both in fleets if (series := fleet_series(new, both, problem))]
    judgements = [judge(series, deployment_thresholds(settings.thresholds), run.now) for series in compared]
    if not judgements:
        return
    publish_metrics(NAMESPACE, harm_data(endpoint, config, harm(judgements), run.now))
    origin, alarm = Origin(run.account, run.region, endpoint, "*"), alarm_name(run.settings.name, endpoint)
    if finding := harm_finding(origin, config, judgements, alarm, run.now):
        publish_findings(run.settings.findings_bus_name, [finding])


def save(subject: Subject, rollout: Rollout, run: Run) -> Subject:
    """Write a rollout in the place of what it was. Raises StaleStateError when another run was faster."""
    if rollout == subject.rollout:
        return subject
    document = rollout.document()
    write_state(run.settings.state_table_name, CHANGES, rollout.endpoint, document, after=subject.stored)
    return replace(subject, rollout=rollout, stored=StateDocument(document, subject.stored.version + 1))


def tell(subject: Subject, run: Run) -> Subject:
    """Publish and record what has happened since that was last done. A run that is killed here does it again: findings
    keep their ids, and the record is written whole."""
    rollout, bucket = subject.rollout, run.settings.state_bucket_name
    if rollout.recorded == len(rollout.history):
        return subject
    record = f"s3://{bucket}/{state_bucket.rollout_key(rollout.endpoint, rollout.id)}"
    publish_findings(run.settings.findings_bus_name, rollout_findings(rollout, run.account, run.region, record))
    recorded = rollout.changed(recorded=len(rollout.history))
    state_bucket.write_rollout(bucket, rollout.endpoint, rollout.id, recorded.document())
    return save(subject, recorded, run)
