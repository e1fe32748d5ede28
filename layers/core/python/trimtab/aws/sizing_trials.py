"""Changes of instances that are in force, held against what was predicted of them: kept, undone or given up."""

from datetime import datetime
from typing import Any

from trimtab.aws import sagemaker_deployments as deployments
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.resizings import TRIALS, Run, carry_on, put, read_seen
from trimtab.aws.sizing_metrics import PUBLISHED, read_hourly, read_minutes
from trimtab.aws.state_table import StateDocument, write_state
from trimtab.sizing import verification
from trimtab.sizing.application import MOVING
from trimtab.sizing.description import publish_seconds
from trimtab.sizing.evidence import trial_finding
from trimtab.sizing.observations import METRICS, from_datapoints
from trimtab.sizing.verification import Answer, Trial, Verified


def check_trial(trial: Trial, stored: StateDocument, change: StateDocument, run: Run) -> dict[str, Any]:
    """Hold a change in force against what was predicted; undo it when that does not hold. `stored`, `change`: the
    trial's and the endpoint's items as they were read."""
    seen = read_seen(trial.change.endpoint, trial.change.variant)
    if seen is not None and seen.status in MOVING:
        return {"trial": trial.change.id, "reason": f"the endpoint is {seen.status}"}
    if other := verification.superseded_by(trial, seen):
        return _close(trial, Verified(Answer.HELD, other), verification.SUPERSEDED, stored, run)
    start = verification.first_hour(trial)
    end = (run.now - PUBLISHED).replace(minute=0, second=0, microsecond=0)
    if end <= start:
        return {"trial": trial.change.id, "reason": "no whole hour has passed yet"}
    verified = _read_verified(trial, start, end, run)
    if verified.answer is Answer.BROKEN:
        undoing = trial.change.undoing(f"{trial.change.plan.words}: {verified.reason}", run.now)
        return carry_on(undoing, put(undoing, change, run), run)
    if verified.answer is Answer.WAIT:
        return {"trial": trial.change.id, "reason": verified.reason, "evidence": verified.evidence}
    outcome = verification.HELD if verified.answer is Answer.HELD else verification.UNVERIFIED
    return _close(trial, verified, outcome, stored, run)


def _read_verified(trial: Trial, start: datetime, end: datetime, run: Run) -> Verified:
    """Hold the hours from `start` to `end` against what a change was predicted to do."""
    name, variant = trial.change.endpoint, trial.change.variant
    settings = load_endpoint_settings(run.settings.name, run.table, name).settings.sizing
    wanted = {each: METRICS[each][:2] for each in ("invocations", "instances")}
    read = read_minutes(name, variant, wanted, start, end)
    config = deployments.describe_config(trial.change.config)
    minutes = from_datapoints(
        read.points, start=start, end=end, incomplete=read.incomplete, publish_seconds=publish_seconds(config)
    )
    _, p99 = read_hourly(name, variant, start, end)
    in_ms = {hour: value / 1000 for hour, value in p99.points.items()}
    return verification.verify(trial, minutes, in_ms, run.now, settings)


def _close(trial: Trial, verified: Verified, outcome: str, stored: StateDocument, run: Run) -> dict[str, Any]:
    """End a verification, and tell how it ended."""
    name, variant = trial.change.endpoint, trial.change.variant
    closed = trial.closed(outcome, verified.reason, run.now)
    run.tell(trial_finding(run.origin(name, variant), closed, verified, run.now))
    write_state(run.table, TRIALS, name, closed.document(), after=stored)
    return {"trial": trial.change.id, "outcome": outcome, "reason": verified.reason}
