"""profile_capture: on S3 `Object Created` of capture objects, through SQS, count their rows into profiles.

One batch of messages becomes one pack per endpoint, variant and event-time hour. A message fails, and comes back, when
its object could not be profiled for a reason that may pass; what can never be read is quarantined with its reason.

The same for old captures: the state machine of the backfill hands over batches of a listing or of an S3 Inventory.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any
from urllib.parse import unquote_plus

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field, ValidationError

from trimtab.aws import s3, state_bucket
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.capture.decode import decode
from trimtab.capture.keys import CaptureKey, parse_capture_key
from trimtab.capture.layout import Layout
from trimtab.capture.objects import FoldedObject, fold_object
from trimtab.capture.pack import ObjectId, ObjectProfile, grid_name, pack_key, union
from trimtab.capture.reference import Reference
from trimtab.settings import ProfileCaptureSettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

GONE_AFTER_RECEIVES = 3
"""An object that is not there is looked for so often before its message is dropped."""

MOST_NAMED = 5
"""So many objects are named in the error of a failed batch; the log has all."""


class S3Bucket(BaseModel):
    name: str


class S3Object(BaseModel):
    key: str


class ObjectCreatedDetail(BaseModel):
    bucket: S3Bucket
    object: S3Object


class ObjectCreated(BaseModel):
    """The EventBridge event of S3, as far as it is used here."""

    detail: ObjectCreatedDetail
    source: str = Field(pattern=r"^(aws\.s3|trimtab)$")


class ListedObject(BaseModel):
    """An object as `ListObjectsV2` tells it, or a row of an S3 Inventory, which alone names the bucket."""

    key: str = Field(alias="Key")
    bucket: str | None = Field(None, alias="Bucket")
    is_latest: bool = Field(True, alias="IsLatest")
    is_delete_marker: bool = Field(False, alias="IsDeleteMarker")

    @property
    def name(self) -> str:
        """The object's key; an inventory has it URL-encoded."""
        return self.key if self.bucket is None else unquote_plus(self.key)


class BackfillInput(BaseModel):
    bucket: str
    prefix: str = ""


class BackfillBatch(BaseModel):
    """A batch of the backfill's Distributed Map, as its ItemBatcher makes it."""

    given: BackfillInput = Field(alias="BatchInput")
    items: list[ListedObject] = Field(alias="Items")


class BatchFailedError(RuntimeError):
    """Some objects of a backfill's batch could not be profiled; all others were. Doing the batch again is safe."""


@dataclass(frozen=True)
class Reading:
    """How one endpoint's captures are read."""

    layout: Layout
    reference: Reference | None


@dataclass(frozen=True)
class Outcome:
    """What became of a batch; `failed` are the identifiers of the items to do again."""

    objects: int
    rows: int
    failed: frozenset[str]


type Profiled = tuple[CaptureKey, FoldedObject]

type PackId = tuple[str, str, datetime, str]
"""Endpoint, variant, event-time hour, grid."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    settings = ProfileCaptureSettings.from_environment(os.environ)
    if "Items" in event:
        return backfill(BackfillBatch.model_validate(event), settings)
    messages = {record["messageId"]: record for record in event["Records"]}
    outcome = profile_each(messages, profile_message, settings)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(outcome.failed)]}


def backfill(batch: BackfillBatch, settings: ProfileCaptureSettings) -> dict[str, Any]:
    """Profile the captures of a batch. Raises BatchFailedError: the map tries it again, later a redrive does."""
    locations = [
        (batch.given.bucket, item.name)
        for item in batch.items
        if item.is_latest and not item.is_delete_marker and item.name.startswith(batch.given.prefix)
    ]
    listed = {f"s3://{bucket}/{key}": (bucket, key) for bucket, key in locations}
    outcome = profile_each(listed, profile_listed, settings)
    if outcome.failed:
        named = ", ".join(sorted(outcome.failed)[:MOST_NAMED])
        raise BatchFailedError(f"{len(outcome.failed)} of {len(listed)} objects could not be profiled: {named}")
    return {"objects": outcome.objects, "rows": outcome.rows}


def profile_each[Item](
    items: Mapping[str, Item],
    profile: Callable[[Item, dict[str, Reading], ProfileCaptureSettings], Profiled | None],
    settings: ProfileCaptureSettings,
) -> Outcome:
    """Profile each item by itself and write what all add up to in packs."""
    packs: dict[PackId, dict[str, ObjectProfile]] = defaultdict(dict)
    # read once per batch, not kept longer: a new reference or setting holds from the next batch on
    readings: dict[str, Reading] = {}
    failed: set[str] = set()
    objects = rows = 0
    for identifier, item in items.items():
        try:
            profiled = profile(item, readings, settings)
        except Exception:
            # one bad object must not stop the others: its message or batch comes back, and at last is kept as failed
            logger.exception("Object could not be profiled", extra={"item": identifier})
            failed.add(identifier)
            continue
        if profiled is not None:
            capture, folded = profiled
            objects, rows = objects + 1, rows + folded.rows
            for hour, entry in folded.hours.items():
                packs[capture.endpoint, capture.variant, hour, grid_name(entry)][identifier] = entry
    failed |= write_packs(packs, settings.state_bucket_name)
    metrics.add_metric("ObjectsProfiled", MetricUnit.Count, objects)
    metrics.add_metric("RowsProfiled", MetricUnit.Count, rows)
    return Outcome(objects, rows, frozenset(failed))


def profile_message(
    record: Mapping[str, Any], readings: dict[str, Reading], settings: ProfileCaptureSettings
) -> Profiled | None:
    """What the object of one message adds; None when the message is done with: its object is no capture, or it was
    quarantined. Raises whatever may have passed when the message comes back."""
    try:
        bucket, key, capture = parse_message(record)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        quarantine_message(record, f"not an S3 event: {faults}", settings)
        return None
    try:
        return profile_capture(bucket, key, capture, readings, settings)
    except s3.ObjectArchivedError as error:
        quarantine_message(record, str(error), settings)
        return None
    except s3.ObjectNotFoundError as error:
        if int(record["attributes"]["ApproximateReceiveCount"]) < GONE_AFTER_RECEIVES:
            raise
        quarantine_message(record, str(error), settings)
        return None


def profile_listed(
    location: tuple[str, str], readings: dict[str, Reading], settings: ProfileCaptureSettings
) -> Profiled | None:
    """What a listed object adds; None when it is no capture, or was quarantined: deleted since it was listed, or
    archived. Raises whatever may have passed when the batch is done again."""
    bucket, key = location
    capture = parse_capture_key(key)
    try:
        return profile_capture(bucket, key, capture, readings, settings)
    except (s3.ObjectNotFoundError, s3.ObjectArchivedError) as error:
        metrics.add_metric("ObjectsQuarantined", MetricUnit.Count, 1)
        logger.warning("Object cannot be read", extra={"bucket": bucket, "key": key, "reason": str(error)})
        name = sha256(f"{bucket}/{key}".encode()).hexdigest()[:32]
        document = {"object": {"bucket": bucket, "key": key}, "reason": str(error)}
        state_bucket.write_quarantine(settings.state_bucket_name, datetime.now(UTC), name, document)
        return None


def profile_capture(
    bucket: str,
    key: str,
    capture: CaptureKey | None,
    readings: dict[str, Reading],
    settings: ProfileCaptureSettings,
) -> Profiled | None:
    """What one object adds, None when its key is no capture's."""
    if capture is None:
        metrics.add_metric("ObjectsSkipped", MetricUnit.Count, 1)
        logger.info("Object is no capture", extra={"bucket": bucket, "key": key})
        return None
    if capture.endpoint not in readings:
        readings[capture.endpoint] = read_reading(capture.endpoint, settings)
    return capture, profile_object(bucket, key, capture, readings[capture.endpoint], settings)


def parse_message(record: Mapping[str, Any]) -> tuple[str, str, CaptureKey | None]:
    """Bucket, key and, when the key is a capture's, its parts. Raises pydantic's ValidationError."""
    detail = ObjectCreated.model_validate_json(record["body"]).detail
    return detail.bucket.name, detail.object.key, parse_capture_key(detail.object.key)


@tracer.capture_method(capture_response=False)
def profile_object(
    bucket: str, key: str, capture: CaptureKey, reading: Reading, settings: ProfileCaptureSettings
) -> FoldedObject:
    body = s3.open_object(bucket, key)
    identity = ObjectId(bucket, key, body.modified, body.etag)
    items = decode(body.chunks, reading.layout, now=datetime.now(UTC))
    folded = fold_object(identity, items, reading.reference, capture.hour)
    if folded.unreadable:
        quarantine_lines(identity, folded, capture.hour, settings)
    return folded


def read_reading(endpoint: str, settings: ProfileCaptureSettings) -> Reading:
    monitor = load_endpoint_settings(settings.name, settings.state_table_name, endpoint).settings
    reference = state_bucket.read_reference(settings.state_bucket_name, endpoint)
    return Reading(monitor.layout(reference.grid.columns if reference else {}), reference)


def write_packs(packs: Mapping[PackId, Mapping[str, ObjectProfile]], bucket: str) -> set[str]:
    """Write every pack; the ids of the messages whose counts could not be written."""
    failed: set[str] = set()
    for (endpoint, variant, hour, grid), entries in packs.items():
        try:
            objects = union([entries.values()])  # one object may have come in several messages
            state_bucket.write_pack(bucket, pack_key(endpoint, variant, hour, grid, objects), objects)
        except Exception:
            logger.exception("Pack could not be written", extra={"endpoint": endpoint, "hour": hour.isoformat()})
            failed |= entries.keys()
    return failed


def quarantine_lines(identity: ObjectId, folded: FoldedObject, day: datetime, settings: ProfileCaptureSettings) -> None:
    metrics.add_metric("LinesUnreadable", MetricUnit.Count, folded.unreadable.total())
    logger.warning("Lines could not be read", extra={"object": asdict(identity), "reasons": folded.unreadable})
    document = {
        "object": asdict(identity),
        "records_read": folded.records,
        "unreadable": folded.unreadable,
        "lines": [{"line": item.line, "reason": item.reason, "detail": item.detail} for item in folded.listed],
    }
    name = sha256(f"{identity.bucket}/{identity.key}@{identity.etag}".encode()).hexdigest()[:32]
    state_bucket.write_quarantine(settings.state_bucket_name, day, name, document)


def quarantine_message(record: Mapping[str, Any], reason: str, settings: ProfileCaptureSettings) -> None:
    metrics.add_metric("MessagesQuarantined", MetricUnit.Count, 1)
    logger.warning("Message cannot be used", extra={"message_id": record["messageId"], "reason": reason})
    document = {"message": record["body"], "reason": reason}
    name = sha256(record["body"].encode()).hexdigest()[:32]
    sent = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
    state_bucket.write_quarantine(settings.state_bucket_name, sent, name, document)
