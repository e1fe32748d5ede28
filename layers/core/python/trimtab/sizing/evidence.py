"""What is told about the size of an endpoint, findings of kind `sizing`, and the whole working that is kept."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from math import isfinite
from typing import Any

import numpy as np

from trimtab.findings import Action, Finding, Origin, Severity, State, finding_about
from trimtab.sizing.application import APPLIED, UNDOING, UNDONE, Mode, Resizing
from trimtab.sizing.endpoint import Endpoint
from trimtab.sizing.notification import Told
from trimtab.sizing.observations import Observations
from trimtab.sizing.proposals import Proposal
from trimtab.sizing.recommendation import Recommendation, Verdict
from trimtab.sizing.setting import Scaling
from trimtab.sizing.simulation import Replay
from trimtab.sizing.verification import HELD, SUPERSEDED, Trial, Verified

ACTION = "rightsize_endpoint"
RUNBOOK = "docs/runbooks/sizing.md"


@dataclass(frozen=True, slots=True)
class Sized:
    """A recommendation with what it was made of, and what is done about it.

    `scaling`: today's, with `remarks` on it; `how`: how people make the change that Trimtab leaves to them;
    `usd_per_hour`: of one of today's instances; `working`: where the whole working lies.
    """

    endpoint: Endpoint
    found: Recommendation
    usd_per_hour: float | None
    scaling: Scaling | None
    remarks: Sequence[str]
    mode: Mode
    outcome: str
    how: Mapping[str, Any]
    working: str

    @property
    def usd_month(self) -> float | None:
        """What today's setting cost a month in the replay."""
        return self.found.today.monthly_usd(self.usd_per_hour) if self.found.today else None

    @property
    def saving_usd_month(self) -> float | None:
        """What the proposal saves a month, 0 when nothing is worth a change; None when that is not known."""
        if self.found.verdict is Verdict.RIGHT_SIZED:
            return 0.0
        proposal = self.found.proposal
        return proposal.saving.mid if proposal and proposal.saving else None


def recommendation_finding(origin: Origin, sized: Sized, told: Told, state: State, now: datetime) -> Finding:
    """What an endpoint's size should be. `told`: as it is remembered, which makes it this fact."""
    found, proposal = sized.found, sized.found.proposal
    severity: Severity = "warning" if found.verdict is Verdict.UNDERSIZED and state != "cleared" else "info"
    fact = ("sizing", told.verdict, told.proposed, told.waiting, told.since.isoformat(), state)
    saving = proposal.saving if proposal else None
    return finding_about(
        origin,
        now,
        fact,
        kind="sizing",
        severity=severity,
        state=state,
        title=_title(origin.endpoint, found),
        reason=found.reason,
        action=Action(name=ACTION, mode=sized.mode, outcome=sized.outcome),
        evidence=plain(
            {
                "verdict": found.verdict.value,
                "now": f"{sized.endpoint.instances} × {sized.endpoint.instance_type}",
                "proposed": words(proposal) if proposal else "",
                "saving_usd_month": round(saving.mid, 2) if saving else None,
                "confidence": round(proposal.confidence.value, 3) if proposal else None,
                "target_ms": found.target_ms,
                "simulation": {
                    "today": replay_evidence(found.today, sized.usd_month),
                    "proposed": replay_evidence(proposal.replay, proposal.monthly_usd) if proposal else None,
                },
                "top": [proposal_evidence(each) for each in found.top],
                "demand": demand_evidence(found),
                "advice": [asdict(each) for each in found.advice],
                "scaling_today": sized.scaling.document() if sized.scaling else None,
                "remarks": list(sized.remarks),
                "how": sized.how,
            }
        ),
        links={"working": sized.working, "runbook": RUNBOOK},
    )


def change_finding(origin: Origin, change: Resizing, now: datetime) -> Finding:
    """How far a change has come: it was begun, is in force, is being undone, was undone, or failed."""
    words_ = change.plan.words
    titles = {
        APPLIED: f"{origin.endpoint} now has {words_}",
        UNDONE: f"{origin.endpoint} has the instances again that it had before",
        UNDOING: f"{origin.endpoint} gets back the instances it had",
        "failed": f"{origin.endpoint} could not be given {words_}",
    }
    outcomes = {
        APPLIED: f"gave it {words_}; verified from now on",
        UNDONE: f"took {words_} back",
        UNDOING: f"takes {words_} back",
        "failed": change.why,
    }
    is_bad = change.phase not in {APPLIED, "applying"}
    state: State = "cleared" if change.phase == UNDONE else "raised" if is_bad else "continued"
    return finding_about(
        origin,
        now,
        ("sizing", change.id, change.phase),
        kind="sizing",
        severity="critical" if change.phase == "failed" else "warning" if is_bad else "info",
        state=state,
        title=titles.get(change.phase, f"{origin.endpoint} is being given {words_}"),
        reason=change.why or change.undoes or change.reason,
        action=Action(name=ACTION, mode=change.mode, outcome=outcomes.get(change.phase, f"gives it {words_}")),
        evidence={
            "change": change.id,
            "by": change.by,
            "why": change.reason,
            "undone_because": change.undoes,
            "before": change.before.document(),
            "wanted": change.wanted.document(),
            "plan": change.plan.document(),
            "prediction": change.prediction.document(),
            "started": change.started.isoformat(),
            "ended": change.ended.isoformat() if change.ended else None,
        },
        links={"runbook": RUNBOOK},
    )


def trial_finding(origin: Origin, trial: Trial, verified: Verified, now: datetime) -> Finding:
    """How the verification of a change ended, where it was not undone."""
    words_ = trial.change.plan.words
    titles = {
        HELD: f"{origin.endpoint} with {words_} does what was predicted",
        SUPERSEDED: f"{origin.endpoint} was changed by somebody else while {words_} was verified",
    }
    return finding_about(
        origin,
        now,
        ("sizing", trial.change.id, "trial", trial.outcome),
        kind="sizing",
        severity="info" if trial.outcome in titles else "warning",
        state="cleared" if trial.outcome == HELD else "continued",
        title=titles.get(trial.outcome, f"{origin.endpoint}: whether {words_} does what was predicted is not known"),
        reason=trial.reason,
        action=Action(name=ACTION, mode=trial.change.mode, outcome=f"verification ended: {trial.outcome}"),
        evidence={"change": trial.change.id, "started": trial.started.isoformat(), **verified.evidence},
        links={"runbook": RUNBOOK},
    )


def working_document(
    sized: Sized, observations: Observations, weekly: Sequence[float], prices_as_of: str, now: datetime
) -> dict[str, Any]:
    """The whole working for one variant as plain JSON values."""
    found = sized.found
    known = np.isfinite(observations.invocations)
    document: dict[str, Any] = plain(
        {
            "at": now,
            "read": {
                "from": observations.start,
                "minutes": len(observations.invocations),
                "with_known_requests": int(known.sum()),
                "problem": observations.problem,
            },
            "endpoint": asdict(sized.endpoint),
            "verdict": found.verdict,
            "reason": found.reason,
            "target_ms": found.target_ms,
            "demand": asdict(found.demand) if found.demand else None,
            "weekly_rps": list(weekly),
            "workload": asdict(found.workload) if found.workload else None,
            "capacity_today": asdict(found.capacity_today) if found.capacity_today else None,
            "simulation_today": replay_evidence(found.today, sized.usd_month),
            "proposal": proposal_evidence(found.proposal) if found.proposal else None,
            "top": [proposal_evidence(each) for each in found.top],
            "rejected": [asdict(each) for each in found.rejected],
            "advice": [asdict(each) for each in found.advice],
            "scaling_today": sized.scaling.document() if sized.scaling else None,
            "remarks": list(sized.remarks),
            "prices_as_of": prices_as_of,
            "action": {"name": ACTION, "mode": sized.mode, "outcome": sized.outcome},
            "how": sized.how,
        }
    )
    return document


def proposal_evidence(proposal: Proposal) -> dict[str, Any]:
    """A proposal as evidence."""
    policy, saving = proposal.policy, proposal.saving
    return {
        "instance_type": proposal.instance_type,
        "words": words(proposal),
        "count": proposal.count,
        "policy": None
        if policy is None
        else {
            "minimum": policy.minimum,
            "maximum": policy.maximum,
            "metric": policy.metric,
            "target_value": round(policy.target_value, 1),
            "scale_in_cooldown_s": policy.scale_in_cooldown_s,
            "scale_out_cooldown_s": policy.scale_out_cooldown_s,
            "scheduled": [asdict(each) for each in policy.scheduled],
        },
        "capacity": asdict(proposal.capacity),
        "usd_per_hour": proposal.usd_per_hour,
        "monthly_usd": round(proposal.monthly_usd, 2),
        "saving_usd_month": [round(each, 2) for each in (saving.low, saving.mid, saving.high)] if saving else None,
        "simulation": replay_evidence(proposal.replay, proposal.monthly_usd),
        "confidence": asdict(proposal.confidence),
    }


def replay_evidence(replay: Replay | None, usd_month: float | None) -> dict[str, Any] | None:
    """A replay as evidence."""
    if replay is None:
        return None
    return {
        "minutes_over_target": float(f"{replay.broken_share:.4g}"),
        "requests_in_them": float(f"{replay.broken_requests_share:.4g}"),
        "instance_hours": round(replay.instance_hours, 1),
        "mean_instances": round(replay.mean_instances, 3),
        "most_instances": replay.most_instances,
        "changes": replay.changes,
        "monthly_usd": None if usd_month is None else round(usd_month, 2),
    }


def demand_evidence(found: Recommendation) -> dict[str, float | None]:
    """The traffic in few numbers, in requests per second."""
    if found.demand is None:
        return {}
    names = ("mean", "p50", "p99", "peak", "growth", "burst", "design", "seasonality", "idle_share", "days")
    return {name: getattr(found.demand, name) for name in names}


def words(proposal: Proposal) -> str:
    """A proposal in few words."""
    policy = proposal.policy
    if policy is None or policy.minimum == policy.maximum:
        return f"{proposal.count} × {proposal.instance_type}"
    return f"{policy.minimum} to {policy.maximum} × {proposal.instance_type}"


def plain(value: Any) -> Any:
    """A value as plain JSON: no number that is none, no sets, no moments, no enumerations."""
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(map(plain, value))
    if isinstance(value, list | tuple):
        return [plain(each) for each in value]
    if isinstance(value, float):
        return value if isfinite(value) else None
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value


def _title(name: str, found: Recommendation) -> str:
    proposal = found.proposal
    match found.verdict:
        case Verdict.OVERSIZED if proposal and proposal.saving:
            return f"{name} could run on {words(proposal)} and save {proposal.saving.mid:,.0f} USD a month"
        case Verdict.OVERSIZED:
            return f"{name} is larger than its traffic needs"
        case Verdict.UNDERSIZED if proposal:
            return f"{name} is too small: it needs {words(proposal)}"
        case Verdict.UNDERSIZED:
            return f"{name} is too small, and nothing can be proposed"
        case Verdict.IDLE:
            return f"{name} is idle: somebody should delete it"
        case _:
            return f"{name} is right-sized"
