"""A release in progress: which version comes to which endpoint next, and what the rollouts on them say.

One document an endpoint: the release in progress or the last one, the one that waits behind it, and what is known of
versions so that each approval is acted on once.
"""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict

RELEASES = "release"
"""The partition of the state table that holds each endpoint's releases."""
type Phase = Literal["confirming", "waiting", "rolling", "released", "refused", "rolled_back"]
_IN_PROGRESS = frozenset({"waiting", "rolling"})
_MOST_REMEMBERED = 100


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())


class Release(_Document):
    """One version on its way. `stages`: the endpoints that it serves one after the other, the last one that which the
    release is of. `rollout`: the id of the rollout on the present one. `champion`: the version to go back to.
    `is_checked`: whether it has passed the user's own check on staging."""

    id: str
    package: str
    version: int
    champion: str
    stages: tuple[str, ...]
    reason: str
    by: str
    at: AwareDatetime
    phase: Phase = "waiting"
    stage: int = 0
    rollout: str = ""
    is_checked: bool = False

    @property
    def at_stage(self) -> str:
        """The endpoint that it comes to, or serves."""
        return self.stages[self.stage]

    @property
    def is_last_stage(self) -> bool:
        """Whether that is the endpoint that the release is of."""
        return self.stage == len(self.stages) - 1

    @property
    def in_progress(self) -> bool:
        """Whether it is to be followed."""
        return self.phase in _IN_PROGRESS

    def changed(self, **values: Any) -> "Release":
        """The release with other values."""
        return self.model_copy(update=values)

    def rollout_document(self) -> dict[str, Any]:
        """What start_rollout is asked for. On staging nobody need call the model: it gets all of it at once."""
        document: dict[str, Any] = {
            "endpoint": self.at_stage,
            "model_package": self.package,
            "by": self.by,
            "reason": self.reason,
            "id": f"{self.id}-{self.stage}",
        }
        return document if self.is_last_stage else document | {"steps": [100]}


class Releases(_Document):
    """What is known of an endpoint's releases. `handled`: by ARN the approval that was acted on last. `tried`: versions
    that a rollout has rolled back. `released`: when one was released last."""

    current: Release | None = None
    queued: Release | None = None
    handled: Mapping[str, str] = {}
    tried: tuple[str, ...] = ()
    released: AwareDatetime | None = None

    def document(self) -> dict[str, Any]:
        """All of it as plain JSON values."""
        return self.model_dump(mode="json")

    def changed(self, **values: Any) -> "Releases":
        """The same with other values."""
        return self.model_copy(update=values)

    def after_handling(self, package: str, approval: str) -> "Releases":
        """The same, after an approval was acted on."""
        kept = {**{key: value for key, value in self.handled.items() if key != package}, package: approval}
        return self.changed(handled=dict(list(kept.items())[-_MOST_REMEMBERED:]))

    def with_release(self, release: Release) -> "Releases":
        """The same with one more release: at once, or behind the one whose rollout is in progress."""
        if self.current and self.current.phase == "rolling":
            return self.changed(queued=release)
        return self.changed(current=release)

    def after(self, rollout_phase: str, now: AwareDatetime) -> "Releases":
        """The same after the rollout of the present stage has come to a phase."""
        release = self.current
        if release is None or release.phase != "rolling":
            return self
        if rollout_phase == "promoted" and release.is_last_stage:
            return self.changed(current=release.changed(phase="released"), released=now)
        if rollout_phase == "promoted":
            return self.changed(current=release.changed(phase="waiting", stage=release.stage + 1, rollout=""))
        if rollout_phase in {"rolled_back", "failed"}:
            return self._given_up(release, "rolled_back")
        return self

    def after_check(self, *, passed: bool) -> "Releases":
        """The same after the user's own check on staging."""
        release = self.current
        if release is None or release.phase != "waiting" or release.is_checked:
            return self
        return self.changed(current=release.changed(is_checked=True)) if passed else self._given_up(release, "refused")

    def _given_up(self, release: Release, phase: Phase) -> "Releases":
        tried = (*(each for each in self.tried if each != release.package), release.package)[-_MOST_REMEMBERED:]
        return self.changed(current=release.changed(phase=phase), tried=tried)

    def next_in_line(self) -> "Releases":
        """The same with the one that waits in the place of one that has ended."""
        if self.queued is None or (self.current and self.current.in_progress):
            return self
        return self.changed(current=self.queued, queued=None)


def releases_of(document: Mapping[str, Any]) -> Releases:
    """What is known, from a document; nothing from an empty one. Raises pydantic's ValidationError."""
    return Releases.model_validate(document)


def release_id(package: str, fact: str) -> str:
    """What tells this release from others: the version, and the approval or request that led to it."""
    return hashlib.sha256("\x1f".join((package, fact)).encode()).hexdigest()[:32]
