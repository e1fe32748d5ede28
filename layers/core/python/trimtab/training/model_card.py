"""The content of model cards: of CreateModelCard, and of the card inside a model package, whose schema is narrower.

Schemas: "Model card JSON schema" and "Model package model card schema" (both 0.1.0) of the SageMaker developer guide.
Keys that they do not know are refused, so are texts that are too long: what is too long is cut, and ends in "…".
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, Literal

from trimtab.training.evaluation import Problem
from trimtab.training.version_record import VersionRecord, timestamp

MOST_CHARACTERS = 100_000
_TEXT, _ITEM, _OBSERVATION, _VALUE = 2048, 1024, 2096, 63
_NOTE = 300
"""Notes may be longer; so many gates as there are would then be too much for one card."""
_MOST_HYPERPARAMETERS, _MOST_METRICS, _MOST_DATASETS = 100, 50, 10
_PROBLEMS: Mapping[Problem, str] = {
    "binary_classification": "Binary Classification",
    "multiclass_classification": "Multiclass Classification",
    "regression": "Regression",
}


class ModelCardError(ValueError):
    """A card that SageMaker would refuse."""


@dataclass(frozen=True, slots=True)
class CardFacts:
    """What a card says that no record does. `risk`: High, Medium, Low or Unknown."""

    problem: Problem
    purpose: str = ""
    owner: str = ""
    creator: str = "Trimtab"
    algorithm: str = ""
    risk: Literal["High", "Medium", "Low", "Unknown"] = "Unknown"
    caveats: str = ""


def card_content(record: VersionRecord, facts: CardFacts) -> dict[str, Any]:
    """`Content` of CreateModelCard."""
    overview = {
        "model_id": record.model_id,
        "model_name": record.group,
        "model_version": record.version,
        "problem_type": _PROBLEMS[facts.problem],
        "algorithm_type": facts.algorithm,
        "model_creator": facts.creator,
        "model_owner": facts.owner,
        "model_artifact": [record.model_data],
        "inference_environment": {"container_image": [record.environment.image]},
    }
    return {"model_overview": _filled(overview), **_shared(record, facts)}


def package_card_content(record: VersionRecord, facts: CardFacts) -> dict[str, Any]:
    """`ModelCardContent` of the card inside a model package: its overview names creator and artifact only."""
    overview = {"model_creator": facts.creator, "model_artifact": [record.model_data]}
    return {"model_overview": _filled(overview), **_shared(record, facts)}


def card_json(content: Mapping[str, Any]) -> str:
    """The content as both calls take it. Raises ModelCardError when it is too long."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    if len(text) > MOST_CHARACTERS:
        raise ModelCardError(f"the model card has {len(text):,} characters, {MOST_CHARACTERS:,} are allowed")
    return text


def card_name(group: str, version: int) -> str:
    """The name of the card of one version: each has its own."""
    ending = f"-v{version}"
    return group[: 63 - len(ending)].rstrip("-") + ending


def _shared(record: VersionRecord, facts: CardFacts) -> dict[str, Any]:
    uses = {"purpose_of_model": _cut(facts.purpose, _TEXT), "risk_rating": facts.risk}
    details = {
        "training_data_version": record.training_data_version,
        "code_commit": record.code_commit,
        "repository": record.repository,
        "drift_report": record.drift_report,
        "record": record.key,
        "parent_version": "" if record.parent_version is None else str(record.parent_version),
        "created": timestamp(record.created),
    }
    information: dict[str, Any] = {
        "caveats_and_recommendations": _cut(facts.caveats, _TEXT),
        "custom_details": {name: _cut(value, _ITEM) for name, value in details.items() if value},
    }
    return {
        "intended_uses": _filled(uses),
        "training_details": {"training_job_details": _training(record)},
        "evaluation_details": list(_evaluations(record)),
        "additional_information": _filled(information),
    }


def _training(record: VersionRecord) -> dict[str, Any]:
    metrics = [(name, value) for name, value in sorted(record.metrics.items()) if name and isfinite(value)]
    given = {name: value for name, value in sorted(record.hyperparameters.items()) if name and value}
    return _filled(
        {
            "training_arn": _cut(record.training_job, _ITEM),
            "training_datasets": [_cut(each, _ITEM) for each in record.training_data[:15]],
            "training_environment": {"container_image": [_cut(record.environment.image, _ITEM)]},
            "training_metrics": [{"name": _cut(name, 255), "value": value} for name, value in metrics[:_MOST_METRICS]],
            "hyper_parameters": [
                {"name": _cut(name, 255), "value": _cut(value, 255)}
                for name, value in list(given.items())[:_MOST_HYPERPARAMETERS]
            ],
        }
    )


def _evaluations(record: VersionRecord) -> Iterable[dict[str, Any]]:
    """One evaluation for each data set that gates are about, and one for those about none."""
    names = sorted({str(gate.get("dataset") or "") for gate in record.gates})
    for name in names:
        gates = [gate for gate in record.gates if str(gate.get("dataset") or "") == name]
        failed = [f"{gate['gate']}: {gate['reason']}" for gate in gates if not gate["passed"]]
        told = "; ".join(failed) or f"all {len(gates)} gates passed"
        yield {
            "name": _cut(name or "service and data", _VALUE),
            "evaluation_observation": _cut(told, _OBSERVATION),
            "metric_groups": [{"name": "gates", "metric_data": [_metric(gate) for gate in gates]}],
        }


def _metric(gate: Mapping[str, Any]) -> dict[str, Any]:
    value = gate.get("value")
    known = isinstance(value, int | float) and isfinite(value)
    return {
        "name": _cut(f"{gate['gate']}: {gate['metric']}", 255),
        "type": "number" if known else "string",
        "value": value if known else "not known",
        "notes": _cut(f"{'passed' if gate['passed'] else 'not passed'}: {gate['reason']}", _NOTE),
    }


def _filled(values: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty, texts cut to the length that every one may have."""
    return {
        name: _cut(value, _TEXT if name in _LONG else _ITEM) if isinstance(value, str) else value
        for name, value in values.items()
        if value not in ("", [], {}, None)
    }


_LONG = frozenset({"purpose_of_model", "caveats_and_recommendations"})


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
