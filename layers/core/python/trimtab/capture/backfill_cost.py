"""What a backfill would cost and how long it would take, before it is started.

Prices are AWS's published ones for us-east-1 on x86, without free tiers, discounts and taxes. What depends on the
captures (how fast a row is decoded, how many hours one object spreads over) is a range. Not counted, because small
or none of the backfill's doing: storage of packs, logs, KMS requests, retrieval from an archive class. Nor are the data
files that manifests of batch transforms name: a listing of the manifests does not tell them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from math import ceil

from trimtab.capture.keys import parse_capture_key, parse_manifest_key

PRICES_AS_OF = "2026-11"
USD_PER_GET = 0.40e-6
USD_PER_PUT_OR_LIST = 5.00e-6
USD_PER_LAMBDA_REQUEST = 0.20e-6
USD_PER_GB_SECOND = 16.6667e-6
USD_PER_STATE_TRANSITION = 25.0e-6

OBJECTS_PER_BATCH = 100  # ItemBatcher in template.yaml
OBJECTS_PER_LIST = 1000
FUNCTION_GB = 1769 / 1024  # MemorySize in template.yaml
CONCURRENCY = 20  # the state machine's default
# Assumptions, each from good to bad.
GET_SECONDS = (0.02, 0.06)  # an object's first byte
BYTES_PER_SECOND = (75e6, 15e6)  # network and decoding of one function: CSV, nested JSON
BATCH_SECONDS = (0.15, 0.6)  # settings, reference, writing packs
TRANSITIONS_PER_BATCH = (1, 3)  # the one state of a child; start, end and a retry
PACKS_PER_HOUR = (1, 2)  # records of an object may belong to the hour after that of its key

ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})


@dataclass(frozen=True)
class Range:
    """From the good case to the bad one."""

    low: float
    high: float

    def __add__(self, other: "Range") -> "Range":
        return Range(self.low + other.low, self.high + other.high)

    def __mul__(self, factor: float) -> "Range":
        return Range(self.low * factor, self.high * factor)


@dataclass(frozen=True)
class CaptureListing:
    """What lies under a prefix. `objects` are captures, `bytes` theirs; `manifests` those of batch transforms; `hours`
    are those of the keys of both, each per endpoint and variant; `others` are objects that are neither; `archived` are
    captures that may have to be restored first."""

    objects: int
    bytes: int
    others: int
    archived: int
    hours: frozenset[tuple[str, str, datetime]]
    manifests: int = 0

    @property
    def listed(self) -> int:
        """All objects under the prefix."""
        return self.objects + self.manifests + self.others

    @property
    def endpoints(self) -> list[str]:
        return sorted({endpoint for endpoint, _, _ in self.hours})

    @property
    def first(self) -> datetime | None:
        return min((hour for *_, hour in self.hours), default=None)

    @property
    def last(self) -> datetime | None:
        return max((hour for *_, hour in self.hours), default=None)


def summarise(bucket: str, objects: Iterable[tuple[str, int, str]]) -> CaptureListing:
    """What objects, given by key, size in bytes and storage class, come to."""
    captures = manifests = size = others = archived = 0
    hours: set[tuple[str, str, datetime]] = set()
    for key, object_bytes, storage_class in objects:
        capture = parse_capture_key(key)
        if capture is None:
            if manifest := parse_manifest_key(bucket, key):
                manifests += 1
                hours.add((manifest.endpoint, manifest.variant, manifest.hour))
            others += manifest is None
            continue
        captures += 1
        size += object_bytes
        archived += storage_class in ARCHIVED
        hours.add((capture.endpoint, capture.variant, capture.hour))
    return CaptureListing(captures, size, others, archived, frozenset(hours), manifests)


@dataclass(frozen=True)
class Cost:
    """One line of the estimate: how many units at which price."""

    name: str
    units: Range
    usd_per_unit: float

    @property
    def usd(self) -> Range:
        return self.units * self.usd_per_unit


@dataclass(frozen=True)
class Estimate:
    """All lines, and how long the functions work together, and so the backfill at a concurrency."""

    costs: tuple[Cost, ...]
    function_seconds: Range
    seconds: Range

    @property
    def usd(self) -> Range:
        return sum((cost.usd for cost in self.costs), Range(0, 0))


def estimate_backfill(listing: CaptureListing, concurrency: int = CONCURRENCY) -> Estimate:
    """What profiling all captures of a listing once costs and takes. Objects that are no captures ride in batches."""
    batches, read = ceil(listing.listed / OBJECTS_PER_BATCH), listing.objects + listing.manifests
    hours = len(listing.hours)
    function_seconds = (
        Range(*GET_SECONDS) * read
        + Range(*(listing.bytes / speed for speed in BYTES_PER_SECOND))
        + Range(*BATCH_SECONDS) * batches
    )
    # a listing is in order of time, so that batches share no hour but those at their ends
    packs = Range(max(batches, hours), hours + batches) if read else Range(0, 0)
    written = Range(packs.low * PACKS_PER_HOUR[0], packs.high * PACKS_PER_HOUR[1])
    lists = ceil(listing.listed / OBJECTS_PER_LIST)
    costs = (
        Cost("S3 GET", Range(1, 1) * (read + batches), USD_PER_GET),
        Cost("S3 PUT and LIST", written + Range(lists, lists), USD_PER_PUT_OR_LIST),
        Cost("Step Functions transitions", Range(*TRANSITIONS_PER_BATCH) * batches, USD_PER_STATE_TRANSITION),
        Cost("Lambda requests", Range(1, 1) * batches, USD_PER_LAMBDA_REQUEST),
        Cost("Lambda GB-seconds", function_seconds * FUNCTION_GB, USD_PER_GB_SECOND),
    )
    workers = max(1, min(concurrency, batches))
    return Estimate(costs, function_seconds, function_seconds * (1 / workers))
