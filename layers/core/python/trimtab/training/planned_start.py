"""A start that is thought of: what it rests on, what the guards look at, and how it is written down before the call."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from trimtab.training.attempts import AttemptRecord, Retrainings
from trimtab.training.data_document import DataDocument
from trimtab.training.guards import Situation, StartDecision
from trimtab.training.settings import RetrainingSettings
from trimtab.training.spot import Limits, checkpoint_uri, estimated_cost, training_limits
from trimtab.training.start import pipeline_parameters, training_facts, training_job_name, training_job_request
from trimtab.training.trigger import Trigger

_OF_COST = {"cost_unknown", "worth_unknown"}
"""Why guards refuse that do not know what a training costs."""


@dataclass(frozen=True, slots=True)
class PlannedStart:
    """What a start rests on. `data`: what is told of new labelled rows, None when nothing is. `parent`: ARN of the
    version that serves, "" without. `usd_per_hour`: of one instance, None when nobody says; `price_may_come`: who says
    it was only too busy to."""

    trigger: Trigger
    settings: RetrainingSettings
    memory: Retrainings
    data: DataDocument | None
    parent: str
    usd_per_hour: float | None
    price_may_come: bool = False

    @property
    def limits(self) -> Limits:
        """How long the training may take."""
        return training_limits(self.settings.spot, self.memory.training_seconds())

    @property
    def cost_usd(self) -> float | None:
        """What the training will cost, estimated; None where the price is not known."""
        _, instances = self.settings.trains_on
        return estimated_cost(self.limits, self.memory.billable_seconds(), instances, self.usd_per_hour)

    def waits_for_price(self, decision: StartDecision) -> bool:
        """Whether nothing but a price that may come keeps the training from starting."""
        codes = {each.code for each in decision.refusals}
        return self.price_may_come and self.usd_per_hour is None and bool(codes) and codes <= _OF_COST


def situation_of(
    start: PlannedStart,
    now: datetime,
    *,
    running: tuple[str, ...] | None,
    change: str,
    released: datetime | None,
    predictions_per_month: float | None,
) -> Situation:
    """All that the guards look at. `running`: executions or jobs in progress. `change`: what is being done to the
    endpoint, "" when nothing is. `released`: when a version was last released to it."""
    data, memory = start.data, start.memory
    releases = [each for each in (memory.last_release(), released) if each]
    trainings = tuple(f"training {each.target}" for each in memory.attempts if each.is_open)
    return Situation(
        trigger=start.trigger,
        now=now,
        new_rows=None if data is None else data.new_rows,
        rows_per_class=None if data is None else data.rows_per_class,
        attempts=memory.for_guards(),
        last_release=max(releases, default=None),
        running=running,
        locks=(*trainings, change) if change else trainings,
        cost_usd=start.cost_usd,
        spent_usd=memory.spent_usd(now),
        predictions_per_month=predictions_per_month,
        quality_drop=start.trigger.quality_drop,
        outcomes=memory.outcomes(),
    )


def planned_attempt(
    start: PlannedStart,
    decision: StartDecision,
    *,
    bucket: str,
    declared: Collection[str] | None,
    by: str,
    now: datetime,
) -> AttemptRecord:
    """The start as it is written down, with the call to be made. `declared`: names of the parameters of the pipeline,
    None when they are not known. `by`: the person who asked for it or approved, "" without.

    Raises StartError.
    """
    trigger, settings, token = start.trigger, start.settings, decision.token
    version = start.data.data_version if start.data else ""
    root = settings.evaluations or f"s3://{bucket}/evaluations/{trigger.endpoint}"
    evaluation = f"{root.rstrip('/')}/{token[:20]}.json"
    facts = training_facts(
        endpoint=trigger.endpoint,
        window=trigger.window_end,
        report=trigger.report,
        data_version=version,
        parent_model=start.parent,
        reason=f"{trigger.kind}: {trigger.reason}",
    ) | {"Evaluation": evaluation}
    job = settings.training_job
    request: dict[str, Any]
    if job:
        lineage = settings.model_package_group or trigger.endpoint
        checkpoints = checkpoint_uri(bucket, lineage, version or token) if settings.spot.checkpoints else None
        name = training_job_name(trigger.endpoint, token)
        request = training_job_request(name, token, job, start.limits, checkpoints, facts)
    else:
        request = {
            "PipelineName": settings.target,
            "PipelineExecutionDisplayName": f"trimtab-{token[:20]}",
            "PipelineParameters": pipeline_parameters(facts, declared),
            "ClientRequestToken": token,
        }
    instance_type, instances = settings.trains_on
    return AttemptRecord(
        token=token,
        at=now,
        state="intended",
        kind="training_job" if job else "pipeline",
        target=request["TrainingJobName"] if job else settings.target,
        request=request,
        trigger=trigger,
        reason=decision.reason,
        verdicts=decision.verdicts,
        by=by,
        instance_type=instance_type,
        instances=instances,
        usd_per_hour=start.usd_per_hour,
        cost_usd=start.cost_usd,
        data_version=version,
        parent=start.parent,
        evaluation=evaluation,
    )
