"""Gates on how a new model serves, what odd input does to it, and what it was trained on."""

from collections.abc import Mapping
from math import sqrt
from typing import Literal

from trimtab.drift.proportions import wilson_lower
from trimtab.training.evaluation import Evaluation, Robustness, TrainingData
from trimtab.training.gate_thresholds import GateThresholds
from trimtab.training.metrics import LEVEL
from trimtab.training.verdicts import GateOutcome, GateVerdict, at_least, at_most, failed, insufficient

_DISTURBANCES: Mapping[Literal["noise", "missing", "unseen_category"], str] = {
    "noise": "numbers off by 1 %",
    "missing": "5 % of the cells missing",
    "unseen_category": "categories never seen",
}
_EDGE_CASES: tuple[Literal["empty", "malformed", "extreme", "unicode"], ...] = (
    "empty",
    "malformed",
    "extreme",
    "unicode",
)


def service_verdicts(evaluation: Evaluation, thresholds: GateThresholds) -> list[GateVerdict]:
    """All of these gates."""
    return [
        latency(evaluation, thresholds),
        memory(evaluation, thresholds),
        artifact_size(evaluation, thresholds),
        *robustness(evaluation.robustness, thresholds),
        *training_data(evaluation, thresholds),
    ]


def latency(evaluation: Evaluation, thresholds: GateThresholds) -> GateVerdict:
    """p95 of enough requests, against the budget, or else against the champion's."""
    service = evaluation.service
    metric, p95 = "p95 in ms", service.p95_ms
    most = thresholds.latency_ms
    if most is None and service.champion_p95_ms:
        most = service.champion_p95_ms * thresholds.max_latency_ratio
    if p95 is None or service.requests is None:
        return insufficient("latency", "", metric, "latency was not measured")
    if service.requests < thresholds.min_requests:
        reason = f"it rests on {service.requests:,} requests, {thresholds.min_requests:,} are needed"
        return insufficient("latency", "", metric, reason, p95)
    if most is None:
        return insufficient("latency", "", metric, "neither latency_ms nor the champion's p95 is known", p95)
    return at_most("latency", "", metric, p95, None, most, by_bound=False)


def memory(evaluation: Evaluation, thresholds: GateThresholds) -> GateVerdict:
    """The share of the instance's memory."""
    value, metric = evaluation.service.memory_share, "share of memory"
    if value is None:
        return insufficient("memory", "", metric, "memory was not measured")
    return at_most("memory", "", metric, value, None, thresholds.max_memory_share, by_bound=False)


def artifact_size(evaluation: Evaluation, thresholds: GateThresholds) -> GateVerdict:
    """The size of the model artifact."""
    value, metric = evaluation.service.artifact_mb, "artifact in MB"
    if value is None:
        return insufficient("artifact_size", "", metric, "the size of the artifact is not known")
    return at_most("artifact_size", "", metric, value, None, thresholds.max_artifact_mb, by_bound=False)


def robustness(told: Robustness, thresholds: GateThresholds) -> list[GateVerdict]:
    """Predictions that small disturbances change, and odd requests that fail."""
    verdicts: list[GateVerdict] = []
    for gate, text in _DISTURBANCES.items():
        metric, tried = f"predictions changed by {text}", getattr(told, gate)
        if gate in told.not_applicable:
            continue
        if tried is None or tried.rows < thresholds.min_perturbed_rows:
            rows = 0 if tried is None else tried.rows
            reason = f"{rows:,} rows were tried with {text}, {thresholds.min_perturbed_rows:,} are needed"
            verdicts.append(insufficient(gate, "", metric, reason))
            continue
        share = tried.changed / tried.rows
        bound = 1 - wilson_lower(tried.rows - tried.changed, tried.rows, LEVEL)
        verdicts.append(at_most(gate, "", metric, share, bound, thresholds.max_flip_rate, by_bound=False))
    for case in _EDGE_CASES:
        if case in told.not_applicable:
            continue
        sent, metric = getattr(told, case), f"{case} requests that failed"
        if sent is None or not sent.sent:
            verdicts.append(insufficient(case, "", metric, f"no {case} request was sent"))
        else:
            verdicts.append(at_most(case, "", metric, sent.failed, None, 0.0, by_bound=False))
    return verdicts


def training_data(evaluation: Evaluation, thresholds: GateThresholds) -> list[GateVerdict]:
    """What it was trained on: enough, alike, and none of it in the tests."""
    data = evaluation.data
    verdicts = [leakage(data), training_serving(data, thresholds)]
    if evaluation.champion is not None:
        verdicts.append(training_rows(data, thresholds))
        if evaluation.problem != "regression":
            verdicts.append(label_rate(data, thresholds))
    return verdicts


def leakage(data: TrainingData) -> GateVerdict:
    """No row of the tests is one of the training."""
    metric = "test rows that are training rows"
    if data.leaked_rows is None:
        return insufficient("leakage", "", metric, "training and test rows were not compared")
    return at_most("leakage", "", metric, data.leaked_rows, None, 0.0, by_bound=False)


def training_serving(data: TrainingData, thresholds: GateThresholds) -> GateVerdict:
    """Training data is distributed as what is served: PSI below the limit, in every column."""
    metric, most = "PSI, training against serving", thresholds.max_training_serving_psi
    if data.max_psi is None:
        return insufficient("training_serving_psi", "", metric, "training and serving data were not compared")
    verdict = at_most("training_serving_psi", "", metric, data.max_psi, None, most, by_bound=False)
    if data.max_psi == most:
        return failed("training_serving_psi", "", metric, f"{metric} is {most:g}; less is asked for", most, most)
    return verdict


def training_rows(data: TrainingData, thresholds: GateThresholds) -> GateVerdict:
    """Not far fewer training rows than the champion had."""
    metric, least = "training rows over the champion's", thresholds.min_training_rows_ratio
    if data.rows is None or not data.champion_rows:
        return insufficient("training_rows", "", metric, "the number of training rows, or the champion's, is not known")
    ratio = data.rows / data.champion_rows
    verdict = at_least("training_rows", "", metric, ratio, ratio, least, by_bound=True)
    return GateVerdict("training_rows", "", metric, verdict.outcome, verdict.reason, ratio, None, least)


def label_rate(data: TrainingData, thresholds: GateThresholds) -> GateVerdict:
    """Each class's share is what it was, within so many standard errors of two shares; the worst class is shown."""
    metric, most = "standard errors that a class's share is off", thresholds.label_rate_sigmas
    now, before, rows, champion_rows = data.label_rates, data.champion_label_rates, data.rows, data.champion_rows
    if not now or not before or not rows or not champion_rows:
        return insufficient("label_rate", "", metric, "the shares of the classes, or the champion's, are not known")
    off: dict[str, float] = {}
    for name in sorted(now.keys() | before.keys()):
        old, new = before.get(name, 0.0), now.get(name, 0.0)
        pooled = (old * champion_rows + new * rows) / (champion_rows + rows)
        error = sqrt(pooled * (1 - pooled) * (1 / rows + 1 / champion_rows))
        off[name] = abs(new - old) / error if error else 0.0
    worst = max(off, key=lambda name: (off[name], name))
    outcome = GateOutcome.PASSED if off[worst] <= most else GateOutcome.FAILED
    reason = (
        f"class {worst} went from {before.get(worst, 0.0):.4f} to {now.get(worst, 0.0):.4f}, "
        f"{off[worst]:.2f} standard errors; {most:g} are allowed"
    )
    return GateVerdict("label_rate", "", metric, outcome, reason, off[worst], None, most)
