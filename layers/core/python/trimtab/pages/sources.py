"""What the pages of one endpoint are made of, as it is stored. Every part is optional: most endpoints lack some."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from trimtab.capture.pack import profile_from_document
from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference
from trimtab.cost.hours import EndpointHour
from trimtab.drift.series import KEPT, Score
from trimtab.pages.figures import amount_of, moment_of
from trimtab.pages.kept_finding import KeptFinding

type Document = Mapping[str, Any]


@dataclass(frozen=True)
class VariantSources:
    """One variant: its judged windows in order, the last one's document, what that was compared with, the series of
    its verdicts on quality, and what watch_self remembers of its captures."""

    name: str
    scores: tuple[Score, ...] = ()
    window: Document | None = None
    reference: Reference | None = None
    quality: tuple[Document, ...] = ()
    health: Document = field(default_factory=dict)

    @property
    def ended(self) -> datetime | None:
        """The end of its last judged window."""
        ends = [score.end for score in self.scores]
        last = moment_of(self.window["window"]["end"]) if self.window else None
        return max([*ends, *([last] if last else [])], default=None)

    @property
    def captured(self) -> datetime | None:
        """When its last capture was seen: by watch_self, else by its last judged window."""
        seen = [each for each in (moment_of(self.health.get("last_capture")), self.ended) if each]
        return max(seen, default=None)


@dataclass(frozen=True)
class EndpointSources:
    """One endpoint. `cost`: its row in the account's view; `hours`: what its hours cost; `change`: what is or was last
    being done to it; `configs`: which endpoint configs served, newest first; `health`: what watch_self remembers of
    the endpoint as a whole; `reports`: keys of its drift reports; `findings`: newest first."""

    name: str
    variants: tuple[VariantSources, ...] = ()
    cost: Document | None = None
    hours: Mapping[datetime, EndpointHour] = field(default_factory=dict)
    change: Document = field(default_factory=dict)
    configs: Document = field(default_factory=dict)
    health: Document = field(default_factory=dict)
    reports: tuple[str, ...] = ()
    findings: tuple[KeptFinding, ...] = ()


def is_forgotten(sources: EndpointSources, now: datetime) -> bool:
    """Whether an endpoint is gone and nothing of the last 90 days is known of it. One that has captures but was never
    looked at is not forgotten."""
    seen = [each.captured for each in sources.variants]
    is_old = bool(seen) and all(moment is not None and moment < now - KEPT for moment in seen)
    return sources.cost is None and not sources.findings and (is_old or not sources.variants)


def window_profile(window: Document | None, reference: Reference | None) -> Profile | None:
    """The counts of a window, when its document has them and they are on the reference's grid."""
    if not window or not reference or "profile" not in window:
        return None
    profile = profile_from_document(window["profile"])
    return profile if profile.grid == reference.grid.name else None


def column_limit(window: Document | None, column: str) -> float | None:
    """The PSI that is still harmless in a column: calibrated for it, else the endpoint's; None when not known."""
    if not window:
        return None
    calibrated = window.get("calibration")
    own = calibrated.get(column) if isinstance(calibrated, Mapping) else None
    if isinstance(own, Mapping):
        own = own.get("threshold")
    return amount_of(own) or amount_of(window.get("thresholds", {}).get("psi"))
