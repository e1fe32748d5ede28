"""The packs of one variant that wait to be judged, read only when their hours are needed."""

from collections import defaultdict
from datetime import datetime

from trimtab.aws import state_bucket
from trimtab.capture.pack import ObjectProfile, PackKey, union


class Backlog:
    """Packs of the hours from `start` (None: the first there is) until before `end`.

    A listing alone bounds the rows of an hour from above: an object may be in several packs. Once an hour is read, its
    rows are exact.
    """

    def __init__(self, bucket: str, endpoint: str, variant: str, start: datetime | None, end: datetime, grid: str):
        self._bucket = bucket
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

    def drop(self, end: datetime) -> None:
        """Forget the hours before a moment."""
        for hour in [hour for hour in self._keys if hour < end]:
            del self._keys[hour]
            self._objects.pop(hour, None)

    def _hours(self, start: datetime, end: datetime) -> list[datetime]:
        return [hour for hour in self._keys if start <= hour < end]
