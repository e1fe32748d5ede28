"""check_drift_helped: after a retrained version was released, does it answer better where the old one had drifted?

Told by findings about rollouts, and every six hours by schedule, for events may be lost. The version's evaluation tells
how both models answer on the newest labelled rows; better evidence, once there are labels of the time after, comes by
payload: `{"endpoint": "churn", "before": {"correct": 870, "rows": 1000}, "after": {…}}`. When retrainings in a row did
not help, start_retraining starts none any more until a person asks for it, and people are told so.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any, Self

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, Field, model_validator

from trimtab.aws.again import again_on
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import region_and_account
from trimtab.aws.model_registry import served_version
from trimtab.aws.retrainings import all_retrainings, read_retrainings, read_uri, write_retrainings
from trimtab.aws.state_table import StaleStateError, StateDocument, read_state
from trimtab.findings import Origin
from trimtab.rollout.state import CHANGES
from trimtab.settings import CheckDriftHelpedSettings
from trimtab.training.attempts import AttemptRecord, Retrainings
from trimtab.training.changes import change_in_progress
from trimtab.training.drift_helped import (
    MIN_ROWS,
    Answers,
    Help,
    Outcome,
    in_vain,
    judge_error_ratio,
    judge_same_rows,
    judge_windows,
)
from trimtab.training.evaluation import Comparison, EvaluationError
from trimtab.training.evidence import help_finding
from trimtab.training.model_quality_json import read_evaluation
from trimtab.training.prediction_file import predictions_uri, with_predictions
from trimtab.training.settings import RetrainingSettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

PATIENCE = timedelta(days=14)
"""How long after a release better evidence is waited for, before people are told that there is too little."""


class Rows(BaseModel):
    """A model's answers on labelled rows."""

    model_config = ConfigDict(extra="forbid")

    correct: Annotated[int, Field(ge=0)]
    rows: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.correct > self.rows:
            raise ValueError(f"correct ({self.correct}) must not exceed rows ({self.rows})")
        return self

    @property
    def answers(self) -> Answers:
        return Answers(self.correct, self.rows)


class Request(BaseModel):
    """The payload. `before`: the old model on the window that drifted; `after`: the new one since its release. The
    schedule and findings have none of it: every endpoint, by what is known."""

    endpoint: str | None = None
    before: Rows | None = None
    after: Rows | None = None

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if (self.before is None) != (self.after is None) or (self.before and not self.endpoint):
            raise ValueError("name the endpoint, and both before and after")
        return self


class EndpointsFailedError(RuntimeError):
    """Some endpoints could not be looked at; all others were."""


@dataclass(frozen=True)
class Run:
    """What is the same for all of one invocation."""

    settings: CheckDriftHelpedSettings
    account: str
    region: str
    now: datetime
    request: Request


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    region, account = region_and_account(context.invoked_function_arn)
    request = Request.model_validate({} if "detail-type" in event else event)
    run = Run(CheckDriftHelpedSettings.from_environment(os.environ), account, region, datetime.now(UTC), request)
    outcomes: dict[str, Any] = {}
    failed: list[str] = []
    for endpoint in all_retrainings(run.settings.state_table_name):
        if request.endpoint in {None, endpoint}:
            try:
                if found := again_on(StaleStateError, partial(check, endpoint, run)):
                    outcomes[endpoint] = found
            except Exception:
                # one endpoint must not stop the others; the error raised at the end makes Lambda try again
                logger.exception("Endpoint could not be looked at", extra={"endpoint": endpoint})
                failed.append(endpoint)
    if failed:
        raise EndpointsFailedError(f"failed: {', '.join(failed)}; done: {', '.join(outcomes) or 'none'}")
    return {"endpoints": outcomes}


@tracer.capture_method(capture_response=False)
def check(endpoint: str, run: Run) -> dict[str, Any]:
    """See whether a version of ours serves by now, and judge the newest that does; {} when there is nothing new. Raises
    StaleStateError when another run is faster."""
    memory, document = with_releases(endpoint, *read_retrainings(run.settings.state_table_name, endpoint), run)
    released = [each for each in memory.attempts if each.released]
    newest = max(released, key=lambda each: each.released or each.at, default=None)
    if newest is None or (newest.outcome is not None and run.request.after is None):
        return {}
    table, name = run.settings.state_table_name, run.settings.name
    settings = load_endpoint_settings(name, table, endpoint).settings.retraining
    found = judge(newest, settings, run)
    is_over = newest.released is not None and run.now - newest.released >= PATIENCE
    if found.outcome is Outcome.INSUFFICIENT_DATA and not is_over:
        return {"outcome": found.outcome, "reason": found.reason}
    memory = memory.with_attempt(newest.changed(outcome=found.outcome))
    vain = in_vain(memory.outcomes())
    stops = vain >= settings.guards.stop_after
    origin = Origin(run.account, run.region, endpoint, newest.trigger.variant)
    finding = help_finding(origin, newest.package, found, vain, stops, run.now)
    publish_findings(run.settings.findings_bus_name, [finding])
    metrics.add_metric(f"Retrainings{found.outcome.title().replace('_', '')}", MetricUnit.Count, 1)
    write_retrainings(table, endpoint, memory, document)
    return {"outcome": found.outcome, "reason": found.reason, "in_vain": vain, "stops": stops}


def with_releases(
    endpoint: str, memory: Retrainings, document: StateDocument, run: Run
) -> tuple[Retrainings, StateDocument]:
    """The memory that knows which version serves, unless what serves is being changed."""
    waiting = [each for each in memory.attempts if each.state == "registered" and each.package]
    if not waiting or change_in_progress(read_state(run.settings.state_table_name, CHANGES, endpoint).content):
        return memory, document
    serving = served_version(endpoint)
    served = next((each for each in waiting if each.package == serving), None)
    if served is None:
        return memory, document
    memory = memory.with_attempt(served.changed(state="released", released=run.now))
    return memory, write_retrainings(run.settings.state_table_name, endpoint, memory, document)


def judge(attempt: AttemptRecord, settings: RetrainingSettings, run: Run) -> Help:
    """Whether a retraining helped: by what was told, or else by both models on the newest rows of the evaluation."""
    told = run.request
    if told.before and told.after:
        return judge_windows(told.before.answers, told.after.answers)
    dataset = settings.gates.datasets[-1]
    pair = compared(attempt, dataset)
    if pair is None:
        why = f"its evaluation does not compare it with the old model on {dataset}; tell before and after"
        return Help(Outcome.INSUFFICIENT_DATA, why, 0)
    if pair.rmse_ratio is not None and pair.rmse_ratio.upper is not None:
        return judge_error_ratio(pair.rmse_ratio.value, pair.rmse_ratio.upper, pair.rows)
    if pair.only_champion_right is None or pair.only_challenger_right is None:
        return Help(Outcome.INSUFFICIENT_DATA, f"{dataset} says nothing of which model is right; tell both", 0)
    return judge_same_rows(pair.only_champion_right, pair.only_challenger_right, pair.rows, min_rows=MIN_ROWS)


def compared(attempt: AttemptRecord, dataset: str) -> Comparison | None:
    """Both models on the same rows of a data set, as the evaluation has it; None without."""
    text = read_uri(attempt.evaluation)
    if text is None:
        return None
    predictions = read_uri(predictions_uri(attempt.evaluation))
    try:
        evaluation = read_evaluation(text, dataset)
        if predictions is not None:
            evaluation = with_predictions(evaluation, predictions)
    except EvaluationError as error:
        logger.warning("Evaluation could not be read", extra={"uri": attempt.evaluation, "problem": str(error)})
        return None
    score = evaluation.datasets.get(dataset)
    return None if score is None else score.comparison
