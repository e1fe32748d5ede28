"""What people are told of retrainings and releases, as findings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Literal

from trimtab.findings import Action, Finding, Origin, Severity, State, finding_about
from trimtab.training.drift_helped import Help, Outcome
from trimtab.training.gates import all_passed, why_not
from trimtab.training.guards import StartAction, StartDecision
from trimtab.training.job_changes import JobChange
from trimtab.training.release import ReleaseAction, ReleaseDecision
from trimtab.training.release_progress import Phase, Release
from trimtab.training.spot import Saving
from trimtab.training.trigger import Trigger
from trimtab.training.verdicts import GateVerdict, verdicts_document
from trimtab.training.version_record import VersionRecord

type Mode = Literal["observe", "propose", "act"]
_RELEASES: Mapping[ReleaseAction, tuple[Severity, str]] = {
    ReleaseAction.RELEASE: ("info", "a version is approved"),
    ReleaseAction.REVERT: ("critical", "the version that serves was rejected"),
    ReleaseAction.NOTHING_LEFT: ("critical", "the version that serves was rejected, and there is no other"),
    ReleaseAction.IGNORE: ("info", "a change in the registry changes nothing"),
}

_PROGRESS: Mapping[Phase, tuple[Severity, State, str]] = {
    "confirming": ("critical", "raised", "version {version} waits to be confirmed"),
    "waiting": ("info", "continued", "version {version} comes to {stage} next"),
    "rolling": ("info", "raised", "version {version} is being rolled out on {stage}"),
    "released": ("info", "cleared", "version {version} is released"),
    "refused": ("warning", "raised", "version {version} cannot be rolled out on {stage}"),
    "rolled_back": ("warning", "raised", "version {version} did not stay on {stage}"),
}


_STARTS = {
    "start": "a retraining starts",
    "propose": "a retraining waits for an approval",
    "observe": "a retraining would start",
    "failed": "a retraining could not be started",
    "waits": "a retraining waits for a limit of the account",
}


def start_finding(
    origin: Origin,
    trigger: Trigger,
    decision: StartDecision,
    mode: Mode,
    outcome: str,
    now: datetime,
    *,
    hindered: Literal["", "failed", "waits"] = "",
) -> Finding:
    """That a training was started, or why not, with what each guard said. `outcome`: what was done, such as an ARN.
    `hindered`: it was to start, and could not, or not yet."""
    refused = decision.action is StartAction.REFUSE
    codes = [each.code for each in decision.refusals]
    # what waited for an approval and then started, or could not, are facts of their own: each is told
    stage = hindered or ("start" if mode == "act" else mode)
    return finding_about(
        origin,
        now,
        ("retraining", decision.token, *(codes or [stage])),
        kind="retraining",
        severity="warning" if refused or hindered else "info",
        state="raised",
        title=f"{origin.endpoint}: {'no retraining' if refused else _STARTS[stage]}",
        reason=decision.reason,
        action=Action(name="start_retraining", mode=mode, outcome=outcome),
        evidence={
            "token": decision.token,
            "trigger": {**asdict(trigger), "moved": list(trigger.moved), "faulty": list(trigger.faulty)},
            "refused": codes,
            "guards": [
                {"guard": each.guard, "passed": each.passed, "reason": each.reason, "numbers": dict(each.numbers)}
                for each in decision.verdicts
            ],
        },
        links={"report": trigger.report} if trigger.report else {},
    )


def ended_finding(
    origin: Origin, change: JobChange, saving: Saving | None, outcome: str, links: Mapping[str, str], now: datetime
) -> Finding:
    """That a training has ended, how, and what it cost. `outcome`: what follows, such as a retry on demand."""
    why = ": ".join(part for part in (change.secondary, change.failure) if part and part != change.status)
    saved = "" if saving is None or saving.percent is None else f"; spot saved {saving.percent:.0f} % of the time"
    return finding_about(
        origin,
        now,
        ("retraining", change.arn, change.status),
        kind="retraining",
        severity="info" if change.has_succeeded else "critical",
        state="cleared" if change.has_succeeded else "raised",
        title=f"{origin.endpoint}: {change.kind.replace('_', ' ')} {change.name} is {change.status}",
        reason=f"{change.name} is {change.status}{f' ({why})' if why else ''}{saved}",
        action=Action(name="watch_training", mode="act", outcome=outcome),
        evidence={
            "arn": change.arn,
            "status": change.status,
            "secondary": change.secondary,
            "failure": change.failure,
            "training_seconds": change.training_seconds,
            "billable_seconds": change.billable_seconds,
            "instances": f"{change.instance_count} × {change.instance_type}" if change.instance_type else "",
            "saved_percent": saving and saving.percent,
            "saved_usd": saving and saving.saved_usd,
            "cost_usd": saving and saving.cost_usd,
        },
        links=links,
    )


def gates_finding(
    origin: Origin, model: str, verdicts: Sequence[GateVerdict], links: Mapping[str, str], now: datetime
) -> Finding:
    """That a new model passed the gates, or which it did not and why."""
    reasons, passed = why_not(verdicts), all_passed(verdicts)
    return finding_about(
        origin,
        now,
        ("retraining", model, "gates", "passed" if passed else "refused"),
        kind="retraining",
        severity="info" if passed else "warning",
        state="raised",
        title=f"{origin.endpoint}: {model} {'passed the gates' if passed else 'did not pass the gates'}",
        reason=f"all {len(verdicts)} gates passed" if passed else "; ".join(reasons) or "no gate was judged",
        action=Action(name="gate", mode="act", outcome="may be registered" if passed else "not registered"),
        evidence={"model": model, "gates": verdicts_document(verdicts)},
        links=links,
    )


def registered_finding(
    origin: Origin, package: str, record: VersionRecord, approval: str, links: Mapping[str, str], now: datetime
) -> Finding:
    """That a new version is in the registry."""
    waits = "it is released" if approval == "Approved" else "approve it in the registry to have it released"
    return finding_about(
        origin,
        now,
        ("retraining", package, "registered"),
        kind="retraining",
        severity="info",
        state="raised",
        title=f"{origin.endpoint}: version {record.version} of {record.group} is registered",
        reason=f"record {record.version} of {record.group} passed every gate; {waits}",
        action=Action(name="register", mode="act", outcome=f"{package} is {approval}"),
        evidence={"package": package, "approval": approval, "record": record.version, "metrics": dict(record.metrics)},
        links=links,
    )


def unregistered_finding(origin: Origin, token: str, reason: str, links: Mapping[str, str], now: datetime) -> Finding:
    """That a training has ended well and no version came of it, for a reason that is no gate's."""
    return finding_about(
        origin,
        now,
        ("retraining", token, "unregistered"),
        kind="retraining",
        severity="critical",
        state="raised",
        title=f"{origin.endpoint}: the new model cannot be registered",
        reason=reason,
        action=Action(name="register", mode="act", outcome="not registered"),
        evidence={"token": token},
        links=links,
    )


def release_finding(origin: Origin, decision: ReleaseDecision, mode: Mode, outcome: str, now: datetime) -> Finding:
    """What a change in the registry led to."""
    severity, title = _RELEASES[decision.action]
    return finding_about(
        origin,
        now,
        ("release", decision.key, decision.action),
        kind="release",
        severity=severity,
        state="raised",
        title=f"{origin.endpoint}: {title}",
        reason=decision.reason,
        action=Action(name="release_model", mode=mode, outcome=outcome),
        evidence={
            "version": None if decision.package is None else decision.package.version,
            "package": "" if decision.package is None else decision.package.arn,
            "champion": decision.champion,
            "stages": list(decision.stages),
            "needs_confirmation": decision.needs_confirmation,
        },
    )


def progress_finding(origin: Origin, release: Release, outcome: str, now: datetime) -> Finding:
    """How a release goes on, or has ended."""
    severity, state, title = _PROGRESS[release.phase]
    return finding_about(
        origin,
        now,
        ("release", release.id, release.phase, str(release.stage), *(("checked",) if release.is_checked else ())),
        kind="release",
        severity=severity,
        state=state,
        title=f"{origin.endpoint}: {title.format(version=release.version, stage=release.at_stage)}",
        reason=outcome,
        action=Action(name="release_model", mode="act", outcome=outcome),
        evidence={
            "release": release.id,
            "version": release.version,
            "package": release.package,
            "champion": release.champion,
            "stages": list(release.stages),
            "stage": release.at_stage,
            "rollout": release.rollout,
            "by": release.by,
        },
    )


def help_finding(origin: Origin, package: str, help_: Help, in_vain: int, stops: bool, now: datetime) -> Finding:
    """Whether a released version helped; `stops`: no retraining is started any more until somebody asks for one."""
    helped = help_.outcome is Outcome.HELPED
    stop = f"; {in_vain} in a row did not help, so no further one is started by itself" if stops else ""
    return finding_about(
        origin,
        now,
        ("retraining", package, "helped", help_.outcome),
        kind="retraining",
        severity="critical" if stops else "info" if helped else "warning",
        state="cleared" if helped else "raised",
        title=f"{origin.endpoint}: {'the retraining helped' if helped else 'the retraining was not seen to help'}",
        reason=help_.reason + stop,
        action=Action(name="check_drift_helped", mode="act", outcome="stopped" if stops else "done"),
        evidence={
            "package": package,
            "outcome": help_.outcome.value,
            "rows": help_.rows,
            "gain": help_.gain,
            "least": help_.least,
            "in_vain": in_vain,
        },
    )
