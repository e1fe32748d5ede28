"""Endpoints with what is known of their configurations, and the steps of a restoration as they are written down."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from trimtab.aws import sagemaker, sagemaker_deployments, state_bucket
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.sagemaker_deployments import EndpointBusyError, NotFoundError
from trimtab.aws.state_table import StateDocument, list_states, read_state, write_state
from trimtab.findings import Finding, Origin
from trimtab.rollout import restoration_change as change
from trimtab.rollout.good_configs import (
    ConfigHistory,
    began_deployment,
    history_of,
    in_service,
    rolled_back,
    rollout_rolled_back,
)
from trimtab.rollout.observed import IN_SERVICE, EndpointState
from trimtab.rollout.restoration_change import Restoration
from trimtab.rollout.restoration_evidence import restoration_finding
from trimtab.rollout.state import CHANGES, TERMINAL, Phase
from trimtab.rollout.state import KIND as ROLLOUT
from trimtab.settings import EndpointSettings, RollBackEndpointSettings, is_opted_out

GOOD_CONFIGS, PROPOSALS = "good_config", "restoration_proposal"
"""Partitions of the state table, besides CHANGES; their documents go by endpoint."""


@dataclass(frozen=True)
class Run:
    """What is the same for every endpoint of one invocation."""

    settings: RollBackEndpointSettings
    account: str
    region: str
    now: datetime

    @property
    def table(self) -> str:
        return self.settings.state_table_name

    def tell(self, finding: Finding) -> None:
        publish_findings(self.settings.findings_bus_name, [finding])

    def origin(self, endpoint: str) -> Origin:
        return Origin(self.account, self.region, endpoint, "*")


@dataclass(frozen=True)
class Subject:
    """An endpoint as it is now, what served on it (and how that was stored), and what is being done to it."""

    endpoint: EndpointState
    settings: EndpointSettings
    change: StateDocument
    history: ConfigHistory
    stored: StateDocument

    @property
    def name(self) -> str:
        return self.endpoint.name

    @property
    def changing(self) -> str:
        """What is being done to it, "" when nothing is."""
        content = self.change.content
        return str(content["kind"]) if content and content["phase"] not in TERMINAL else ""

    @property
    def is_waiting(self) -> bool:
        """Whether an alarm waits for the end of somebody's update."""
        return self.changing == change.KIND and self.change.content["phase"] == change.WAITING


def read_subject(name: str, run: Run) -> Subject | None:
    """An endpoint with what is known of it; None when it is gone, or its tags opt out."""
    monitored = sagemaker.describe_endpoint(name)
    if monitored is None or is_opted_out(monitored.tags):
        return None
    state = sagemaker_deployments.describe_deployment(name)
    loaded = load_endpoint_settings(run.settings.name, run.table, name)
    stored = read_state(run.table, GOOD_CONFIGS, name)
    subject = Subject(state, loaded.settings, read_state(run.table, CHANGES, name), history_of(stored.content), stored)
    if state.pending:
        return save(subject, began_deployment(subject.history, state.pending, monitored.changed), run)
    if state.status == IN_SERVICE and (not subject.changing or subject.is_waiting):
        # while something else goes on, what serves is on trial, as a canary's config is
        return save(subject, _served(subject, monitored.changed), run)
    return subject


def _served(subject: Subject, changed: datetime) -> ConfigHistory:
    """What served, now that the endpoint was seen in service."""
    history, content = in_service(subject.history, subject.endpoint.config, changed), subject.change.content
    if content.get("kind") == ROLLOUT and content["phase"] == Phase.ROLLED_BACK:
        ended = datetime.fromisoformat(content["phase_since"])
        return rollout_rolled_back(history, content["before"]["config"], ended)
    return history


def save(subject: Subject, history: ConfigHistory, run: Run) -> Subject:
    """Remember what served, unless that is known."""
    if history == subject.history:
        return subject
    document = history.document()
    write_state(run.table, GOOD_CONFIGS, subject.name, document, after=subject.stored)
    return replace(subject, history=history, stored=StateDocument(document, subject.stored.version + 1))


def propose(restoration: Restoration, run: Run) -> None:
    """Remember what a person can approve."""
    before = read_state(run.table, PROPOSALS, restoration.endpoint)
    if before.content.get("id") != restoration.id:
        write_state(run.table, PROPOSALS, restoration.endpoint, restoration.document(), after=before)


def restorations_begun(run: Run) -> list[str]:
    """The endpoints with a restoration in progress."""
    changes = list_states(run.table, CHANGES)
    return [
        name
        for name, document in changes.items()
        if document.content["kind"] == change.KIND and document.content["phase"] not in TERMINAL
    ]


def update(
    restoration: Restoration, document: StateDocument, seen: EndpointState, run: Run
) -> tuple[Restoration, StateDocument]:
    """Write down what is going to be done, tell it, do it, and write down that it was done."""
    going = change.intended(restoration, seen.failure, shown(seen))
    if going != restoration:
        document = put(going, document, run)
    run.tell(restoration_finding(run.origin(seen.name), going, run.now))
    try:
        # variants that serve keep their instances: the old configuration's count may be too few for the load by now
        sagemaker_deployments.update_endpoint(seen.name, going.good, ("DesiredWeight",))
    except EndpointBusyError:
        return going, document
    except NotFoundError as error:
        return finish(given_up(going, f"UpdateEndpoint: {error}", run), document, seen, run)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationException":
            # it may pass, so that the next run tries again; people must not believe that it is done
            tell_late(going, document, run, problem=str(error))
            raise
        if is_in_service(seen.name):
            return finish(given_up(going, f"UpdateEndpoint: {error}", run), document, seen, run)
        return going, document  # it is busy, whatever the words: they are documented nowhere
    called = going.changed(called=run.now)
    return called, put(called, document, run)


def is_in_service(endpoint: str) -> bool:
    """Whether an endpoint takes updates now; one that is gone takes none, which the next look finds out."""
    try:
        return sagemaker_deployments.describe_deployment(endpoint).status == IN_SERVICE
    except NotFoundError:
        return False


def tell_late(
    restoration: Restoration, document: StateDocument, run: Run, problem: str = "the endpoint is being updated"
) -> None:
    """Tell once that a restoration waits for too long, and for what."""
    if restoration.is_late(run.now):
        run.tell(restoration_finding(run.origin(restoration.endpoint), restoration, run.now, late=problem))
        put(restoration.changed(was_told_late=True), document, run)


def finish(
    over: Restoration, document: StateDocument, seen: EndpointState, run: Run
) -> tuple[Restoration, StateDocument]:
    """Record and tell how a restoration ended, then let go of the endpoint."""
    if over.phase == change.ROLLED_BACK:
        stored = read_state(run.table, GOOD_CONFIGS, over.endpoint)
        history = rolled_back(history_of(stored.content), over.bad, over.good, run.now)
        write_state(run.table, GOOD_CONFIGS, over.endpoint, history.document(), after=stored)
    record = {**over.document(), "after": shown(seen)}
    state_bucket.write_rollout(run.settings.state_bucket_name, over.endpoint, over.id, record)
    run.tell(restoration_finding(run.origin(over.endpoint), over, run.now))
    return over, put(over, document, run)


def given_up(restoration: Restoration, why: str, run: Run) -> Restoration:
    """The restoration as it is when nothing more is to be done."""
    return restoration.changed(phase=change.FAILED, ended=run.now, why=why)


def put(restoration: Restoration, document: StateDocument, run: Run) -> StateDocument:
    """Write the change item. Raises StaleStateError when somebody else did meanwhile."""
    content = restoration.document()
    write_state(run.table, CHANGES, restoration.endpoint, content, after=document)
    return StateDocument(content, document.version + 1)


def shown(endpoint: EndpointState) -> dict[str, Any]:
    """An endpoint as it goes on record."""
    variants = {name: {"weight": each.weight, "instances": each.instances} for name, each in endpoint.variants.items()}
    return {"config": endpoint.config, "status": endpoint.status, "failure": endpoint.failure, "variants": variants}
