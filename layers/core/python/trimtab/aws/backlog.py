"""The packs of one variant that wait to be judged, read only when their hours are needed."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from trimtab.aws import s3, state_bucket
from trimtab.aws.again import again_on
from trimtab.capture.pack import NO_GRID, ObjectProfile, PackKey, grid_name, pack_key, trim_samples, union
from trimtab.capture.profile import Profile
from trimtab.capture.reference import Reference
from trimtab.capture.sample import RowSample
from trimtab.capture.window import add_objects, sample_of_objects
from trimtab.drift.windows import HourRows, Window, WindowPlan, plan_windows
from trimtab.settings import EndpointSettings


@dataclass(frozen=True)
class Captures:
    """What a window's captures hold. `window` with the hours that have rows, and how many rows there are; `profile`:
    their counts on the reference's grid."""

    window: Window
    objects: list[ObjectProfile]
    profile: Profile


class Backlog:
    """Packs of the hours from `start` (None: the first there is) until before `end`.

    A listing alone bounds the rows of an hour from above: an object may be in several packs. Once an hour is read, its
    rows are exact.
    """

    def __init__(self, bucket: str, endpoint: str, variant: str, start: datetime | None, end: datetime, grid: str):
        self._bucket, self._endpoint, self._variant = bucket, endpoint, variant
        self._end, self._grid = end, grid
        self._objects: dict[datetime, list[ObjectProfile]] = {}
        self._keys: dict[datetime, list[PackKey]] = defaultdict(list)
        for key in state_bucket.pack_keys(bucket, endpoint, variant, start, end):
            self._keys[key.hour].append(key)

    def rows(self) -> dict[datetime, int]:
        """Rows by hour: exact where the hour was read, else at most so many."""
        return {
            hour: sum(entry.profile.rows for entry in self._objects[hour])
            if hour in self._objects
            else sum(key.rows for key in keys)
            for hour, keys in self._keys.items()
        }

    def plan(self, start: datetime | None, now: datetime, settings: EndpointSettings) -> WindowPlan:
        """The windows from `start` on, of which the first closed one rests on rows that were read, not on a listing's
        upper bound."""
        while True:
            plan = plan_windows(
                [HourRows(hour, rows) for hour, rows in self.rows().items()],
                start=start,
                until=self._end,
                now=now,
                watermark=timedelta(minutes=settings.watermark_minutes),
                thresholds=settings.drift,
                max_hours=settings.max_window_hours,
            )
            if not plan.closed or self.is_read(plan.closed[0].start, plan.closed[0].end):
                return plan
            self.read(plan.closed[0].start, plan.closed[0].end)

    def is_read(self, start: datetime, end: datetime) -> bool:
        """Whether every hour of a span has been read."""
        return all(hour in self._objects for hour in self._hours(start, end))

    def read(self, start: datetime, end: datetime) -> list[ObjectProfile]:
        """The objects of a span, each once per hour."""
        hours = self._hours(start, end)
        unread = [hour for hour in hours if hour not in self._objects]
        packs = state_bucket.read_packs(self._bucket, [key for hour in unread for key in self._keys[hour]])
        for hour in unread:
            count = len(self._keys[hour])
            self._objects[hour] = union(packs[:count], self._grid)
            packs = packs[count:]
        return [entry for hour in hours for entry in self._objects[hour]]

    def captures(self, window: Window, reference: Reference) -> Captures:
        """The captures of a window, counted."""
        objects = self.read(window.start, window.end)
        profile = add_objects(objects, reference)
        hours = sorted(hour for hour, rows in self.rows().items() if rows and window.start <= hour < window.end)
        return Captures(replace(window, hours=tuple(hours), rows=profile.rows), objects, profile)

    def compact(self, start: datetime, end: datetime, sample_rows: int) -> list[str]:
        """Leave one pack per hour and grid of a span that has been read, with a sample of at most `sample_rows` rows;
        the keys of its packs.

        New packs are written before old ones are deleted: at no moment is a count missing, and twice is once.
        """
        for hour in self._hours(start, end):
            if len(self._keys[hour]) == 1:
                continue
            by_grid: dict[str, list[ObjectProfile]] = defaultdict(list)
            for entry in self._objects[hour]:
                by_grid[grid_name(entry)].append(entry)
            kept = {pack_key(self._endpoint, self._variant, hour, grid, each): each for grid, each in by_grid.items()}
            for key, entries in kept.items():
                if key not in self._keys[hour]:
                    state_bucket.write_pack(self._bucket, key, trim_samples(entries, sample_rows))
            state_bucket.delete_packs(self._bucket, [key for key in self._keys[hour] if key not in kept])
            self._keys[hour] = list(kept)
        return self.names(start, end)

    def names(self, start: datetime, end: datetime) -> list[str]:
        """The keys of a span's packs, in order."""
        return sorted(str(key) for hour in self._hours(start, end) for key in self._keys[hour])

    def has_changed(self, judged: Mapping[str, Any]) -> bool:
        """Whether a judged window, as its document tells it, has other packs now."""
        start, end = (datetime.fromisoformat(judged["window"][each]) for each in ("start", "end"))
        return set(self.names(start, end)) != set(judged["packs"])

    def drop(self, end: datetime) -> None:
        """Forget the hours before a moment."""
        for hour in [hour for hour in self._keys if hour < end]:
            del self._keys[hour]
            self._objects.pop(hour, None)

    def _hours(self, start: datetime, end: datetime) -> list[datetime]:
        return [hour for hour in self._keys if start <= hour < end]


def judged_windows(
    bucket: str, endpoint: str, variant: str, since: datetime, until: datetime, grid: str
) -> tuple[list[dict[str, Any]], Backlog] | None:
    """The stored verdicts of the windows on a grid that ended after `since` and by `until`, oldest first, and the packs
    that there are of them now; None without any."""
    ended = state_bucket.windows_ended_since(bucket, endpoint, variant, since=since, ended_by=until)
    documents = [document for document in ended if document["reference"]["grid"] == grid]
    if not documents:
        return None
    start = datetime.fromisoformat(documents[0]["window"]["start"])
    return documents, Backlog(bucket, endpoint, variant, start, until, grid)


def read_window_sample(
    bucket: str,
    endpoint: str,
    variant: str,
    start: datetime,
    end: datetime,
    most: int,
    reference: Reference | None = None,
    redact: frozenset[str] = frozenset(),
) -> RowSample:
    """At most `most` rows of a variant's captures in the hours from `start` until before `end`, every row with the same
    chance; `reference` and `redact` as in `sample_of_objects`. No rows when none were sampled."""
    grid = reference.grid.name if reference else NO_GRID
    objects = again_on(  # packs may be joined meanwhile
        s3.ObjectNotFoundError, lambda: Backlog(bucket, endpoint, variant, start, end, grid).read(start, end)
    )
    return sample_of_objects(objects, most, reference, redact)
