"""The likeliest causes of what a window shows, each with its evidence, the likeliest first.

The order is that of what rules the others out. Data that is at fault says nothing of the world, so it comes first where
it explains every column that drifted. A deployment at just that time is next: it happens seldom, so that the two seldom
coincide. Another mix of traffic, or the season, explains a drift of inputs by less than a change of the world. Labels
that disagree while no input moved are a changed concept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from trimtab.data_quality.evidence import sentence
from trimtab.data_quality.fault import DataFault
from trimtab.diagnosis.multivariate import Separation
from trimtab.diagnosis.ranking import RankedColumn
from trimtab.diagnosis.traffic_mix import TrafficMix, mix_text
from trimtab.drift.assessment import Assessment
from trimtab.drift.verdict import Verdict

type CauseKind = Literal[
    "deployment", "data_fault", "traffic_mix", "seasonal", "covariate_shift", "concept_change", "unknown"
]
_MOST_NAMED, _MOST_KEPT = 3, 20
"""Columns in a text, and in the evidence."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that may have brought a drift about, in one sentence, with the numbers behind it."""

    kind: CauseKind
    text: str
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Findings:
    """All that is known of a window.

    `outputs`: columns that came out of the model. `faulty`: drifted columns that the faults explain wholly. `ranked`:
    the other columns that moved, the one that matters most first. `deployment` (`at`, `config`): one in the first
    alerting window or right before. `quality`: the latest document of the model's quality. None: not known, or there
    is none.
    """

    assessment: Assessment
    outputs: frozenset[str] = frozenset()
    faults: Sequence[DataFault] = ()
    faulty: Sequence[str] = ()
    ranked: Sequence[RankedColumn] = ()
    deployment: Mapping[str, Any] | None = None
    mix: TrafficMix | None = None
    separation: Separation | None = None
    quality: Mapping[str, Any] | None = None


def likely_causes(known: Findings) -> tuple[Cause, ...]:
    """The causes of what is known, the likeliest first; none where nothing is to be explained."""
    drifted = [name for name in known.assessment.drifted if name not in known.faulty]
    inputs = [name for name in drifted if name not in known.outputs]
    is_all_fault = bool(known.faulty) and not drifted
    wrong = [each for each in known.faults if each.is_wrong]
    concept = _concept_change(known, inputs)
    causes: list[Cause] = []
    if is_all_fault:
        causes.append(_data_fault(known, wrong))
    if known.deployment and (known.assessment.drifted or concept):
        causes.append(_deployment(known.deployment))
    if wrong and not is_all_fault:
        causes.append(_data_fault(known, wrong))
    if drifted and known.mix:
        causes.append(_traffic_mix(known.mix))
    if known.assessment.seasonal:
        causes.append(_seasonal(known.assessment.seasonal))
    if concept and not inputs:
        causes.append(concept)
    if inputs and not known.mix:
        causes.append(_covariate_shift(known, inputs))
    is_quiet = not (known.assessment.drifted or known.assessment.seasonal or wrong)
    if is_quiet and known.separation and known.separation.verdict is Verdict.WARN:
        separation = {"auc": known.separation.auc, "lower": known.separation.lower}
        causes.append(Cause("covariate_shift", f"columns moved together: {known.separation.reason}", separation))
    if concept and inputs:
        causes.append(concept)
    if not causes and known.assessment.drifted:
        outputs = ", ".join(drifted[:_MOST_NAMED])
        text = f"{outputs} moved, no input did, and nothing was deployed: labels would tell whether the concept changed"
        causes.append(Cause("unknown", text, {"columns": drifted[:_MOST_KEPT]}))
    return tuple(causes)


def cause_documents(causes: Sequence[Cause]) -> list[dict[str, Any]]:
    """The causes as plain JSON values."""
    return [{"kind": each.kind, "text": each.text, "evidence": dict(each.evidence)} for each in causes]


def _data_fault(known: Findings, wrong: Sequence[DataFault]) -> Cause:
    told = [each for each in wrong if each.column in known.faulty] or wrong
    whole = " and nothing else drifted" if set(known.faulty) == set(known.assessment.drifted) and known.faulty else ""
    evidence = {
        "faulty": list(known.faulty[:_MOST_KEPT]),
        "faults": [[each.column, each.kind] for each in told[:_MOST_KEPT]],
    }
    return Cause("data_fault", f"the data is at fault{whole}: {sentence(told)}", evidence)


def _deployment(deployment: Mapping[str, Any]) -> Cause:
    text = f"{deployment.get('config') or 'another configuration'} was deployed at {deployment.get('at')}"
    return Cause("deployment", f"{text}, in or right before the first window that alerts", dict(deployment))


def _traffic_mix(mix: TrafficMix) -> Cause:
    explained = dict(list(mix.explained.items())[:_MOST_KEPT])
    return Cause("traffic_mix", mix_text(mix), {"column": mix.column, "shares": mix.shares, "explained": explained})


def _seasonal(columns: Sequence[str]) -> Cause:
    more = f" and {len(columns) - _MOST_NAMED} more" if len(columns) > _MOST_NAMED else ""
    text = f"{', '.join(columns[:_MOST_NAMED])}{more} moved as at the same hours of past weeks"
    return Cause("seasonal", text, {"columns": list(columns[:_MOST_KEPT])})


def _covariate_shift(known: Findings, inputs: Sequence[str]) -> Cause:
    ranked = [each for each in known.ranked if each.name in inputs]
    told = ", ".join(_ranked_text(each) for each in ranked[:_MOST_NAMED]) or ", ".join(inputs[:_MOST_NAMED])
    more = f" and {len(inputs) - _MOST_NAMED} more" if len(inputs) > _MOST_NAMED else ""
    outputs = [name for name in known.assessment.drifted if name in known.outputs]
    followed = f"; the answers followed ({', '.join(outputs[:_MOST_NAMED])})" if outputs else ""
    text = f"the world that the model sees has changed: {told}{more}{followed}"
    return Cause(
        "covariate_shift",
        text,
        {"columns": list(inputs[:_MOST_KEPT]), "ranked": [asdict(each) for each in ranked[:_MOST_KEPT]]},
    )


def _ranked_text(column: RankedColumn) -> str:
    details = [f"PSI {column.psi:.2g}"]
    if column.importance is not None:
        details.append(f"{100 * column.importance:.0f} % of the importance")
    if column.prediction_shift is not None:
        details.append(f"moves the answers by {column.prediction_shift:.2g} σ")
    return f"{column.name} ({', '.join(details)})"


def _concept_change(known: Findings, inputs: Sequence[str]) -> Cause | None:
    """What the labels say, where they say that the concept changed, or that quality fell while no input moved."""
    quality = known.quality or {}
    if quality.get("verdict") not in {"ALERT", "WARN"} or quality.get("basis") != "realised":
        return None
    hint = quality.get("cause") or {}
    if hint.get("cause") == "data_fault" or (hint.get("cause") != "concept_change" and inputs):
        return None
    text = hint.get("text") if hint.get("cause") == "concept_change" else None
    told = str(text or f"labels disagree with the answers, and no input moved: {quality.get('reason')}")
    return Cause("concept_change", told, {"quality": quality.get("verdict"), "metric": hint.get("metric")})
