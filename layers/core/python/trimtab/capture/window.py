"""A window: the objects of its hours, brought onto one grid and added."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from trimtab.capture.naming import name_columns, name_sample
from trimtab.capture.pack import NO_GRID, ObjectProfile, grid_name
from trimtab.capture.profile import Profile, add_profiles
from trimtab.capture.reference import Reference
from trimtab.capture.sample import RowSample, merge_samples, trim, without_columns
from trimtab.capture.sketch import Sketch, merge_sketches, profile_of

REPROFILING_WAIT = timedelta(hours=24)


@dataclass(frozen=True)
class Coverage:
    """What a window was made of: capture objects, and their lines as in `ObjectProfile`."""

    objects: int
    records: int
    unreadable: Counter[str]
    lost: int = 0

    @property
    def share(self) -> float:
        """The share of lines whose rows were counted; 1 of none. An output alone that was lost does not lower it."""
        lines = self.records + self.lost
        return self.records / lines if lines else 1.0


def coverage_of(objects: Sequence[ObjectProfile]) -> Coverage:
    """What these objects cover."""
    return Coverage(
        objects=len(objects),
        records=sum(entry.records for entry in objects),
        unreadable=sum((Counter(entry.unreadable) for entry in objects), Counter()),
        lost=sum(entry.lost for entry in objects),
    )


def add_objects(objects: Iterable[ObjectProfile], reference: Reference) -> Profile:
    """The counts of all objects on the reference's grid.

    Objects that were profiled before there was a reference get its column names where they have none, as if profiled
    after, and are brought onto its grid. Those on another reference's grid are left out (`objects_on_former_grids`).
    """
    grid = reference.grid
    entries = [entry.profile for entry in objects]
    return add_profiles(
        (
            profile_of(name_columns(profile, reference), grid) if isinstance(profile, Sketch) else profile
            for profile in entries
            if isinstance(profile, Sketch) or profile.grid == grid.name
        ),
        grid,
    )


def columns_of(objects: Iterable[ObjectProfile], reference: Reference) -> frozenset[str]:
    """The columns that the objects' payloads had, counted or not, by the reference's names where they had none."""
    return frozenset().union(
        *(
            name_columns(entry.profile, reference).columns if isinstance(entry.profile, Sketch) else entry.columns
            for entry in objects
        )
    )


def objects_on_former_grids(
    objects: Iterable[ObjectProfile], reference: Reference, now: datetime
) -> list[ObjectProfile]:
    """Objects counted on the grid of a former reference: only the captures themselves can tell their counts on the
    present one. None a day after the reference was made: by then the captures are gone, and the objects left out."""
    if now - datetime.fromisoformat(reference.created) > REPROFILING_WAIT:
        return []
    return [entry for entry in objects if grid_name(entry) not in {reference.grid.name, NO_GRID}]


def sketch_objects(objects: Iterable[ObjectProfile]) -> Sketch:
    """The merged sketch of objects that were profiled before there was a reference; others are left out."""
    return merge_sketches(entry.profile for entry in objects if isinstance(entry.profile, Sketch))


def sample_of_objects(
    objects: Iterable[ObjectProfile],
    most: int,
    reference: Reference | None = None,
    redact: frozenset[str] = frozenset(),
) -> RowSample:
    """At most `most` rows (at least 1) of the objects, every row with the same chance.

    With a reference, of those objects that `add_objects` counts, by its names where the rows had none. Objects whose
    rows were not sampled are left out, and so are the columns in `redact`, if they were kept before it named them.
    """
    samples: list[RowSample] = []
    for entry in objects:
        profile, sample = entry.profile, entry.sample
        if sample is None:
            continue
        if reference is None:
            samples.append(sample)
        elif isinstance(profile, Sketch):
            samples.append(name_sample(sample, profile, reference))
        elif profile.grid == reference.grid.name:
            samples.append(sample)
    return without_columns(trim(merge_samples(samples), most), redact)
