"""The reference as it is kept from run to run: labelled rows, gathered window by window until they are enough.

Enough rows are learnt from, and named: that name says in every verdict what it was compared with.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from trimtab.drift.windows import Window
from trimtab.findings import Finding, Origin
from trimtab.quality.evidence import reference_quality_finding
from trimtab.quality.keyed_rows import KeyedRows, union
from trimtab.quality.labelled import fewer_rows, join_of_labelled, labelled_rows, usable_rows
from trimtab.quality.labels import Join
from trimtab.quality.reference import QualityReference, reference_of
from trimtab.quality.settings import QualitySettings


@dataclass(frozen=True, slots=True, eq=False)
class KeptReference:
    """The labelled rows that quality is compared with.

    `source`: where they are from, in words. `windows`: those they were gathered from, as `start/end`, oldest first.
    `name`: tells one reference from another; "" until it was adopted. `learned`: None until then.
    """

    rows: KeyedRows = field(default_factory=lambda: union(()))
    source: str = ""
    windows: tuple[str, ...] = ()
    name: str = ""
    learned: QualityReference | None = None


def is_enough(reference: KeptReference, settings: QualitySettings) -> bool:
    """Whether there are rows enough to compare with."""
    return usable_rows(reference.rows, settings) >= settings.min_reference_labels


def with_window(before: KeptReference, window: Window, joined: Join, variant: str) -> KeptReference:
    """The reference with the labelled rows of one more window of a variant. The order of windows does not matter, nor
    does one that is in it already."""
    rows = fewer_rows(union((before.rows, labelled_rows(joined))))
    windows = tuple(sorted({*before.windows, f"{window.start.isoformat()}/{window.end.isoformat()}"}))
    start, end = windows[0].partition("/")[0], windows[-1].partition("/")[2]
    return KeptReference(rows, f"labelled answers of {variant} from {start} to {end}", windows)


def adopted(
    reference: KeptReference, origin: Origin, settings: QualitySettings, now: datetime
) -> tuple[KeptReference, Finding]:
    """The reference with what is learnt from its rows, and the finding that says so, after which it is named."""
    learned = reference_of(join_of_labelled(reference.rows), settings)
    finding = reference_quality_finding(origin, reference.source, learned.performance, learned.learned.unknown, now)
    return replace(reference, name=finding.id[:16], learned=learned), finding


def reference_document(reference: KeptReference) -> dict[str, Any]:
    """What is kept of it beside its rows, as plain JSON values."""
    about = {"name": reference.name, "source": reference.source, "windows": list(reference.windows)}
    return about | ({"rows": reference.learned.performance.rows} if reference.learned else {})


def reference_from_document(rows: KeyedRows, about: Mapping[str, Any], settings: QualitySettings) -> KeptReference:
    """The inverse of `reference_document`. One that was adopted is learnt from again, which takes some seconds."""
    learned = reference_of(join_of_labelled(rows), settings) if about["name"] else None
    return KeptReference(rows, about["source"], tuple(about["windows"]), about["name"], learned)
