"""SageMaker's own blue/green deployments, watched by our judge: the fleets of a deployment as a series, the evidence of
harm as a metric, and the alarm on it that `AutoRollbackConfiguration` can name.

While a deployment goes on, SageMaker publishes the new fleet's metrics with a third dimension, EndpointConfigName,
besides those of both fleets together by EndpointName and VariantName.
"""

from collections.abc import Sequence
from datetime import datetime
from math import log
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from trimtab.findings import Finding, Origin, finding_about
from trimtab.rollout.evidence import judgement_document
from trimtab.rollout.observed import EndpointState
from trimtab.rollout.readings import VariantReadings
from trimtab.rollout.series import Arm, Minute, Series
from trimtab.rollout.thresholds import CanaryThresholds
from trimtab.rollout.verdict import Decision, Judgement

NAMESPACE, METRIC = "Trimtab", "CanaryHarmLnE"
THRESHOLD = log(100)
_BELOW = 4.6
"""What is published of stronger evidence while the judge holds: in the first minutes, or when both fleets are ill."""
_UPDATING = "Updating"
_LONGEST_DEPLOYMENT_MINUTES = 8 * 60
"""SageMaker's guardrails end by then, one way or another: no decision is due before."""
_MOST_ALARM_NAME = 255


class Guarded(BaseModel):
    """An endpoint whose deployments are watched. `config`: what was being deployed when it was last looked at, ""
    for nothing; `since`: when that was first seen; `latency_ms`: what counts as slow in it, None: nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoint: str
    by: str = ""
    config: str = ""
    since: AwareDatetime | None = None
    latency_ms: float | None = None

    def document(self) -> dict[str, Any]:
        """It as plain JSON values."""
        return self.model_dump(mode="json")


def deployment_of(endpoint: EndpointState) -> str:
    """The endpoint config that SageMaker is deploying beside the one that serves, "" when it is not."""
    is_on = endpoint.status == _UPDATING and endpoint.pending not in ("", endpoint.config)
    return endpoint.pending if is_on else ""


def seen_deployment(guarded: Guarded, config: str, latency_ms: float | None, now: datetime) -> Guarded:
    """What is remembered once `config` is seen to be deployed, or nothing ("")."""
    if config == guarded.config:
        return guarded
    since = now if config else None
    return guarded.model_copy(update={"config": config, "since": since, "latency_ms": latency_ms})


def fleet_series(new: VariantReadings, both: VariantReadings, problem: str = "") -> Series | None:
    """The new fleet of a variant as the canary, the old one (both less the new) as production; None before the new one
    has got a request. Shares are not known: SageMaker shifts traffic by instances."""
    serving = [moment for moment, requests in new.requests.items() if requests > 0]
    if not serving:
        return None
    started = min(serving)
    moments = sorted(moment for moment in {*new.requests, *both.requests} if moment >= started)
    minutes = tuple(Minute(moment, new.arm(moment), _rest(both, new, moment)) for moment in moments)
    return Series(minutes, started, problem)


def deployment_thresholds(thresholds: CanaryThresholds) -> CanaryThresholds:
    """The thresholds for a deployment whose end SageMaker sets: the judge owes no decision before."""
    latest = max(thresholds.latest_minutes, _LONGEST_DEPLOYMENT_MINUTES)
    return thresholds.model_copy(update={"latest_minutes": latest})


def harm(judgements: Sequence[Judgement]) -> float:
    """The metric's value: the evidence of harm (the greatest of errors and slow requests, over the variants), which
    reaches the alarm's threshold just when the judge says to roll back."""
    values = []
    for judgement in judgements:
        evidence = judgement.evidence
        value = max(evidence.ln_e_harm, evidence.ln_e_harm_slow or evidence.ln_e_harm)
        is_harm = judgement.decision is Decision.ROLL_BACK
        values.append(max(value, THRESHOLD) if is_harm else min(value, _BELOW))
    return max(values)


def harm_data(endpoint: str, config: str, value: float, moment: datetime) -> list[dict[str, Any]]:
    """The metric for PutMetricData: by endpoint, which the alarm looks at, and by deployment."""
    by_endpoint = [{"Name": "EndpointName", "Value": endpoint}]
    by_deployment = [*by_endpoint, {"Name": "EndpointConfigName", "Value": config}]
    return [
        {"MetricName": METRIC, "Dimensions": dimensions, "Timestamp": moment, "Value": value, "Unit": "None"}
        for dimensions in (by_endpoint, by_deployment)
    ]


def harm_finding(
    origin: Origin, config: str, judgements: Sequence[Judgement], alarm: str, now: datetime
) -> Finding | None:
    """The finding that the new fleet of a deployment is worse; None while the judge does not say so."""
    bad = [judgement for judgement in judgements if judgement.decision is Decision.ROLL_BACK]
    if not bad:
        return None
    return finding_about(
        origin,
        now,
        ("canary", config, "harm"),
        kind="canary",
        severity="critical",
        state="raised",
        title=f"the new fleet of {origin.endpoint} is worse than the old one",
        reason=f"{bad[0].reason} SageMaker takes {config} back if the deployment names the alarm {alarm}.",
        evidence={"config": config, "alarm": alarm, **judgement_document(bad[0])},
        links={"runbook": "docs/runbooks/rollback.md"},
    )


def alarm_name(name: str, endpoint: str) -> str:
    """The name of an endpoint's alarm in the installation called `name`."""
    return f"{name}-canary-{endpoint}"[:_MOST_ALARM_NAME]


def alarm_definition(endpoint: str) -> dict[str, Any]:
    """The alarm as PutMetricAlarm takes it, but for its name. Without data it rests: no deployment goes on."""
    return {
        "AlarmDescription": f"The new fleet of {endpoint} is worse than the old one. Trimtab publishes the evidence "
        "while SageMaker deploys; name this alarm in AutoRollbackConfiguration. See docs/runbooks/rollback.md.",
        "Namespace": NAMESPACE,
        "MetricName": METRIC,
        "Dimensions": [{"Name": "EndpointName", "Value": endpoint}],
        "Statistic": "Maximum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "DatapointsToAlarm": 1,
        "Threshold": THRESHOLD,
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "TreatMissingData": "notBreaching",
    }


def _rest(both: VariantReadings, new: VariantReadings, moment: datetime) -> Arm:
    """What is not the new fleet's. The readings are of different moments: late data must not make it negative."""
    total, part = both.arm(moment), new.arm(moment)
    slow = None if total.slow is None or part.slow is None else max(0, total.slow - part.slow)
    return Arm(max(0, total.requests - part.requests), max(0, total.errors - part.errors), slow)
