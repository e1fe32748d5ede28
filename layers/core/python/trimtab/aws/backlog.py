"""The packs of one variant that wait to be judged, read only when their hours are needed."""

from collections import defaultdict
from datetime import datetime

from trimtab.aws import state_bucket
from trimtab.capture.pack import ObjectProfile, PackKey, grid_name, pack_key, union


class Backlog:
    """Packs of the hours from `start` (None: the first there is) until before `end`.

    A listing alone bounds the rows of an hour from above: an object may be in several packs. Once an hour is read, its
    rows are exact.
    """

    def __init__(self, bucket: str, endpoint: str, variant: str, start: datetime | None, end: datetime, grid: str):
        self._bucket, self._endpoint, self._variant = bucket, endpoint, variant
        self._grid = grid
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

    def compact(self, start: datetime, end: datetime) -> list[str]:
        """Leave one pack per hour and grid of a span that has been read; the keys of its packs.

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
                    state_bucket.write_pack(self._bucket, key, entries)
            state_bucket.delete_packs(self._bucket, [key for key in self._keys[hour] if key not in kept])
            self._keys[hour] = list(kept)
        return self.names(start, end)

    def names(self, start: datetime, end: datetime) -> list[str]:
        """The keys of a span's packs, in order."""
        return sorted(str(key) for hour in self._hours(start, end) for key in self._keys[hour])

    def drop(self, end: datetime) -> None:
        """Forget the hours before a moment."""
        for hour in [hour for hour in self._keys if hour < end]:
            del self._keys[hour]
            self._objects.pop(hour, None)

    def _hours(self, start: datetime, end: datetime) -> list[datetime]:
        return [hour for hour in self._keys if start <= hour < end]
