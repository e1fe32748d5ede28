"""profile_capture: on S3 `Object Created` of capture objects, through SQS, count their rows into profiles.

One batch of messages becomes one pack per endpoint, variant and event-time hour. A message fails, and comes back, when
its object could not be profiled for a reason that may pass; what can never be read is quarantined with its reason.
"""

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import BaseModel, Field, ValidationError
from trimtab.capture.decode import decode

from trimtab.aws import s3, state_bucket
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.capture.grid import NumericBins, Vocabulary
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


@dataclass(frozen=True)
class Reading:
    """How one endpoint's captures are read."""

    layout: Layout
    reference: Reference | None


type PackId = tuple[str, str, datetime, str]
"""Endpoint, variant, event-time hour, grid."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    settings = ProfileCaptureSettings.from_environment(os.environ)
    packs: dict[PackId, dict[str, ObjectProfile]] = defaultdict(dict)
    # read once per batch, not kept longer: a new reference or setting holds from the next batch on
    readings: dict[str, Reading] = {}
    failed: set[str] = set()
    objects = rows = 0
    for record in event["Records"]:
        message_id = record["messageId"]
        try:
            bucket, key, capture = parse_message(record)
            if capture is None:
                metrics.add_metric("ObjectsSkipped", MetricUnit.Count, 1)
                logger.info("Object is no capture", extra={"bucket": bucket, "key": key})
                continue
            if capture.endpoint not in readings:
                readings[capture.endpoint] = read_reading(capture.endpoint, settings)
            folded = profile_object(bucket, key, capture, readings[capture.endpoint], settings)
        except ValidationError as error:
            quarantine_message(record, f"not an S3 event: {error.error_count()} faults", settings)
        except s3.ObjectNotFoundError as error:
            if int(record["attributes"]["ApproximateReceiveCount"]) < GONE_AFTER_RECEIVES:
                failed.add(message_id)
            else:
                quarantine_message(record, str(error), settings)
        except Exception:
            # one bad object must not stop the others: its message comes back, and at last goes to the DLQ
            logger.exception("Object could not be profiled", extra={"message_id": message_id})
            failed.add(message_id)
        else:
            objects, rows = objects + 1, rows + folded.rows
            for hour, entry in folded.hours.items():
                packs[capture.endpoint, capture.variant, hour, grid_name(entry)][message_id] = entry
    failed |= write_packs(packs, settings.state_bucket_name)
    metrics.add_metric("ObjectsProfiled", MetricUnit.Count, objects)
    metrics.add_metric("RowsProfiled", MetricUnit.Count, rows)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(failed)]}


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
    bins = reference.grid.columns if reference else {}
    layout = Layout(
        columns=monitor.columns,
        predictions=monitor.predictions,
        records=monitor.records,
        output_records=monitor.output_records,
        numeric=frozenset(name for name, each in bins.items() if isinstance(each, NumericBins)),
        categorical=frozenset(name for name, each in bins.items() if isinstance(each, Vocabulary)),
        keep=frozenset(bins) if monitor.columns and bins else None,
    )
    return Reading(layout, reference)


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
