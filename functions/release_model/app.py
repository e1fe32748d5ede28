"""release_model: when a version is approved in the model registry, bring it to its endpoints, each by a rollout.

Told by the registry's state changes; by findings about rollouts, which bring a release to its next stage; every 15
minutes by schedule, for events may be lost. By payload: `{"model_package": "arn:…", "by": "anna"}` (with `"rollback":
true` also an older version), and `{"endpoint": "churn", "command": "confirm", "by": "anna"}` to go back when the live
version was rejected. Everything is read again before anything is done, so that events may come twice, late or
shuffled: a version is released once for each approval, and never an older one than serves.
"""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal, Self

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, ConfigDict, model_validator

from trimtab.aws import state_bucket
from trimtab.aws.again import again_on
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import ask_function, region_and_account
from trimtab.aws.model_registry import describe_version, served_version, versions
from trimtab.aws.sagemaker import endpoint_names
from trimtab.aws.state_table import StaleStateError, StateDocument, list_states, read_state, write_state
from trimtab.findings import Finding, Origin
from trimtab.rollout.freeze import frozen_by
from trimtab.rollout.state import CHANGES
from trimtab.settings import ReleaseModelSettings
from trimtab.training.changes import change_in_progress
from trimtab.training.evidence import progress_finding, release_finding
from trimtab.training.job_changes import PackageChange
from trimtab.training.job_events import NotAJobEventError, changes, package_described
from trimtab.training.release import REJECTED, Deployed, ReleaseAction, ReleaseDecision, decide_release
from trimtab.training.release_progress import RELEASES, Release, Releases, release_id, releases_of
from trimtab.training.settings import RetrainingSettings
from trimtab.training.staging_check import check_request, parse_check

logger = Logger()
metrics = Metrics()
tracer = Tracer()

CANARY = "Canary"
"""The detail-type of findings about rollouts."""
MOST_MOVES = 5


class Request(BaseModel):
    """The payload."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str | None = None
    model_package: str | None = None
    command: Literal["confirm"] | None = None
    rollback: bool = False
    by: str = ""

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if self.command and not (self.endpoint and self.by):
            raise ValueError("a confirmation names its endpoint and by whom it is")
        if self.model_package and not self.by:
            raise ValueError("name by whom it is asked for")
        return self


class NothingToConfirmError(LookupError):
    """Nothing waits to be confirmed for this endpoint (any more)."""


class EndpointsFailedError(RuntimeError):
    """Something could not be done for some endpoints; for all others it was."""


@dataclass(frozen=True)
class Run:
    """What is the same for all of one invocation. `request_id`: the same when Lambda tries again."""

    settings: ReleaseModelSettings
    account: str
    region: str
    now: datetime
    request_id: str

    @property
    def table(self) -> str:
        return self.settings.state_table_name

    def tell(self, *findings: Finding) -> None:
        publish_findings(self.settings.findings_bus_name, findings)


@dataclass(frozen=True)
class Subject:
    """An endpoint and its releases, as they are remembered in `document`."""

    endpoint: str
    settings: RetrainingSettings
    releases: Releases
    document: StateDocument
    run: Run

    @property
    def origin(self) -> Origin:
        return Origin(self.run.account, self.run.region, self.endpoint, "*")

    def save(self, releases: Releases) -> "Subject":
        """Remember the releases as they are now."""
        if releases == self.releases:
            return self
        content = releases.document()
        write_state(self.run.table, RELEASES, self.endpoint, content, self.document)
        return replace(self, releases=releases, document=StateDocument(content, self.document.version + 1))


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    region, account = region_and_account(context.invoked_function_arn)
    settings = ReleaseModelSettings.from_environment(os.environ)
    run = Run(settings, account, region, datetime.now(UTC), context.aws_request_id)
    kind = str(event.get("detail-type", ""))
    if "Records" in event or kind.startswith("SageMaker "):
        return {"endpoints": for_packages(event, run)}
    if kind:  # a finding about a rollout, or the schedule
        return {"endpoints": for_each(in_progress(run, event if kind == CANARY else {}), run)}
    request = Request.model_validate(event)
    if request.command and request.endpoint:
        return {"endpoints": {request.endpoint: confirm(request.endpoint, request.by, run)}}
    if request.model_package:
        return {"endpoints": for_request(request, run)}
    return {"endpoints": for_each([request.endpoint] if request.endpoint else in_progress(run, {}), run)}


def for_packages(event: Mapping[str, Any], run: Run) -> dict[str, Any]:
    """Consider what an event tells of versions, for every endpoint that serves their group."""
    try:
        told = [each for each in changes(event) if isinstance(each, PackageChange)]
    except NotAJobEventError as error:
        logger.warning("Event is not understood", extra={"problem": str(error)})
        return {}
    return {
        name: with_subject(name, run, partial(consider, change=change))
        for change in told
        for name in served_by(change.group, run)
    }


def for_request(request: Request, run: Run) -> dict[str, Any]:
    """Release the version that a person names."""
    described = describe_version(request.model_package or "")
    if described is None:
        return {request.endpoint or "*": {"action": ReleaseAction.IGNORE, "reason": "there is no such version"}}
    change = package_described(described)
    names = [request.endpoint] if request.endpoint else served_by(change.group, run)
    work = partial(consider, change=change, by=request.by, is_rollback=request.rollback)
    return {name: with_subject(name, run, work) for name in names}


def for_each(names: Iterable[str], run: Run) -> dict[str, Any]:
    """Carry releases on; one that fails does not stop the others."""
    outcomes: dict[str, Any] = {}
    failed: list[str] = []
    for name in names:
        try:
            outcomes[name] = with_subject(name, run, carry_on)
        except Exception:
            # the error raised at the end makes Lambda try again
            logger.exception("Release could not be carried on", extra={"endpoint": name})
            failed.append(name)
    if failed:
        raise EndpointsFailedError(f"failed: {', '.join(failed)}; done: {', '.join(outcomes) or 'none'}")
    return outcomes


def with_subject(name: str, run: Run, work: Callable[[Subject], dict[str, Any]]) -> dict[str, Any]:
    """Do work on an endpoint's releases as they are, again when another run was faster."""
    return again_on(StaleStateError, lambda: work(read_subject(name, run)))


def in_progress(run: Run, event: Mapping[str, Any]) -> list[str]:
    """The endpoints with a release that is to be followed, of a finding those that it may bring further."""
    about = (event.get("detail") or {}).get("endpoint") if event else None
    return [
        name
        for name, document in list_states(run.table, RELEASES).items()
        if (releases := releases_of(document.content))
        and (releases.queued or (releases.current and releases.current.in_progress))
        and (about is None or (releases.current and about in releases.current.stages))
    ]


def served_by(group: str, run: Run) -> list[str]:
    """The endpoints whose settings name a group of the registry."""
    names = endpoint_names() if group else ()
    return [name for name in names if settings_of(name, run).model_package_group == group]


def settings_of(endpoint: str, run: Run) -> RetrainingSettings:
    """How an endpoint's model is retrained and released."""
    return load_endpoint_settings(run.settings.name, run.table, endpoint).settings.retraining


def read_subject(endpoint: str, run: Run) -> Subject:
    """An endpoint and its releases."""
    document = read_state(run.table, RELEASES, endpoint)
    return Subject(endpoint, settings_of(endpoint, run), releases_of(document.content), document, run)


@tracer.capture_method(capture_response=False)
def consider(subject: Subject, change: PackageChange, *, by: str = "", is_rollback: bool = False) -> dict[str, Any]:
    """Decide what a change in the registry means for an endpoint, and do it."""
    settings, run = subject.settings, subject.run
    described = describe_version(change.arn)
    present = package_described(described) if described else None
    decision = decide_release(
        change,
        present,
        deployed(subject),
        {} if by else subject.releases.handled,
        [package_described(each) for each in versions(change.group)] if change.approval == REJECTED else (),
        endpoint=subject.endpoint,
        staging=settings.staging_endpoint,
        is_rollback=is_rollback,
    )
    logger.info("Version considered", extra={"endpoint": subject.endpoint, "decision": decision.action})
    after = subject.releases.after_handling(change.arn, change.approval)
    if decision.action is ReleaseAction.IGNORE:
        if present and present.approval == change.approval == REJECTED:
            subject.save(after)  # so that approving it again is something new
        return {"action": decision.action, "reason": decision.reason}
    release = wanted(decision, present, by, run)
    if release is None or (settings.mode == "observe" and not by):
        outcome = "somebody has to look" if release is None else f"would be rolled out on {', '.join(release.stages)}"
        run.tell(release_finding(subject.origin, decision, settings.mode, outcome, run.now))
        subject.save(after)
        return {"action": decision.action, "reason": decision.reason, "outcome": outcome}
    if decision.needs_confirmation:
        release = release.changed(phase="confirming")
        outcome = f'to go back: {{"endpoint": "{subject.endpoint}", "command": "confirm", "by": "…"}}'
    else:
        outcome = f"it is rolled out on {', then '.join(release.stages)}"
        metrics.add_metric("ReleasesStarted", MetricUnit.Count, 1)
    run.tell(release_finding(subject.origin, decision, settings.mode, outcome, run.now))
    subject = subject.save(after.with_release(release))
    return {"action": decision.action, "reason": decision.reason, **carry_on(subject)}


def deployed(subject: Subject) -> Deployed:
    """What an endpoint serves, and what is coming to it."""
    group = subject.settings.model_package_group or ""
    releases = subject.releases
    on_way = releases.queued or (releases.current if releases.current and releases.current.in_progress else None)

    def version(arn: str) -> PackageChange | None:
        described = describe_version(arn) if arn else None
        found = package_described(described) if described else None
        return found if found and found.group == group else None

    coming = version(on_way.package) if on_way else None
    return Deployed(group, version(served_version(subject.endpoint)), coming, frozenset(releases.tried))


def wanted(decision: ReleaseDecision, present: PackageChange | None, by: str, run: Run) -> Release | None:
    """The release that a decision leads to, None when it leads to none."""
    if decision.package is None or present is None:
        return None
    fact = run.request_id if by else f"{decision.key}#{present.at.isoformat()}"
    return Release(
        id=release_id(decision.package.arn, fact),
        package=decision.package.arn,
        version=decision.package.version,
        champion=decision.champion,
        stages=decision.stages,
        reason=decision.reason,
        by=by or "Trimtab",
        at=run.now,
    )


def confirm(endpoint: str, by: str, run: Run) -> dict[str, Any]:
    """Go back to the version that was named, unless another serves by now. Raises NothingToConfirmError."""
    subject = read_subject(endpoint, run)
    release = subject.releases.current
    if release is None or release.phase != "confirming":
        raise NothingToConfirmError(f"{endpoint}: nothing waits to be confirmed")
    if served_version(endpoint) != release.champion:
        raise NothingToConfirmError(f"{endpoint}: {release.champion} does not serve any more")
    confirmed = release.changed(phase="waiting", by=by)
    return carry_on(subject.save(subject.releases.changed(current=confirmed)))


@tracer.capture_method(capture_response=False)
def carry_on(subject: Subject) -> dict[str, Any]:
    """Bring a release as far as it can be brought now; how it stands."""
    waits = ""
    for _ in range(MOST_MOVES):
        before = subject.releases
        subject = subject.save(before.next_in_line())
        release = subject.releases.current
        if release is None:
            return {"phase": "none"}
        if release.phase == "waiting" and must_be_checked(subject, release):
            subject, waits = check_on_staging(subject, release)
        elif release.phase == "waiting":
            waits = what_hinders(release, subject.run)
            subject = subject if waits else begin_stage(subject, release)
        elif release.phase == "rolling":
            subject = follow(subject, release)
        if subject.releases == before:
            break
    current = subject.releases.current
    return {"phase": current.phase if current else "none", **({"waits": waits} if waits else {})}


def must_be_checked(subject: Subject, release: Release) -> bool:
    """Whether a version that serves staging waits for the user's own check."""
    return subject.settings.staging_check is not None and release.stage > 0 and not release.is_checked


def check_on_staging(subject: Subject, release: Release) -> tuple[Subject, str]:
    """Ask the user's own check; the release after it, and why it waits, "" when it does not."""
    run, name = subject.run, subject.settings.staging_check or ""
    check = parse_check(name, ask_function(name, check_request(release, subject.endpoint)))
    if check.passed is None:
        return subject, check.reason or f"{name} has not ended"
    releases = subject.releases.after_check(passed=check.passed)
    told = f"it {'passed' if check.passed else 'did not pass'} {name} on {release.stages[0]}"
    outcome = f"{told}: {check.reason}" if check.reason else told
    run.tell(progress_finding(subject.origin, releases.current or release, outcome, run.now))
    return subject.save(releases), ""


def what_hinders(release: Release, run: Run) -> str:
    """Why the rollout of a stage cannot begin yet, "" when nothing hinders it."""
    freeze = load_endpoint_settings(run.settings.name, run.table, release.at_stage).settings.freeze
    if window := frozen_by(freeze, run.now):
        return f"a freeze window holds: {window}"
    change = change_in_progress(read_state(run.table, CHANGES, release.at_stage).content)
    return f"{change} is in progress" if change and change != f"rollout {release.rollout}" else ""


def begin_stage(subject: Subject, release: Release) -> Subject:
    """Have the rollout of a stage started. Asked again, it is the same rollout."""
    run = subject.run
    answer = ask_function(run.settings.start_rollout_function_name, release.rollout_document())
    if answer["phase"] == "refused":
        after = release.changed(phase="refused")
        outcome = f"the rollout on {release.at_stage} was refused: {answer['reason']}"
    else:
        after = release.changed(phase="rolling", rollout=answer["rollout"])
        outcome = f"rollout {answer['rollout']} brings it to {release.at_stage}"
    run.tell(progress_finding(subject.origin, after, outcome, run.now))
    return subject.save(subject.releases.changed(current=after))


def follow(subject: Subject, release: Release) -> Subject:
    """See what became of the rollout of a stage."""
    run, endpoint = subject.run, release.at_stage
    change = read_state(run.table, CHANGES, endpoint).content
    if change.get("id") == release.rollout:
        phase, why = change["phase"], change.get("reason", "")
    else:
        record = state_bucket.read_rollout(run.settings.state_bucket_name, endpoint, release.rollout) or {}
        phase, why = record.get("phase", ""), record.get("reason", "")
    releases = subject.releases.after(phase, run.now)
    after = releases.current
    if after is None or after == release:
        return subject
    outcome = {
        "released": f"it serves {endpoint}; {release.champion or 'what served before'} is kept to go back to",
        "waiting": f"it did well on {endpoint}",
    }.get(after.phase, f"its rollout on {endpoint} was ended: {why or phase}")
    run.tell(progress_finding(subject.origin, after, outcome, run.now))
    metrics.add_metric("ReleasesEnded", MetricUnit.Count, 0 if after.in_progress else 1)
    return subject.save(releases)
