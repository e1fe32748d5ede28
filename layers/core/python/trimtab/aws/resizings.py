"""Changes of instances as they are written down, brought about and undone, each step safe to repeat."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from trimtab.aws import application_autoscaling as autoscaling
from trimtab.aws import sagemaker_deployments as deployments
from trimtab.aws import sizing_documents
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.sagemaker_deployments import EndpointBusyError, NotFoundError
from trimtab.aws.state_table import StaleStateError, StateDocument, list_states, read_state, write_state
from trimtab.findings import Finding, Origin
from trimtab.rollout.freeze import frozen_by
from trimtab.rollout.state import CHANGES, TERMINAL, is_over
from trimtab.rollout.state import KIND as ROLLOUT
from trimtab.settings import EndpointSettings, RightsizeEndpointsSettings
from trimtab.sizing import application, setting, verification
from trimtab.sizing.application import Order, Prediction, Resizing, Seen
from trimtab.sizing.evidence import change_finding
from trimtab.sizing.notification import Memory
from trimtab.sizing.plan import Plan
from trimtab.sizing.setting import Scaling, Setting
from trimtab.sizing.verification import Trial

TRIALS, LOCKS, ACCOUNT = "sizing_trial", "sizing_lock", "account"
"""Partitions of the state table, besides CHANGES: trials go by endpoint, the lock is one for the account."""
REFUSALS = {
    "AccessDeniedException",
    "FailedResourceAccessException",
    "LimitExceededException",
    "ResourceLimitExceeded",
    "ValidationException",
}
"""Errors that the same call would get again."""


@dataclass(frozen=True)
class Run:
    """What is the same for every endpoint of one invocation."""

    settings: RightsizeEndpointsSettings
    account: str
    region: str
    now: datetime

    @property
    def table(self) -> str:
        return self.settings.state_table_name

    @property
    def bucket(self) -> str:
        return self.settings.state_bucket_name

    def tell(self, finding: Finding) -> None:
        publish_findings(self.settings.findings_bus_name, [finding])

    def origin(self, endpoint: str, variant: str) -> Origin:
        return Origin(self.account, self.region, endpoint, variant)


def read_memory(endpoint: str, variant: str, run: Run) -> tuple[Memory, StateDocument]:
    """What is remembered of a variant, and how that was stored."""
    stored = read_state(run.table, f"endpoint#{endpoint}", f"sizing#{variant}")
    return Memory.model_validate(stored.content), stored


def write_memory(endpoint: str, variant: str, memory: Memory, stored: StateDocument, run: Run) -> None:
    """Remember something of a variant, unless it is known."""
    if (document := memory.document()) != stored.content:
        write_state(run.table, f"endpoint#{endpoint}", f"sizing#{variant}", document, after=stored)


def lock_holder(name: str, run: Run) -> str:
    """Which other endpoint's turn it is to be changed, "" when it is nobody's."""
    lock = read_state(run.table, LOCKS, ACCOUNT).content
    if not lock or lock["endpoint"] == name:
        return ""
    change = read_state(run.table, CHANGES, lock["endpoint"]).content
    trial = read_state(run.table, TRIALS, lock["endpoint"]).content
    return application.holds_lock(lock, change, trial, run.now)


def obstacle(
    endpoint: str,
    plan: Plan,
    present: Setting,
    prediction: Prediction | None,
    applied: datetime | None,
    settings: EndpointSettings,
    run: Run,
    *,
    is_approved: bool = False,
) -> str:
    """Why a plan is not brought about now, "" when it may be, or may be approved. `applied`: when the variant was last
    changed by Trimtab."""
    is_proposed = application.needs_approval(plan, settings.sizing) and not is_approved
    return application.why_not_apply(
        present=present,
        wanted=setting.wanted_setting(plan, present),
        prediction=prediction,
        applied=applied,
        frozen_by="" if is_proposed else frozen_by(settings.freeze, run.now),
        holder="" if is_proposed else lock_holder(endpoint, run),
        now=run.now,
        settings=settings.sizing,
        is_approved=is_approved,
    )


def begin(resizing: Resizing, change: StateDocument, run: Run) -> dict[str, Any]:
    """Take the account's turn and the endpoint (`change`: its item as it was read) for a change, and go as far as can
    be gone now."""
    lock = read_state(run.table, LOCKS, ACCOUNT)
    if holder := lock_holder(resizing.endpoint, run):
        return {"phase": "waits", "reason": f"it is the turn of {holder}"}
    try:
        turn = {"endpoint": resizing.endpoint, "since": run.now.isoformat()}
        write_state(run.table, LOCKS, ACCOUNT, turn, after=lock)
        document = put(resizing, change, run)
    except StaleStateError as error:
        return {"phase": "waits", "reason": str(error)}
    return carry_on(resizing, document, run)


def in_progress(run: Run) -> list[str]:
    """The endpoints with a change of instances in progress, or being verified."""
    changes, trials = list_states(run.table, CHANGES), list_states(run.table, TRIALS)
    begun = [name for name, document in changes.items() if in_hand(document) == application.KIND]
    return list(dict.fromkeys([*begun, *(name for name, each in trials.items() if not each.content["outcome"])]))


def carry_on(resizing: Resizing, document: StateDocument, run: Run) -> dict[str, Any]:
    """Do what is to be done next for a change; how it stands then."""
    settings = load_endpoint_settings(run.settings.name, run.table, resizing.endpoint).settings.sizing
    step = application.next_step(resizing, read_seen(resizing.endpoint, resizing.variant), run.now, settings)
    if step.order is Order.TURN:
        resizing = resizing.undoing(step.why, run.now)
        return carry_on(resizing, put(resizing, document, run), run)
    if step.order is Order.END:
        resizing = finish(resizing, step.phase, step.why, document, run)
    if step.order is Order.CALL:
        if resizing.called is None:
            run.tell(change_finding(run.origin(resizing.endpoint, resizing.variant), resizing, run.now))
        try:
            for action in step.actions:
                perform(resizing.endpoint, resizing.variant, action)
        except EndpointBusyError as error:
            return {"change": resizing.id, "phase": resizing.phase, "reason": str(error)}
        except ClientError as error:
            if error.response["Error"]["Code"] not in REFUSALS:
                raise
            return refused(resizing, str(error), document, run)
        if resizing.called is None:
            resizing = resizing.changed(called=run.now)
            put(resizing, document, run)
    return {"change": resizing.id, "phase": resizing.phase, "reason": step.why or resizing.undoes or resizing.reason}


def refused(resizing: Resizing, why: str, document: StateDocument, run: Run) -> dict[str, Any]:
    """Take back what AWS will not do, also when asked again; what cannot be taken back is left, and told."""
    if resizing.phase == application.UNDOING:
        over = finish(resizing, application.FAILED, why, document, run)
        return {"change": over.id, "phase": over.phase, "reason": why}
    undoing = resizing.undoing(why, run.now)
    return carry_on(undoing, put(undoing, document, run), run)


def perform(endpoint: str, variant: str, action: setting.Action) -> None:
    """Bring about what an action names; doing it again does no harm. Raises EndpointBusyError."""
    match action:
        case setting.Register(minimum, maximum, suspended):
            autoscaling.register_scaling(
                endpoint, variant, minimum=minimum, maximum=maximum, suspended=suspended, policies=()
            )
        case setting.PutPolicy(name, configuration):
            autoscaling.put_policy(endpoint, variant, name, configuration)
        case setting.DeletePolicy(name):
            autoscaling.delete_policy(endpoint, variant, name)
        case setting.PutSchedule(each):
            limits = {"MinCapacity": each.minimum, "MaxCapacity": each.maximum}
            known = {name: limit for name, limit in limits.items() if limit is not None}
            autoscaling.put_schedule(endpoint, variant, each.name, each.schedule, known, each.timezone)
        case setting.DeleteSchedule(name):
            autoscaling.delete_schedule(endpoint, variant, name)
        case setting.Deregister():
            autoscaling.deregister_scaling(endpoint, variant)
        case setting.Resize(instances):
            deployments.set_instances(endpoint, variant, instances)


def finish(resizing: Resizing, phase: str, why: str, document: StateDocument, run: Run) -> Resizing:
    """Record and tell how a change ended, then let go of the endpoint."""
    over = resizing.changed(phase=phase, ended=run.now, why=why)
    stored = read_state(run.table, TRIALS, over.endpoint)
    trial = Trial.model_validate(stored.content) if stored.content else None
    if phase == application.APPLIED and (trial is None or trial.change.id != over.id):
        trial = Trial(started=run.now, change=over)
        write_state(run.table, TRIALS, over.endpoint, trial.document(), after=stored)
    elif phase != application.APPLIED and trial and trial.change.id == over.id and not trial.outcome:
        outcome = verification.UNDONE if phase == application.UNDONE else verification.FAILED
        closed = trial.closed(outcome, why or over.undoes, run.now)
        write_state(run.table, TRIALS, over.endpoint, closed.document(), after=stored)
    remember_change(over, run)
    sizing_documents.write_change(run.bucket, over.endpoint, over.id, over.document())
    run.tell(change_finding(run.origin(over.endpoint, over.variant), over, run.now))
    put(over, document, run)
    return over


def remember_change(over: Resizing, run: Run) -> None:
    """Remember when a variant was changed, so that the next proposal rests."""
    memory, stored = read_memory(over.endpoint, over.variant, run)
    if memory.applied is None or memory.applied < over.started:
        write_memory(over.endpoint, over.variant, memory.after(applied=run.now, approvable=None), stored, run)


def read_seen(name: str, variant: str) -> Seen | None:
    """A variant as it is; None when it, or its endpoint, is gone."""
    try:
        state = deployments.describe_deployment(name)
    except NotFoundError:
        return None
    there = state.variants.get(variant)
    if there is None:
        return None
    status = "Updating" if state.pending else state.status
    present = Setting(instances=there.instances, scaling=read_scaling(name, variant))
    return Seen(status, state.config, state.failure, there.current_instances, present)


def read_scaling(name: str, variant: str) -> Scaling | None:
    """How a variant is scaled, None when it is not."""
    target = autoscaling.describe_scaling(name, variant)
    if target is None:
        return None
    return setting.scaling_of(
        target.minimum,
        target.maximum,
        target.suspended,
        target.policies,
        autoscaling.describe_schedules(name, variant),
    )


def in_hand(change: StateDocument) -> str:
    """What is being done to an endpoint: the kind of its change, "" when nothing is."""
    content = change.content
    if not content:
        return ""
    kind = str(content["kind"])
    return "" if (is_over(content) if kind == ROLLOUT else content["phase"] in TERMINAL) else kind


def put(resizing: Resizing, document: StateDocument, run: Run) -> StateDocument:
    """Write the change item. Raises StaleStateError when somebody else did meanwhile."""
    content = resizing.document()
    write_state(run.table, CHANGES, resizing.endpoint, content, after=document)
    return StateDocument(content, document.version + 1)
