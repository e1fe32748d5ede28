"""rightsize_endpoints: every day by schedule, what instances each endpoint needs, from the traffic of its last 14 days.

By payload for one endpoint: `{"endpoint": "churn"}`; when a person approves what was proposed:
`{"endpoint": "churn", "command": "approve", "by": "anna"}`; and every 15 minutes, `{"command": "follow"}`, to carry on
changes of instances that were begun and to hold those in force against what was predicted. Every run starts from what
is stored and from what AWS shows, so that a lost, late or repeated one does no harm. `at`, a past moment, stands for
now in replays.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Any, Literal, Self

from aws_lambda_powertools import Logger, Metrics, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from botocore.exceptions import BotoCoreError, ClientError
from pydantic import AwareDatetime, BaseModel, model_validator

from trimtab.aws import application_autoscaling as autoscaling
from trimtab.aws import cost_documents, sagemaker, sizing_documents
from trimtab.aws import sagemaker_deployments as deployments
from trimtab.aws.endpoint_settings import load_endpoint_settings, load_settings
from trimtab.aws.inference_recommender import finished_jobs
from trimtab.aws.lambda_functions import start_function
from trimtab.aws.pricing import read_price_list
from trimtab.aws.resizings import (
    TRIALS,
    Run,
    begin,
    carry_on,
    close_trial,
    in_hand,
    in_progress,
    lock_holder,
    put,
    read_memory,
    read_scaling,
    read_seen,
    read_verified,
    write_memory,
)
from trimtab.aws.sagemaker_deployments import NotFoundError
from trimtab.aws.sizing_metrics import KEPT, read_hourly, read_minutes, total_requests
from trimtab.aws.state_table import StateDocument, read_state
from trimtab.cost.catalogue import bundled_catalogue
from trimtab.cost.prices import (
    NO_PRICES,
    Component,
    Price,
    PriceList,
    Product,
    choose_price,
    is_fresh,
    price_list_document,
    price_list_from_document,
)
from trimtab.cost.pricing_api import SERVICE_CODE, product_filters, read_prices
from trimtab.cost.settings import PriceSettings
from trimtab.rollout.configuration import copied
from trimtab.rollout.freeze import frozen_by
from trimtab.rollout.observed import EndpointState
from trimtab.rollout.state import CHANGES
from trimtab.settings import EndpointSettings, RightsizeEndpointsSettings, is_opted_out, parse_price_settings
from trimtab.sizing import application, history, setting, verification
from trimtab.sizing.advice import SERVERLESS_GB
from trimtab.sizing.application import Prediction, Resizing
from trimtab.sizing.description import benchmarks_of, endpoint_of, kind_of, publish_seconds, quotas_met, regime, retyped
from trimtab.sizing.endpoint import Endpoint
from trimtab.sizing.evidence import Sized, recommendation_finding, working_document
from trimtab.sizing.notification import Approvable, Memory, notify
from trimtab.sizing.observations import METRICS, Observations, from_datapoints
from trimtab.sizing.plan import Plan, plan_of
from trimtab.sizing.recommendation import Recommendation, recommend
from trimtab.sizing.scaling_today import remarks
from trimtab.sizing.service import typical_p95_ms
from trimtab.sizing.setting import Setting
from trimtab.sizing.verification import Answer, Trial, Verified

logger = Logger()
metrics = Metrics()
tracer = Tracer()

PUBLISHED = timedelta(minutes=3)
"""Metrics are whole so long after their minute."""
FAN_OUT = 40
"""So many endpoints are sized by one invocation; more are shared out among several."""
GPU_FIELDS = {"gpu_percent", "gpu_memory_percent"}


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
class Subject:
    """An endpoint as it is now, and what is being done to it."""

    described: sagemaker.Endpoint
    deployment: EndpointState
    config: Mapping[str, Any]
    settings: EndpointSettings
    change: StateDocument

    @property
    def name(self) -> str:
        return self.described.name

    def shown(self, variant: str) -> Mapping[str, Any]:
        """A production variant as its config shows it."""
        return next(each for each in self.config["ProductionVariants"] if each["VariantName"] == variant)


@dataclass(frozen=True)
class Prices:
    """What is known of prices in this region: of an hour by instance type, and of a second of serverless inference by
    GB of memory."""

    hosting: Mapping[str, Price]
    serverless: Mapping[int, float | None]


@dataclass(frozen=True)
class Judged:
    """One variant with its recommendation, and what could be done on its present instance type (`plan`)."""

    variant: str
    sized: Sized
    present: Setting
    plan: Plan | None
    prediction: Prediction | None
    why_not: str
    memory: Memory
    stored: StateDocument
    document: Mapping[str, Any]


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = Request.model_validate(event)
    _, _, _, region, account, *_ = context.invoked_function_arn.split(":")
    now = request.at or datetime.now(UTC)
    run = Run(RightsizeEndpointsSettings.from_environment(os.environ), account, region, now)
    if request.command == "approve" and request.endpoint:
        return {"endpoints": {request.endpoint: approve(request.endpoint, request.by, run)}}
    if request.command == "follow":
        return for_each(request.named or in_progress(run), lambda name: follow(name, run))
    if not request.named and len(names := list(sagemaker.endpoint_names())) > FAN_OUT:
        return share_out(names, request.at, context.function_name)
    prices = read_prices_here(run)
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


def read_subject(name: str, run: Run) -> Subject | str:
    """An endpoint as it is now, or why it is not sized now."""
    described = sagemaker.describe_endpoint(name)
    if described is None or is_opted_out(described.tags):
        return "there is no such endpoint, or it opts out"
    deployment = deployments.describe_deployment(name)
    change = read_state(run.table, CHANGES, name)
    if changing := in_hand(change):
        return f"a {changing} is in progress"
    if not deployment.is_settled:
        return f"the endpoint is {deployment.status}, or being updated"
    config = deployments.describe_config(deployment.config)
    settings = load_endpoint_settings(run.settings.name, run.table, name).settings
    return Subject(described, deployment, config, settings, change)


def judge_variant(subject: Subject, variant: str, prices: Prices, run: Run) -> Judged:
    """Size one variant from what AWS tells of it."""
    memory, stored = read_memory(subject.name, variant, run)
    present = Setting(
        instances=subject.deployment.variants[variant].instances, scaling=read_scaling(subject.name, variant)
    )
    shown = subject.shown(variant)
    since = regime(
        memory.regime,
        config=subject.deployment.config,
        config_created=subject.config["CreationTime"],
        changed=subject.described.changed,
        is_scaled=present.scaling is not None or present.instances != shown.get("InitialInstanceCount"),
    )
    memory = memory.after(config=since.config, config_since=since.since)
    settings = subject.settings.sizing
    end = (run.now - PUBLISHED).replace(second=0, microsecond=0)
    start = end - min(timedelta(days=settings.days), KEPT - 2 * PUBLISHED)
    endpoint = describe_variant(subject, variant, present, since.since, start, end)
    observations = observe(subject, variant, endpoint, start, end)
    weekly = remember_hours(subject.name, variant, observations, run)
    usd = {name: price.usd for name, price in prices.hosting.items()}
    catalogue = bundled_catalogue().types

    def size(types: Iterable[str]) -> Recommendation:
        return recommend(
            observations,
            endpoint,
            {name: catalogue[name] for name in types},
            usd,
            settings,
            run.now,
            weekly_means=weekly,
            serverless_usd_per_second=prices.serverless,
        )

    found = size(catalogue)
    plan = prediction = None
    own = found if found.proposal and found.proposal.instance_type == endpoint.instance_type else None
    if found.demand and own is None and endpoint.instance_type in catalogue:
        own = size([endpoint.instance_type])
    if own and own.proposal and own.target_ms:
        now_usd = own.today.monthly_usd(usd.get(endpoint.instance_type)) if own.today else None
        plan = plan_of(own.proposal, own.target_ms, now_usd)
        if settings.mode != "observe":
            prediction = predict(subject.name, variant, observations.since(since.since), plan, end)
    why_not = "" if plan is None else obstacle(subject, plan, present, prediction, memory, run)
    proposed = found.proposal if found.proposal and found.proposal.instance_type != endpoint.instance_type else None
    left_to_people = f"{proposed.count} × {proposed.instance_type}" if proposed else ""
    sized = Sized(
        endpoint=endpoint,
        found=found,
        usd_per_hour=usd.get(endpoint.instance_type),
        scaling=present.scaling,
        remarks=remarks(present.scaling, vcpus_of(endpoint.instance_type), found.capacity_today),
        mode=settings.mode,
        outcome=application.action_outcome(subject.name, plan, why_not, left_to_people, settings),
        how=how_to_retype(subject, variant, proposed.instance_type, proposed.count) if proposed else {},
        working=f"s3://{run.bucket}/{sizing_documents.working_key(subject.name, run.now.date())}",
    )
    price = prices.hosting.get(endpoint.instance_type)
    dated = f"{price.source}, {price.as_of}" if price else "unknown"
    document = working_document(sized, observations, weekly, dated, run.now)
    return Judged(variant, sized, present, plan, prediction, why_not, memory, stored, document)


def describe_variant(
    subject: Subject, variant: str, present: Setting, since: datetime, start: datetime, end: datetime
) -> Endpoint:
    """A variant as it is sized."""
    shown, name = subject.shown(variant), subject.name
    model_name = shown.get("ModelName")
    model: Mapping[str, Any] = {}
    benchmarks = {}
    if model_name and kind_of(shown, subject.config) == "real_time":
        with suppress(NotFoundError):  # a model can be deleted while it serves
            model = deployments.describe_model(model_name)
        try:
            benchmarks = benchmarks_of(finished_jobs(model_name))
        except ClientError:  # not every region has Inference Recommender
            logger.warning("Inference Recommender could not be asked", exc_info=True)
    all_variants = [*subject.config["ProductionVariants"], *subject.config.get("ShadowProductionVariants", [])]
    others = [each["VariantName"] for each in all_variants if each["VariantName"] != variant]
    failures = autoscaling.failed_activities(name, variant) if present.scaling else []
    return endpoint_of(
        shown,
        subject.config,
        model,
        instances=present.instances,
        tags=subject.described.tags,
        created=subject.described.created,
        changed=since,
        other_requests=total_requests(name, others, start, end),
        quotas=quotas_met(failures, present.instances),
        benchmarks=benchmarks,
    )


def observe(subject: Subject, variant: str, endpoint: Endpoint, start: datetime, end: datetime) -> Observations:
    """A variant's minutes; none of endpoints that are not sized by them."""
    if endpoint.kind != "real_time":
        return from_datapoints({}, start=start, end=end)
    known = bundled_catalogue().types.get(endpoint.instance_type)
    skipped = GPU_FIELDS if known and known.gpus == 0 else frozenset()
    wanted = {name: each[:2] for name, each in METRICS.items() if name not in skipped}
    read = read_minutes(subject.name, variant, wanted, start, end)
    return from_datapoints(
        read.points,
        start=start,
        end=end,
        incomplete=read.incomplete,
        publish_seconds=publish_seconds(subject.config),
        problem=read.problem,
    )


def remember_hours(name: str, variant: str, observations: Observations, run: Run) -> tuple[float, ...]:
    """Keep the hours that were read beside those of earlier weeks; the traffic of whole weeks, oldest first."""
    kept = sizing_documents.read_weeks(run.bucket, name, variant, history.recent_weeks(run.now))
    hours = history.merged(history.hours_from_documents(kept.values()), history.hours_of(observations))
    for monday, week in history.by_week(hours).items():
        document = history.hours_document(week)
        if document != kept.get(monday, {}):
            sizing_documents.write_week(run.bucket, name, variant, monday, document)
    return history.weekly_means(hours)


def predict(name: str, variant: str, observations: Observations, plan: Plan, end: datetime) -> Prediction | None:
    """What p99 a plan is held to, from the hours since the present configuration serves; None when they do not tell."""
    start = observations.start.replace(minute=0)
    requests, p99 = read_hourly(name, variant, start, end)
    if not (requests.is_complete and p99.is_complete):
        return None
    in_ms = {hour: value / 1000 for hour, value in p99.points.items()}
    return verification.predicted(in_ms, requests.points, typical_p95_ms(observations), plan.target_ms)


def obstacle(
    subject: Subject, plan: Plan, present: Setting, prediction: Prediction | None, memory: Memory, run: Run
) -> str:
    """Why a plan is not brought about now, "" when it may be, or may be approved."""
    settings = subject.settings.sizing
    if settings.mode == "observe":
        return ""
    is_proposed = application.needs_approval(plan, settings)
    return application.why_not_apply(
        present=present,
        wanted=setting.wanted_setting(plan, present),
        prediction=prediction,
        applied=memory.applied,
        frozen_by="" if is_proposed else frozen_by(subject.settings.freeze, run.now),
        holder="" if is_proposed else lock_holder(subject.name, run),
        now=run.now,
        settings=settings,
        is_approved=False,
    )


def how_to_retype(subject: Subject, variant: str, instance_type: str, instances: int) -> dict[str, Any]:
    """How people change the instance type: the calls of SageMaker's API, in order, with a name to be chosen."""
    base = copied(subject.config, deployments.config_members())
    return {
        "create_endpoint_config": {
            "EndpointConfigName": "<a new name>",
            **retyped(base, variant, instance_type, instances),
        },
        "update_endpoint": {
            "EndpointName": subject.name,
            "EndpointConfigName": "<the new name>",
            "RetainAllVariantProperties": True,
            "ExcludeRetainedVariantProperties": [{"VariantPropertyType": "DesiredInstanceCount"}],
        },
        "guide": "docs/sizing.md",
    }


def conclude(subject: Subject, judged: Judged, run: Run) -> dict[str, Any]:
    """Tell of a recommendation when it is new, remember it, and begin what may be done."""
    settings, found, plan = subject.settings.sizing, judged.sized.found, judged.plan
    approvable = None
    if plan and judged.prediction and not judged.why_not and settings.mode != "observe":
        approvable = Approvable(plan=plan, prediction=judged.prediction, reason=found.reason)
    is_waiting = approvable is not None and application.needs_approval(approvable.plan, settings)
    waiting = plan.words if plan and is_waiting else ""
    state, memory = notify(judged.memory, found, judged.sized.usd_month, waiting, run.now, settings)
    if state and memory.told:
        origin = run.origin(subject.name, judged.variant)
        run.tell(recommendation_finding(origin, judged.sized, memory.told, state, run.now))
    memory = memory.after(approvable=approvable if is_waiting else None)
    write_memory(subject.name, judged.variant, memory, judged.stored, run)
    if (saving := judged.sized.saving_usd_month) is not None:
        with single_metric(name="MonthlySavingsEstimate", unit=MetricUnit.NoUnit, value=saving) as metric:
            metric.add_dimension(name="EndpointName", value=subject.name)
    metrics.add_metric(f"Endpoints{found.verdict.title().replace('_', '')}", MetricUnit.Count, 1)
    logger.info("Endpoint sized", extra={"endpoint": subject.name, "variant": judged.variant, "verdict": found.verdict})
    answer: dict[str, Any] = {
        "verdict": found.verdict.value,
        "reason": found.reason,
        "action": judged.sized.outcome,
    }
    if approvable and not is_waiting:
        answer["change"] = begin(
            planned(subject, judged.variant, judged.present, approvable, "Trimtab", run), subject.change, run
        )
    return answer


# --- prices ---


def read_prices_here(run: Run) -> Prices:
    """The prices from the best source that knows each; track_cost tells when the account's own cannot be used."""
    own = load_settings(f"/{run.settings.name}/prices", run.table, "prices", parse_price_settings).settings
    by_type = prices_of("Hosting", bundled_catalogue().types, own, run)
    by_memory = prices_of("ServerlessInf", [f"Mem-{gb}GB" for gb in SERVERLESS_GB], own, run)
    serverless = {gb: by_memory.get(f"Mem-{gb}GB") for gb in SERVERLESS_GB}
    return Prices(by_type, {gb: price.usd if price else None for gb, price in serverless.items()})


def prices_of(component: Component, items: Iterable[str], own: PriceSettings, run: Run) -> dict[str, Price]:
    """The prices of a component's items, of those that have one."""
    cached = price_list_from_document(cost_documents.read_price_document(run.bucket, run.region, component))
    answered = NO_PRICES if is_fresh(cached, own, run.now) else ask_prices(component, run)
    found = {
        item: choose_price(
            Product(run.region, component, item),
            settings=own,
            cached=cached,
            answered=answered,
            bundled=bundled_catalogue().prices,
            now=run.now,
        )
        for item in items
    }
    return {item: price for item, price in found.items() if price}


def ask_prices(component: Component, run: Run) -> PriceList:
    """What the Pricing API says of a component, which is kept; nothing when it cannot be asked."""
    try:
        documents = read_price_list(SERVICE_CODE, product_filters(run.region, component))
    except (BotoCoreError, ClientError):
        logger.warning("Pricing API could not be asked", exc_info=True)
        return NO_PRICES
    answered = read_prices(documents, run.now).prices
    if answered.prices:
        document = price_list_document(answered)
        cost_documents.write_price_document(run.bucket, run.region, component, document)
    return answered


# --- changes ---


def planned(subject: Subject, variant: str, present: Setting, approved: Approvable, by: str, run: Run) -> Resizing:
    """The change that brings a plan about, before anything was done for it."""
    wanted = setting.wanted_setting(approved.plan, present)
    assert isinstance(wanted, Setting)  # `why_not_apply` saw to that
    config = subject.deployment.config
    return Resizing(
        id=application.resizing_id(subject.name, variant, config, approved.plan, run.now),
        endpoint=subject.name,
        variant=variant,
        config=config,
        mode=subject.settings.sizing.mode,
        by=by,
        reason=approved.reason,
        plan=approved.plan,
        before=present,
        wanted=wanted,
        prediction=approved.prediction,
        started=run.now,
    )


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
        scaling = read_scaling(name, variant)
        present = Setting(instances=subject.deployment.variants[variant].instances, scaling=scaling)
        why_not = application.why_not_apply(
            present=present,
            wanted=setting.wanted_setting(approved.plan, present),
            prediction=approved.prediction,
            applied=memory.applied,
            frozen_by=frozen_by(subject.settings.freeze, run.now),
            holder=lock_holder(name, run),
            now=run.now,
            settings=subject.settings.sizing,
            is_approved=True,
        )
        if why_not:
            raise NothingProposedError(f"{name}: {why_not}")
        metrics.add_metric("PlansApproved", MetricUnit.Count, 1)
        return begin(planned(subject, variant, present, approved, by, run), subject.change, run)
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
    return check_trial(Trial.model_validate(trial.content), trial, document, run)


def check_trial(trial: Trial, stored: StateDocument, change: StateDocument, run: Run) -> dict[str, Any]:
    """Hold a change in force against what was predicted; undo it when that does not hold."""
    name, variant = trial.change.endpoint, trial.change.variant
    seen = read_seen(name, variant)
    if seen is not None and seen.status in application.MOVING:
        return {"trial": trial.change.id, "reason": f"the endpoint is {seen.status}"}
    if other := verification.superseded_by(trial, seen):
        return close_trial(trial, Verified(Answer.HELD, other), verification.SUPERSEDED, stored, run)
    start = verification.first_hour(trial)
    end = (run.now - PUBLISHED).replace(minute=0, second=0, microsecond=0)
    if end <= start:
        return {"trial": trial.change.id, "reason": "no whole hour has passed yet"}
    verified = read_verified(trial, start, end, run)
    if verified.answer is Answer.BROKEN:
        undoing = trial.change.undoing(f"{trial.change.plan.words}: {verified.reason}", run.now)
        logger.warning("Change is undone", extra={"endpoint": name, "reason": verified.reason})
        return carry_on(undoing, put(undoing, change, run), run)
    if verified.answer is Answer.WAIT:
        return {"trial": trial.change.id, "reason": verified.reason, "evidence": verified.evidence}
    outcome = verification.HELD if verified.answer is Answer.HELD else verification.UNVERIFIED
    return close_trial(trial, verified, outcome, stored, run)


def vcpus_of(instance_type: str) -> int | None:
    """The vCPUs of an instance type."""
    known = bundled_catalogue().types.get(instance_type)
    return known.vcpus if known else None
