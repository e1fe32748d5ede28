"""What a person may say to a rollout in progress."""

from datetime import datetime
from typing import Literal

from trimtab.rollout.ending import roll_back
from trimtab.rollout.state import TERMINAL, WAY_BACK, WITH_TRAFFIC, Phase, Rollout, minutes_between

type Command = Literal["pause", "resume", "promote", "abort"]


class CommandRefusedError(ValueError):
    """The rollout cannot do this now. The message says why."""


def obey(rollout: Rollout, command: Command, by: str, reason: str, now: datetime) -> Rollout:
    """The rollout after a command; unchanged when it was given before. Raises CommandRefusedError.

    `pause`: the share stays as it is, but harm still rolls back, and the time for a decision stands still. `promote`:
    on to all traffic and to the end without waiting for bake times or evidence; harm still rolls back.
    """
    if rollout.phase in TERMINAL or (rollout.phase in WAY_BACK and command != "abort"):
        raise CommandRefusedError(f"rollout {rollout.id} is {rollout.phase.value}: {rollout.reason}")
    if rollout.request.mode == "guardrail" and command != "abort":
        raise CommandRefusedError("SageMaker's guardrail moves this traffic: it can only be aborted")
    if command == "abort":
        return _aborted(rollout, by, reason, now)
    told = _said(command, by, reason)
    if command == "pause":
        paused = rollout.paused_since is not None
        return rollout if paused else rollout.changed(paused_since=now).noted("paused", now, told, by)
    if command == "resume":
        if rollout.paused_since is None:
            return rollout
        minutes = rollout.paused_minutes + minutes_between(rollout.paused_since, now)
        return rollout.changed(paused_since=None, paused_minutes=minutes, held=None).noted("resumed", now, told, by)
    if rollout.promote_by:
        return rollout
    if rollout.phase not in WITH_TRAFFIC:
        raise CommandRefusedError(f"rollout {rollout.id} is {rollout.phase.value}: there is no canary to promote")
    return rollout.changed(promote_by=by or "somebody").noted("promote_ordered", now, told, by)


def _aborted(rollout: Rollout, by: str, reason: str, now: datetime) -> Rollout:
    if rollout.phase in {Phase.ROLLING_BACK, Phase.REMOVING}:
        return rollout
    if rollout.phase is Phase.RESTORING:
        raise CommandRefusedError(f"rollout {rollout.id} has ended: {rollout.reason}")
    return roll_back(rollout, _said("abort", by, reason), now, by)


def _said(command: str, by: str, reason: str) -> str:
    return f"{command} by {by or 'somebody'}" + (f": {reason}" if reason else "")
