"""The score series of a variant, and the counts that are kept of its past windows, in the state bucket."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import msgspec

from trimtab.aws import s3, state_bucket
from trimtab.capture.pack import profile_from_document
from trimtab.capture.profile import Profile
from trimtab.drift.series import (
    KEPT,
    Score,
    score_of_document,
    series_document,
    series_from_document,
    windows_to_enter,
    with_score,
)

_PARALLEL_READS = 16


class ScoreSeries:
    """The score series of one variant up to a moment, read when first asked for, and written with each window.

    Windows that are stored and not in it, or were stored again since it was written, are read then. So a lost write is
    made good by the next run, and a series that was deleted comes back whole with the next window.
    """

    def __init__(self, bucket: str, endpoint: str, variant: str, until: datetime):
        self._bucket, self._endpoint, self._variant = bucket, endpoint, variant
        self._until = until
        self._scores: tuple[Score, ...] | None = None

    @property
    def scores(self) -> tuple[Score, ...]:
        """The windows, oldest first."""
        if self._scores is None:
            self._scores = self._made_whole()
        return self._scores

    def add(self, window: Mapping[str, Any]) -> None:
        """Enter a window's document, which is stored already."""
        self._scores = with_score(self.scores, score_of_document(window))
        body = msgspec.json.encode(series_document(self._scores))
        s3.write_object(self._bucket, state_bucket.series_key(self._endpoint, self._variant), body)

    def profiles(self, starts: Iterable[datetime]) -> dict[datetime, Profile]:
        """The counts that are kept of past windows, by their starts. What was stored without them is left out."""
        return {
            datetime.fromisoformat(window["window"]["start"]): profile_from_document(window["profile"])
            for window in self._windows(starts)
            if "profile" in window
        }

    def _made_whole(self) -> tuple[Score, ...]:
        document, written = self._read()
        series = series_from_document(document)
        stored = state_bucket.windows_stored(self._bucket, self._endpoint, self._variant, self._until - KEPT)
        for window in self._windows(windows_to_enter(series, stored, written)):
            series = with_score(series, score_of_document(window))
        return series

    def _read(self) -> tuple[Mapping[str, Any], datetime | None]:
        try:
            found = s3.open_object(self._bucket, state_bucket.series_key(self._endpoint, self._variant))
        except s3.ObjectNotFoundError:
            return {}, None
        return msgspec.json.decode(b"".join(found.chunks)), datetime.fromisoformat(found.modified).astimezone(UTC)

    def _windows(self, starts: Iterable[datetime]) -> list[dict[str, Any]]:
        def read(start: datetime) -> dict[str, Any] | None:
            return state_bucket.read_window(self._bucket, self._endpoint, self._variant, start)

        with ThreadPoolExecutor(_PARALLEL_READS) as pool:
            return [window for window in pool.map(read, starts) if window is not None]
