"""What AWS tells of an endpoint that its size follows from: its description, its minutes, the hours that are kept."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from trimtab.aws import application_autoscaling as autoscaling
from trimtab.aws import sagemaker_deployments as deployments
from trimtab.aws import sizing_documents
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.inference_recommender import finished_jobs
from trimtab.aws.resizings import Run, in_hand, read_memory, read_scaling
from trimtab.aws.sagemaker import Endpoint as DescribedEndpoint
from trimtab.aws.sagemaker import describe_endpoint
from trimtab.aws.sagemaker_deployments import NotFoundError
from trimtab.aws.sizing_metrics import KEPT, PUBLISHED, read_hourly, read_minutes, total_requests
from trimtab.aws.state_table import StateDocument, read_state
from trimtab.cost.catalogue import bundled_catalogue
from trimtab.rollout.observed import EndpointState
from trimtab.rollout.state import CHANGES
from trimtab.settings import EndpointSettings, is_opted_out
from trimtab.sizing import history, verification
from trimtab.sizing.application import Prediction
from trimtab.sizing.description import benchmarks_of, endpoint_of, kind_of, publish_seconds, quotas_met, regime
from trimtab.sizing.endpoint import Benchmark, Endpoint
from trimtab.sizing.notification import Memory
from trimtab.sizing.observations import METRICS, MINUTE, Observations, from_datapoints
from trimtab.sizing.plan import Plan
from trimtab.sizing.service import typical_p95_ms
from trimtab.sizing.setting import Setting

_GPU_FIELDS = frozenset({"gpu_percent", "gpu_memory_percent"})


@dataclass(frozen=True)
class Subject:
    """An endpoint as it is now, and what is being done to it (`change`: its item in the state table)."""

    described: DescribedEndpoint
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

    def others(self, variant: str) -> list[str]:
        """The other variants, shadows among them."""
        variants = [*self.config["ProductionVariants"], *self.config.get("ShadowProductionVariants", [])]
        return [each["VariantName"] for each in variants if each["VariantName"] != variant]


@dataclass(frozen=True)
class VariantRead:
    """A variant as it is sized. `stored`: how its memory is kept; `since`: when its configuration began to serve;
    `weekly`: requests per second of whole weeks, oldest first; `problem`: why there are no benchmarks, "" when it is
    known that there are none."""

    memory: Memory
    stored: StateDocument
    present: Setting
    since: datetime
    endpoint: Endpoint
    observations: Observations
    weekly: tuple[float, ...]
    problem: str


def read_subject(name: str, run: Run) -> Subject | str:
    """An endpoint as it is now, or why it is not sized now."""
    described = describe_endpoint(name)
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


def read_setting(subject: Subject, variant: str) -> Setting:
    """The instances of a variant, and how they are scaled."""
    instances = subject.deployment.variants[variant].instances
    return Setting(instances=instances, scaling=read_scaling(subject.name, variant))


def read_variant(subject: Subject, variant: str, run: Run) -> VariantRead:
    """A variant as AWS shows it, with its minutes of the days that the settings say; its hours are kept."""
    memory, stored = read_memory(subject.name, variant, run)
    present = read_setting(subject, variant)
    shown = subject.shown(variant)
    since = regime(
        memory.regime,
        config=subject.deployment.config,
        config_created=subject.config["CreationTime"],
        changed=subject.described.changed,
        is_scaled=present.scaling is not None or present.instances != shown.get("InitialInstanceCount"),
    )
    end = (run.now - PUBLISHED).replace(second=0, microsecond=0)
    start = end - min(timedelta(days=subject.settings.sizing.days), KEPT - 2 * PUBLISHED)
    kind = kind_of(shown, subject.config)
    model_name = shown.get("ModelName", "") if kind == "real_time" else ""
    benchmarks, problem = _read_benchmarks(model_name)
    endpoint = endpoint_of(
        shown,
        subject.config,
        _describe_model(model_name),
        instances=present.instances,
        tags=subject.described.tags,
        created=subject.described.created,
        changed=since.since,
        other_requests=total_requests(subject.name, subject.others(variant), start, end),
        quotas=quotas_met(_failures(subject.name, variant, present), present.instances),
        benchmarks=benchmarks,
    )
    observations = _observe(subject, variant, endpoint, start, end)
    return VariantRead(
        memory=memory.after(config=since.config, config_since=since.since),
        stored=stored,
        present=present,
        since=since.since,
        endpoint=endpoint,
        observations=observations,
        weekly=_keep_hours(subject.name, variant, observations, run),
        problem=problem,
    )


def predict(name: str, variant: str, observations: Observations, plan: Plan) -> Prediction | None:
    """What p99 a plan is held to, from the hours of these minutes; None when they do not tell."""
    start = observations.start.replace(minute=0)
    end = observations.start + len(observations.invocations) * MINUTE
    requests, p99 = read_hourly(name, variant, start, end)
    if not (requests.is_complete and p99.is_complete):
        return None
    in_ms = {hour: value / 1000 for hour, value in p99.points.items()}
    return verification.predicted(in_ms, requests.points, typical_p95_ms(observations), plan.target_ms)


def _describe_model(model: str) -> Mapping[str, Any]:
    """A model; empty without one, and when it was deleted while it serves."""
    with suppress(NotFoundError):
        return deployments.describe_model(model) if model else {}
    return {}


def _read_benchmarks(model: str) -> tuple[dict[str, Benchmark], str]:
    """What Inference Recommender measured of a model, by instance type, and why it could not be asked: not every region
    has it."""
    try:
        return benchmarks_of(finished_jobs(model)) if model else {}, ""
    except ClientError as error:
        return {}, str(error)


def _failures(name: str, variant: str, present: Setting) -> list[str]:
    return autoscaling.failed_activities(name, variant) if present.scaling else []


def _observe(subject: Subject, variant: str, endpoint: Endpoint, start: datetime, end: datetime) -> Observations:
    """A variant's minutes; none of endpoints that are not sized by them."""
    if endpoint.kind != "real_time":
        return from_datapoints({}, start=start, end=end)
    known = bundled_catalogue().types.get(endpoint.instance_type)
    skipped = _GPU_FIELDS if known and known.gpus == 0 else frozenset()
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


def _keep_hours(name: str, variant: str, observations: Observations, run: Run) -> tuple[float, ...]:
    """Keep the hours that were read beside those of earlier weeks; the traffic of whole weeks, oldest first."""
    kept = sizing_documents.read_weeks(run.bucket, name, variant, history.recent_weeks(run.now))
    hours = history.merged(history.hours_from_documents(kept.values()), history.hours_of(observations))
    for monday, week in history.by_week(hours).items():
        document = history.hours_document(week)
        if document != kept.get(monday, {}):
            sizing_documents.write_week(run.bucket, name, variant, monday, document)
    return history.weekly_means(hours)
