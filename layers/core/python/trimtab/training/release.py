"""What a change in the model registry means for an endpoint: release, go back, or nothing."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trimtab.training.job_changes import PackageChange

APPROVED, REJECTED, COMPLETED = "Approved", "Rejected", "Completed"


class ReleaseAction(StrEnum):
    """RELEASE: through staging, where there is one, and a canary. REVERT: the same for an older version, after a
    person's confirmation. NOTHING_LEFT: the live version is rejected, and no other can serve."""

    RELEASE = "release"
    REVERT = "revert"
    NOTHING_LEFT = "nothing_left"
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True)
class Deployed:
    """What an endpoint serves: the live version, and the one that a rollout is bringing, if any. `tried`: ARNs of
    versions that a canary has rolled back. None: not a version of the registry."""

    group: str
    live: PackageChange | None
    coming: PackageChange | None = None
    tried: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ReleaseDecision:
    """What to do. `key`: what the event is remembered by once it is done. `champion`: ARN of the version that is kept
    to go back to. `stages`: endpoints that the version serves, one after the other."""

    action: ReleaseAction
    reason: str
    key: str
    package: PackageChange | None = None
    champion: str = ""
    stages: tuple[str, ...] = ()
    needs_confirmation: bool = False


def decide_release(
    event: PackageChange,
    present: PackageChange | None,
    deployed: Deployed,
    handled: Mapping[str, str],
    versions: Sequence[PackageChange],
    *,
    endpoint: str,
    staging: str | None = None,
    is_rollback: bool = False,
) -> ReleaseDecision:
    """What an event about a version means now.

    `present`: the version read again, None when it is gone: the event says only that something changed. `handled`: by
    ARN the approval that was acted on last. `versions`: all of the group. `is_rollback`: a person wants an older one.
    """
    key = release_key(event)
    if present is None:
        return _ignore(key, "the version does not exist any more")
    if present.group != deployed.group:
        return _ignore(key, f"it is of group {present.group or 'none'}, the endpoint serves {deployed.group}")
    if present.approval != event.approval:
        return _ignore(key, f"it was {event.approval or 'not judged'} and is {present.approval or 'not judged'} now")
    if handled.get(present.arn) == present.approval:
        return _ignore(key, f"that it is {present.approval} was acted on already")
    if present.approval == REJECTED:
        return _go_back(key, present, deployed, versions, endpoint, staging)
    if present.approval != APPROVED:
        return _ignore(key, f"it is {present.approval or 'not judged'}")
    if present.status != COMPLETED:
        return _ignore(key, f"the version is {present.status}, not {COMPLETED}")
    return _release(key, present, deployed, endpoint, staging, is_rollback)


def release_key(change: PackageChange) -> str:
    """What an event is told apart by: the version and its approval, however often it is told."""
    return f"{change.arn}#{change.approval}"


def newest_approved(versions: Sequence[PackageChange], *, without: Collection[str] = ()) -> PackageChange | None:
    """The newest version that may serve, but for those ARNs."""
    fit = [each for each in versions if each.approval == APPROVED and each.status == COMPLETED]
    return max((each for each in fit if each.arn not in without), key=lambda each: each.version, default=None)


def _release(
    key: str, present: PackageChange, deployed: Deployed, endpoint: str, staging: str | None, is_rollback: bool
) -> ReleaseDecision:
    for known, what in ((deployed.live, "serves"), (deployed.coming, "is being released")):
        if known is None:
            continue
        if known.arn == present.arn:
            return _ignore(key, f"version {present.version} {what} already")
        if known.version > present.version and not is_rollback:
            return _ignore(key, f"version {known.version}, which {what}, is newer than version {present.version}")
    live = deployed.live
    champion = "" if live is None else live.arn
    before = "nothing of the registry serves" if live is None else f"version {live.version} serves"
    return ReleaseDecision(
        ReleaseAction.RELEASE,
        f"version {present.version} is approved, {before}",
        key,
        present,
        champion,
        _stages(endpoint, staging),
    )


def _go_back(
    key: str,
    rejected: PackageChange,
    deployed: Deployed,
    versions: Sequence[PackageChange],
    endpoint: str,
    staging: str | None,
) -> ReleaseDecision:
    if deployed.live is None or deployed.live.arn != rejected.arn:
        return _ignore(key, f"version {rejected.version} was rejected; it does not serve")
    other = newest_approved(versions, without={rejected.arn, *deployed.tried})
    if other is None:
        reason = f"version {rejected.version} serves and was rejected; no other version is approved"
        return ReleaseDecision(ReleaseAction.NOTHING_LEFT, reason, key)
    return ReleaseDecision(
        ReleaseAction.REVERT,
        f"version {rejected.version} serves and was rejected; version {other.version} is the newest approved one",
        key,
        other,
        rejected.arn,
        _stages(endpoint, staging),
        needs_confirmation=True,
    )


def _stages(endpoint: str, staging: str | None) -> tuple[str, ...]:
    return (endpoint,) if staging is None else (staging, endpoint)


def _ignore(key: str, reason: str) -> ReleaseDecision:
    return ReleaseDecision(ReleaseAction.IGNORE, reason, key)
