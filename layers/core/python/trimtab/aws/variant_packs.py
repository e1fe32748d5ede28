"""The packs of a production variant: its own, and those of its models where they are told apart."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from trimtab.aws import state_bucket
from trimtab.capture.pack import ObjectProfile, PackKey, union
from trimtab.capture.variants import production_variant


def list_packs(
    bucket: str, endpoint: str, variant: str, start: datetime, end: datetime
) -> list[tuple[PackKey, datetime]]:
    """The packs of hours from `start` until before `end`, each with when it was written."""
    return [
        pack
        for each in state_bucket.variants_with_packs(bucket, endpoint)
        if production_variant(each) == variant
        for pack in state_bucket.packs_written(bucket, endpoint, each, start, end)
    ]


def read_objects(bucket: str, keys: Sequence[PackKey], grid: str) -> list[ObjectProfile]:
    """The objects of an hour's packs, each once per variant, for an object can hold requests to several models; of
    several entries for one those on `grid` count. Raises PackError when a pack cannot be read."""
    packs: dict[str, list[list[ObjectProfile]]] = defaultdict(list)
    for key, pack in zip(keys, state_bucket.read_packs(bucket, keys), strict=True):
        packs[key.variant].append(pack)
    return [entry for each in packs.values() for entry in union(each, grid)]
