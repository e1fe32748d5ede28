"""What a batch of capture objects adds up to: into which packs it goes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from trimtab.capture.pack import ObjectProfile, grid_name


@dataclass(frozen=True)
class Part:
    """What one object adds to the hours of one variant."""

    endpoint: str
    variant: str
    hours: Mapping[datetime, ObjectProfile]

    @property
    def rows(self) -> int:
        """The rows that were counted of it."""
        return sum(entry.profile.rows for entry in self.hours.values())


type PackId = tuple[str, str, datetime, str]
"""Endpoint, variant, event-time hour, grid."""


def entries_of_packs(items: Mapping[str, Iterable[Part]]) -> dict[PackId, dict[str, list[ObjectProfile]]]:
    """The entries of each pack that a batch makes, by the item of the batch that they came with."""
    packs: dict[PackId, dict[str, list[ObjectProfile]]] = defaultdict(lambda: defaultdict(list))
    for identifier, parts in items.items():
        for part in parts:
            for hour, entry in part.hours.items():
                packs[part.endpoint, part.variant, hour, grid_name(entry)][identifier].append(entry)
    return packs


def number_of_objects(parts: Iterable[Part]) -> int:
    """How many objects the parts of one item are of: one, even if it holds no row; of a manifest those it names."""
    known = list(parts)
    return max(len(known) > 0, len({entry.object for part in known for entry in part.hours.values()}))
