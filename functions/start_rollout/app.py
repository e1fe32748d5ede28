"""start_rollout: when somebody asks for a new model on an endpoint, check that it can be had, and write it down.

Asked by payload, or by an event on the findings bus with detail-type `Rollout Requested` and the same document as its
detail: `{"endpoint": "churn", "model": "churn-v2"}` (all keys: docs/canary.md). judge_canary then does it, step by
step. The same document again starts nothing again. `at`, a past moment, stands for now in replays.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, TypeAdapter

from trimtab.aws import sagemaker_deployments as deployments
from trimtab.aws import state_bucket
from trimtab.aws.alarms import alarms_in_alarm
from trimtab.aws.application_autoscaling import describe_scaling
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import region_and_account, start_function
from trimtab.aws.rollout_metrics import usual_latency
from trimtab.aws.state_table import StateDocument, read_state, write_state
from trimtab.rollout.configuration import copied
from trimtab.rollout.endpoint_alarms import raised_alarms
from trimtab.rollout.evidence import refusal_finding
from trimtab.rollout.freeze import frozen_by
from trimtab.rollout.guardrail import alarm_name
from trimtab.rollout.observed import EndpointState
from trimtab.rollout.preflight import chosen_variant, new_rollout, objections, thresholds_of
from trimtab.rollout.request import RequestError, RolloutRequest, parse_request, rollout_id
from trimtab.rollout.state import CHANGES, KIND, TERMINAL, Phase, is_over
from trimtab.settings import StartRolloutSettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

DETAIL_TYPE = "Rollout Requested"
REFUSED = "refused"


@dataclass(frozen=True)
class Run:
    """What is the same for all of one invocation. `event`: the id of the event that asks, "" without. `at`: the moment
    that was given for now."""

    settings: StartRolloutSettings
    account: str
    region: str
    now: datetime
    event: str = ""
    at: str = ""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    is_event = event.get("detail-type") == DETAIL_TYPE
    document = dict(event["detail"] if is_event else event)
    at = document.pop("at", "")
    region, account = region_and_account(context.invoked_function_arn)
    run = Run(
        StartRolloutSettings.from_environment(os.environ),
        account,
        region,
        now=TypeAdapter(AwareDatetime).validate_python(at) if at else datetime.now(UTC),
        event=event["id"] if is_event else "",
        at=at,
    )
    try:
        request = parse_request(document)
        return start(request, rollout_id(request, run.event), run)
    except RequestError as error:
        return refuse(document, str(error), run)


@tracer.capture_method(capture_response=False)
def start(request: RolloutRequest, rollout: str, run: Run) -> dict[str, Any]:
    """Begin a rollout, or tell how far it has come when it was begun before. Raises RequestError."""
    change = read_state(run.settings.state_table_name, CHANGES, request.endpoint)
    begun = change.content.get("phase") if change.content.get("id") == rollout else None
    if begun is None:
        stored = state_bucket.read_rollout(run.settings.state_bucket_name, request.endpoint, rollout)
        begun = stored and stored["phase"]
    if begun is None:
        require_free(change)
        begun = begin(request, rollout, change, run)
        metrics.add_metric("RolloutsStarted", MetricUnit.Count, 1)
    if begun not in TERMINAL:
        payload = {"endpoint": request.endpoint, **({"at": run.at} if run.at else {})}
        start_function(run.settings.judge_canary_function_name, payload)
    return {"rollout": rollout, "phase": begun}


def require_free(change: StateDocument) -> None:
    """Raises RequestError while something is being done to the endpoint."""
    content = change.content
    if content and not (is_over(content) if content["kind"] == KIND else content["phase"] in TERMINAL):
        raise RequestError(f"{content['kind']} {content['id']} is in progress ({content['phase']})")


def begin(request: RolloutRequest, rollout: str, change: StateDocument, run: Run) -> str:
    """Check all that must be so, and write down what is wanted; the phase it begins with. Raises RequestError."""
    settings = load_endpoint_settings(run.settings.name, run.settings.state_table_name, request.endpoint).settings
    endpoint = described(request.endpoint)
    variant = chosen_variant(request, endpoint)
    config = deployments.describe_config(endpoint.config)
    thresholds = thresholds_of(request, settings.rollout)
    require_model(request)
    against = objections(
        request,
        endpoint,
        config,
        present_model(config, variant),
        variant=variant,
        alarms=raised_alarms(alarms_in_alarm(), request.endpoint),
        frozen_by=frozen_by(settings.freeze, run.now),
    )
    if against:
        raise RequestError("; ".join(against))
    begun = new_rollout(
        request,
        rollout,
        endpoint,
        copied(config, deployments.config_members(), deployments.config_tags(config["EndpointConfigArn"])),
        variant=variant,
        thresholds=thresholds,
        latency_ms=request.limits.latency_ms or usual_latency(request.endpoint, variant, run.now),
        error_metric=settings.rollout.error_metric,
        scaling=describe_scaling(request.endpoint, variant),
        alarm=alarm_name(run.settings.name, request.endpoint) if request.mode == "guardrail" else "",
        now=run.now,
    )
    write_state(run.settings.state_table_name, CHANGES, request.endpoint, begun.document(), after=change)
    return Phase.PREPARING.value


def described(endpoint: str) -> EndpointState:
    """The endpoint. Raises RequestError when there is none."""
    try:
        return deployments.describe_deployment(endpoint)
    except deployments.NotFoundError as error:
        raise RequestError(f"endpoint: there is no {endpoint}") from error


def require_model(request: RolloutRequest) -> None:
    """Raises RequestError when the model or package is not there or was rejected."""
    try:
        if request.model:
            deployments.describe_model(request.model)
        elif request.model_package:
            package = deployments.describe_package(request.model_package)
            if package.get("ModelApprovalStatus") == "Rejected":
                raise RequestError(f"model_package: {request.model_package} was rejected")
    except deployments.NotFoundError as error:
        raise RequestError(f"{'model' if request.model else 'model_package'}: {error}") from error


def present_model(config: Mapping[str, Any], variant: str) -> dict[str, Any]:
    """The model that serves in a variant, empty without one of its own or when it was deleted meanwhile."""
    names = [each.get("ModelName") for each in config["ProductionVariants"] if each["VariantName"] == variant]
    try:
        return deployments.describe_model(names[0]) if names and names[0] else {}
    except deployments.NotFoundError:
        return {}


def refuse(document: Mapping[str, Any], why: str, run: Run) -> dict[str, Any]:
    """Tell that nothing was begun, and why. Asking again would not help, so that this is an answer and no error."""
    logger.warning("Rollout refused", extra={"reason": why})
    metrics.add_metric("RolloutsRefused", MetricUnit.Count, 1)
    endpoint = str(document.get("endpoint", ""))[:63]
    fact = run.event or run.now.isoformat()
    finding = refusal_finding(run.account, run.region, endpoint, fact, why, run.now, document)
    publish_findings(run.settings.findings_bus_name, [finding])
    return {"phase": REFUSED, "reason": why}
