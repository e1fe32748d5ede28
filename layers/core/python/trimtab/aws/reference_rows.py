"""The row sample of a reference, and what was once worked out from it, kept beside it in the state bucket."""

import json
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from trimtab.aws import s3, state_bucket
from trimtab.capture.sample import RowSample


class ReferenceRows:
    """The rows of one reference of an endpoint, read when they are first asked for."""

    def __init__(self, bucket: str, endpoint: str, name: str) -> None:
        self._bucket, self._endpoint, self._name = bucket, endpoint, name

    @cached_property
    def sample(self) -> RowSample | None:
        """The reference's row sample, None when it has none. Raises SampleError when it cannot be read."""
        return state_bucket.read_reference_sample(self._bucket, self._endpoint, self._name)

    def importance(
        self, of: Mapping[str, Any], estimate: Callable[[RowSample], dict[str, Any]]
    ) -> dict[str, Any] | None:
        """What `estimate` makes of the sample, worked out once; None without a sample.

        `of`: what it depends on besides, as plain JSON values; another value works it out again, and so does another
        sample.
        """
        if self.sample is None:
            return None
        last = int(self.sample.hashes[-1]) if self.sample.rows else 0
        told = {**of, "rows": self.sample.rows, "last_row": str(last)}
        key = f"references/{self._endpoint}/{self._name}.importance.json"
        try:
            kept: dict[str, Any] = json.loads(s3.read_object(self._bucket, key))
        except s3.ObjectNotFoundError:
            kept = {}
        if kept.get("of") == told:
            document: dict[str, Any] = kept["importance"]
            return document
        document = estimate(self.sample)
        s3.write_object(self._bucket, key, json.dumps({"of": told, "importance": document}).encode())
        return document
