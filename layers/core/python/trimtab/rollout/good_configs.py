"""Which endpoint configurations served, since when, and which of them are known to be good."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from pydantic import AwareDatetime, BaseModel, ConfigDict

from trimtab.rollout.rollback_settings import RollbackSettings

MOST_CONFIGS = 20


class Served(BaseModel):
    """A configuration that served. `since`: when its last deployment began, as far as Trimtab saw it.

    `seen_good`: when it was last seen to be good, None: never. `alarmed`: when an alarm last told that it is ill.
    `is_put_back`: a restoration deployed it, or the end of a rollout that was rolled back. `is_rolled_back`: a
    restoration took it away.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: str
    since: AwareDatetime
    seen_good: AwareDatetime | None = None
    alarmed: AwareDatetime | None = None
    is_put_back: bool = False
    is_rolled_back: bool = False


class Undone(BaseModel):
    """A deployment that SageMaker took back: of what, from when until when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    config: str
    since: AwareDatetime
    until: AwareDatetime


class ConfigHistory(BaseModel):
    """What served, newest first: the first is what serves now. `pending`: what is being deployed, and since when.
    `undone`: the last deployment, when it was taken back."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    served: tuple[Served, ...] = ()
    pending: tuple[str, AwareDatetime] | None = None
    undone: Undone | None = None

    @property
    def present(self) -> Served | None:
        """What serves now; None before Trimtab saw the endpoint in service."""
        return self.served[0] if self.served else None

    def good_before(self) -> tuple[Served, ...]:
        """What was good before the present configuration, newest first, and was not taken away by a restoration."""
        return tuple(each for each in self.served[1:] if each.seen_good and not each.is_rolled_back)

    def document(self) -> dict[str, Any]:
        """The history as plain JSON values."""
        return self.model_dump(mode="json")


def began_deployment(history: ConfigHistory, config: str, since: datetime) -> ConfigHistory:
    """The history once a deployment of `config` was seen to go on; it began when it was first seen, at `since`."""
    if history.pending and history.pending[0] == config:
        return history
    return _with(history, pending=(config, since))


def in_service(history: ConfigHistory, config: str, changed: datetime) -> ConfigHistory:
    """The history once the endpoint was seen in service with `config`. `changed`: when it was last modified, which is
    when the deployment began at the latest. Weights and instance counts modify an endpoint too: they change nothing."""
    pending, since = history.pending or (config, changed)
    if history.present and history.present.config == config:
        undone = Undone(config=pending, since=since, until=changed) if pending != config else history.undone
        return _with(history, pending=None, undone=undone)
    since = since if pending == config else changed
    before = next((each for each in history.served if each.config == config), None)
    seen_good = before.seen_good if before and not before.is_rolled_back else None
    served = [Served(config=config, since=since, seen_good=seen_good)]
    served += [each for each in history.served if each.config != config]
    return ConfigHistory(served=tuple(served[:MOST_CONFIGS]))


def rolled_back(history: ConfigHistory, bad: str, good: str, now: datetime) -> ConfigHistory:
    """The history once a restoration has put `good` back in the place of `bad`. It counts from now on: until now what
    was bad could still raise alarms."""
    marked = tuple(_with(each, is_rolled_back=True) if each.config == bad else each for each in history.served)
    after = in_service(_with(history, served=marked), good, now)
    return _with(after, served=(_with(after.served[0], since=now, is_put_back=True), *after.served[1:]))


def rollout_rolled_back(history: ConfigHistory, config: str, ended: datetime) -> ConfigHistory:
    """The history once a rollout was rolled back, which put `config` back by `ended`. Alarms that still ring of its
    canary then, or come late, say nothing of the configuration that had served before it."""
    present = history.present
    if present is None or present.config != config or present.since >= ended:
        return history
    return _with(history, served=(_with(present, since=ended, is_put_back=True), *history.served[1:]))


def alarmed(history: ConfigHistory, moment: datetime) -> ConfigHistory:
    """The history once an alarm told at `moment` that the endpoint is ill."""
    present = history.present
    if present is None or (present.alarmed and present.alarmed >= moment):
        return history
    return _with(history, served=(_with(present, alarmed=moment), *history.served[1:]))


def proven_good(
    history: ConfigHistory, *, requests: float | None, errors: float | None, settings: RollbackSettings, now: datetime
) -> tuple[ConfigHistory, str]:
    """The history with the present configuration marked as good, and "" — or unchanged, and why it is not known to be.

    To be called when no alarm of the endpoint is in ALARM. `requests` and `errors` since it serves; None: not known.
    """
    present = history.present
    if present is None:
        return history, "it was not yet seen in service"
    quiet = max(present.since, present.alarmed or present.since)
    if now - quiet < timedelta(minutes=settings.good_minutes):
        return history, f"it has not served for {settings.good_minutes} minutes without an alarm"
    if requests is None or errors is None:
        return history, "its errors are not known"
    if requests < 1:
        return history, "nobody has asked it anything"
    if errors > settings.max_error_rate * requests:
        return history, f"{errors:,.0f} of {requests:,.0f} requests failed"
    return _with(history, served=(_with(present, seen_good=now), *history.served[1:])), ""


def history_of(document: Mapping[str, Any]) -> ConfigHistory:
    """The history in a document; an empty document is an empty history. Raises pydantic's ValidationError."""
    return ConfigHistory.model_validate(document)


def _with[Document: BaseModel](document: Document, **values: Any) -> Document:
    return document.model_copy(update=values)
