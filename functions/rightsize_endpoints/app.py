"""rightsize_endpoints: every day by schedule, what instances each endpoint needs, from the traffic of its last 14 days.

By payload for one endpoint: `{"endpoint": "churn"}`; when a person approves what was proposed:
`{"endpoint": "churn", "command": "approve", "by": "anna"}`; and every 15 minutes, `{"command": "follow"}`, to carry on
changes of instances that were begun and to hold those in force against what was predicted. Every run starts from what
is stored and from what AWS shows, so that a lost, late or repeated one does no harm. `at`, a past moment, stands for
now in replays.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import batched
from typing import Any, Literal, Self

from aws_lambda_powertools import Logger, Metrics, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, model_validator

from trimtab.aws import sagemaker, sizing_documents
from trimtab.aws.lambda_functions import region_and_account, start_function
from trimtab.aws.resizings import (
    TRIALS,
    Run,
    begin,
    carry_on,
    in_hand,
    in_progress,
    obstacle,
    read_memory,
    write_memory,
)
from trimtab.aws.sagemaker_deployments import config_members
from trimtab.aws.sizing_observations import (
    Subject,
    VariantRead,
    predict,
    read_setting,
    read_subject,
    read_variant,
)
from trimtab.aws.sizing_prices import Prices, read_sizing_prices
from trimtab.aws.sizing_trials import check_trial
from trimtab.aws.state_table import read_state
from trimtab.cost.catalogue import bundled_catalogue
from trimtab.rollout.configuration import copied
from trimtab.rollout.state import CHANGES
from trimtab.settings import RightsizeEndpointsSettings
from trimtab.sizing import application
from trimtab.sizing.application import Prediction, Resizing
from trimtab.sizing.description import how_to_retype, retyped
from trimtab.sizing.evidence import Sized, recommendation_finding, working_document
from trimtab.sizing.notification import Approvable, notify
from trimtab.sizing.plan import Plan
from trimtab.sizing.scaling_today import remarks
from trimtab.sizing.setting import Setting
from trimtab.sizing.variant import size_variant
from trimtab.sizing.verification import Trial

logger = Logger()
metrics = Metrics()
tracer = Tracer()

FAN_OUT = 40
"""So many endpoints are sized by one invocation; more are shared out among several."""


class Request(BaseModel):
    """The payload. The schedule's own event has none of it: every endpoint, now."""

    endpoint: str | None = None
    endpoints: tuple[str, ...] = ()
    command: Literal["approve", "follow"] | None = None
    by: str = ""
    at: AwareDatetime | None = None

    @property
    def named(self) -> tuple[str, ...]:
        """The endpoints that the payload names."""
        return (self.endpoint,) if self.endpoint else self.endpoints

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.command == "approve" and not (self.endpoint and self.by):
            raise ValueError("an approval names its endpoint and by whom it is")
        if self.at and self.at > datetime.now(UTC):
            raise ValueError("at must not be in the future")
        return self


class NothingProposedError(LookupError):
    """There is nothing to approve for this endpoint, or it cannot be done now."""


class EndpointsFailedError(RuntimeError):
    """Something could not be done for some endpoints; for all others it was."""


@dataclass(frozen=True)
class Judged:
    """One variant with its recommendation, and what could be done on its present instance type (`plan`)."""

    variant: str
    read: VariantRead
    sized: Sized
    plan: Plan | None
    prediction: Prediction | None
    why_not: str
    document: Mapping[str, Any]


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = Request.model_validate(event)
    region, account = region_and_account(context.invoked_function_arn)
    now = request.at or datetime.now(UTC)
    run = Run(RightsizeEndpointsSettings.from_environment(os.environ), account, region, now)
    if request.command == "approve" and request.endpoint:
        return {"endpoints": {request.endpoint: approve(request.endpoint, request.by, run)}}
    if request.command == "follow":
        return for_each(request.named or in_progress(run), lambda name: follow(name, run))
    if not request.named and len(names := list(sagemaker.endpoint_names())) > FAN_OUT:
        return share_out(names, request.at, context.function_name)
    prices = read_sizing_prices(run)
    if prices.problem:
        logger.warning("Prices could not be read", extra={"problem": prices.problem})
    return for_each(request.named or names, lambda name: size_endpoint(name, prices, run))


def for_each(names: Iterable[str], do: Callable[[str], Mapping[str, Any]]) -> dict[str, Any]:
    """Do something for each endpoint; the outcomes by endpoint. One that fails does not stop the others."""
    outcomes: dict[str, Any] = {}
    failed: list[str] = []
    for name in names:
        try:
            outcomes[name] = do(name)
        except Exception:
            # the error raised at the end makes Lambda try again
            logger.exception("Endpoint failed", extra={"endpoint": name})
            failed.append(name)
    metrics.add_metric("EndpointsLookedAt", MetricUnit.Count, len(outcomes))
    if failed:
        raise EndpointsFailedError(f"failed: {', '.join(failed)}; done: {', '.join(outcomes) or 'none'}")
    return {"endpoints": outcomes}


def share_out(names: Sequence[str], at: datetime | None, function: str) -> dict[str, Any]:
    """Let several invocations of this function size so many endpoints."""
    started = 0
    for batch in batched(names, FAN_OUT, strict=False):
        start_function(function, {"endpoints": batch, **({"at": at.isoformat()} if at else {})})
        started += 1
    metrics.add_metric("EndpointsSharedOut", MetricUnit.Count, len(names))
    return {"invocations": started}


# --- what an endpoint needs ---


@tracer.capture_method(capture_response=False)
def size_endpoint(name: str, prices: Prices, run: Run) -> dict[str, Any]:
    """Size each variant of an endpoint, keep the working, tell what is new, and begin what may be done about it."""
    subject = read_subject(name, run)
    if isinstance(subject, str):
        return {"reason": subject}
    judged = [judge_variant(subject, each["VariantName"], prices, run) for each in subject.config["ProductionVariants"]]
    working = {
        "endpoint": name,
        "account": run.account,
        "region": run.region,
        "variants": {each.variant: each.document for each in judged},
    }
    sizing_documents.write_working(run.bucket, name, run.now.date(), working)
    return {each.variant: conclude(subject, each, run) for each in judged}


def judge_variant(subject: Subject, variant: str, prices: Prices, run: Run) -> Judged:
    """Size one variant from what AWS tells of it."""
    read, settings = read_variant(subject, variant, run), subject.settings.sizing
    if read.problem:
        logger.warning("Inference Recommender could not be asked", extra={"problem": read.problem})
    endpoint, observations, present = read.endpoint, read.observations, read.present
    found, plan = size_variant(
        observations,
        endpoint,
        bundled_catalogue().types,
        prices.usd_per_hour,
        settings,
        run.now,
        weekly_means=read.weekly,
        serverless_usd_per_second=prices.serverless,
    )
    prediction, why_not = None, ""
    if plan and settings.mode != "observe":
        prediction = predict(subject.name, variant, observations.since(read.since), plan)
        why_not = obstacle(subject.name, plan, present, prediction, read.memory.applied, subject.settings, run)
    proposed = found.proposal if found.proposal and found.proposal.instance_type != endpoint.instance_type else None
    left_to_people, how = "", {}
    if proposed:
        left_to_people = f"{proposed.count} × {proposed.instance_type}"
        base = copied(subject.config, config_members())
        how = how_to_retype(subject.name, retyped(base, variant, proposed.instance_type, proposed.count))
    known = bundled_catalogue().types.get(endpoint.instance_type)
    sized = Sized(
        endpoint=endpoint,
        found=found,
        usd_per_hour=prices.usd_per_hour.get(endpoint.instance_type),
        scaling=present.scaling,
        remarks=remarks(present.scaling, known.vcpus if known else None, found.capacity_today),
        mode=settings.mode,
        outcome=application.action_outcome(subject.name, plan, why_not, left_to_people, settings),
        how=how,
        working=f"s3://{run.bucket}/{sizing_documents.working_key(subject.name, run.now.date())}",
    )
    document = working_document(sized, observations, read.weekly, prices.dated(endpoint.instance_type), run.now)
    return Judged(variant, read, sized, plan, prediction, why_not, document)


def conclude(subject: Subject, judged: Judged, run: Run) -> dict[str, Any]:
    """Tell of a recommendation when it is new, remember it, and begin what may be done."""
    settings, found, plan = subject.settings.sizing, judged.sized.found, judged.plan
    approvable = None
    if plan and judged.prediction and not judged.why_not and settings.mode != "observe":
        approvable = Approvable(plan=plan, prediction=judged.prediction, reason=found.reason)
    is_waiting = approvable is not None and application.needs_approval(approvable.plan, settings)
    waiting = plan.words if plan and is_waiting else ""
    state, memory = notify(judged.read.memory, found, judged.sized.usd_month, waiting, run.now, settings)
    if state and memory.told:
        origin = run.origin(subject.name, judged.variant)
        run.tell(recommendation_finding(origin, judged.sized, memory.told, state, run.now))
    memory = memory.after(approvable=approvable if is_waiting else None)
    write_memory(subject.name, judged.variant, memory, judged.read.stored, run)
    if (saving := judged.sized.saving_usd_month) is not None:
        with single_metric(name="MonthlySavingsEstimate", unit=MetricUnit.NoUnit, value=saving) as metric:
            metric.add_dimension(name="EndpointName", value=subject.name)
    metrics.add_metric(f"Endpoints{found.verdict.title().replace('_', '')}", MetricUnit.Count, 1)
    logger.info("Endpoint sized", extra={"endpoint": subject.name, "variant": judged.variant, "verdict": found.verdict})
    answer: dict[str, Any] = {"verdict": found.verdict.value, "reason": found.reason, "action": judged.sized.outcome}
    if approvable and not is_waiting:
        answer["change"] = change(subject, judged.variant, judged.read.present, approvable, "Trimtab", run)
    return answer


# --- changes ---


def change(subject: Subject, variant: str, present: Setting, approved: Approvable, by: str, run: Run) -> dict[str, Any]:
    """Begin the change that brings a plan about."""
    config, mode = subject.deployment.config, subject.settings.sizing.mode
    resizing = approved.resizing(subject.name, variant, config, present, mode=mode, by=by, now=run.now)
    return begin(resizing, subject.change, run)


def approve(name: str, by: str, run: Run) -> dict[str, Any]:
    """Begin what was proposed. Raises NothingProposedError."""
    subject = read_subject(name, run)
    if isinstance(subject, str):
        raise NothingProposedError(f"{name}: {subject}")
    for variant in subject.deployment.variants:
        memory, _ = read_memory(name, variant, run)
        approved = memory.approvable
        if approved is None or memory.config != subject.deployment.config:
            continue
        present = read_setting(subject, variant)
        plan, prediction, settings = approved.plan, approved.prediction, subject.settings
        why_not = obstacle(name, plan, present, prediction, memory.applied, settings, run, is_approved=True)
        if why_not:
            raise NothingProposedError(f"{name}: {why_not}")
        metrics.add_metric("PlansApproved", MetricUnit.Count, 1)
        return change(subject, variant, present, approved, by, run)
    raise NothingProposedError(f"{name}: nothing was proposed")


@tracer.capture_method(capture_response=False)
def follow(name: str, run: Run) -> dict[str, Any]:
    """Carry a change on from where it stands, or hold one in force against what was predicted."""
    document = read_state(run.table, CHANGES, name)
    changing = in_hand(document)
    if changing == application.KIND:
        return carry_on(Resizing.model_validate(document.content), document, run)
    if changing:
        return {"phase": "waits", "reason": f"a {changing} is in progress"}
    trial = read_state(run.table, TRIALS, name)
    if not trial.content or trial.content["outcome"]:
        return {"reason": "nothing is in progress"}
    answer = check_trial(Trial.model_validate(trial.content), trial, document, run)
    if answer.get("phase") == application.UNDOING:
        logger.warning("Change is undone", extra={"endpoint": name, "reason": answer["reason"]})
    return answer
