"""profile_capture: on S3 `Object Created` of capture objects, through SQS, count their rows into profiles.

One batch of messages becomes one pack per endpoint, variant and event-time hour. A message fails, and comes back, when
its object could not be profiled for a reason that may pass; what can never be read is quarantined with its reason.

A batch transform captures manifests: the data objects they name are profiled, as variants `batch-input` and
`batch-output` of the destination's last folder. Where an endpoint's quality is watched, what its model answered and
what the ground truth says is kept by request; other ground truth is acknowledged and counted.

The same for old captures: the state machine of the backfill hands over batches of a listing or of an S3 Inventory.
"""

import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from trimtab.aws import quality_rows, s3, state_bucket
from trimtab.aws.capture_objects import (
    Added,
    ReadObject,
    open_version,
    read_batch_data,
    read_capture,
    read_ground_truth,
)
from trimtab.aws.readings import Readings
from trimtab.capture.announcements import AnnouncementError, BackfillBatch, created_objects, listed_objects
from trimtab.capture.batch_transform import data_objects
from trimtab.capture.faults import FaultError
from trimtab.capture.ground_truth import Label, labels
from trimtab.capture.keys import CaptureKey, is_label_key, parse_capture_key, parse_manifest_key
from trimtab.capture.objects import unreadable_document
from trimtab.capture.pack import ObjectId, pack_key, trim_samples, union
from trimtab.capture.packing import Part, entries_of_packs, number_of_objects
from trimtab.quality.kept import KeptRows, parse_label_key
from trimtab.quality.keyed_rows import KeyedRows
from trimtab.settings import ProfileCaptureSettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

GONE_AFTER_RECEIVES = 3
"""An object that is not there is looked for so often before its message is dropped."""

MILLISECONDS_TO_WRITE = 30_000
"""With less time left no object is begun or read on: what was counted must still be written."""

MOST_NAMED = 5
"""So many objects are named in the error of a failed batch; the log has all."""

UNCLAIMED = "no settings with `quality` name a prefix above it in `labels`, nor are there any for its folder's endpoint"


class BatchFailedError(RuntimeError):
    """Some objects of a backfill's batch could not be profiled; all others were. Doing the batch again is safe."""


class OutOfTimeError(RuntimeError):
    """An object was not read to its end, for lack of time. It fails alone: what was counted before is written."""


@dataclass(frozen=True)
class Run:
    """What is the same for all items of a batch. `is_late`: whether it is time to write what was counted."""

    settings: ProfileCaptureSettings
    readings: Readings
    is_late: Callable[[], bool]


@dataclass(frozen=True)
class Outcome:
    """What became of a batch; `failed` are the identifiers of the items to do again."""

    objects: int
    rows: int
    failed: frozenset[str]


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    settings = ProfileCaptureSettings.from_environment(os.environ)

    def is_late() -> bool:
        return context.get_remaining_time_in_millis() < MILLISECONDS_TO_WRITE

    run = Run(settings, Readings(settings.name, settings.state_table_name, settings.state_bucket_name), is_late)
    if "Items" in event:
        return backfill(BackfillBatch.model_validate(event), run)
    # new ones first: what takes all the time again and again must not keep others from their turn
    messages = {record["messageId"]: record for record in sorted(event["Records"], key=receives_of)}
    outcome = profile_each(messages, profile_message, run)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(outcome.failed)]}


def backfill(batch: BackfillBatch, run: Run) -> dict[str, Any]:
    """Profile the captures of a batch. Raises BatchFailedError: the map tries it again, later a redrive does."""
    listed = {f"s3://{bucket}/{key}": (bucket, key) for bucket, key in listed_objects(batch)}
    outcome = profile_each(listed, profile_listed, run)
    if outcome.failed:
        named = ", ".join(sorted(outcome.failed)[:MOST_NAMED])
        raise BatchFailedError(f"{len(outcome.failed)} of {len(listed)} objects could not be profiled: {named}")
    return {"objects": outcome.objects, "rows": outcome.rows}


def profile_each[Item](items: Mapping[str, Item], profile: Callable[[Item, Run], Added], run: Run) -> Outcome:
    """Profile each item by itself and write what all add up to in packs. What there is no time for is to do again."""
    parts: dict[str, list[Part]] = {}
    kept: dict[str, list[KeptRows]] = {}
    failed: set[str] = set()
    for identifier, item in items.items():
        if run.is_late():
            failed.add(identifier)
            continue
        try:
            added = profile(item, run)
        except Exception:
            # one bad object must not stop the others: its message or batch comes back, and at last is kept as failed
            logger.exception("Object could not be profiled", extra={"item": identifier})
            failed.add(identifier)
            continue
        parts[identifier] = [each for each in added if isinstance(each, Part)]
        kept[identifier] = [each for each in added if isinstance(each, KeptRows)]
    failed |= write_packs(parts, run)
    failed |= write_rows(kept, run.settings.state_bucket_name)
    objects = sum(map(number_of_objects, parts.values()))
    rows = sum(part.rows for of_item in parts.values() for part in of_item)
    metrics.add_metric("ObjectsProfiled", MetricUnit.Count, objects)
    metrics.add_metric("RowsProfiled", MetricUnit.Count, rows)
    return Outcome(objects, rows, frozenset(failed))


def receives_of(record: Mapping[str, Any]) -> int:
    """How often a message has been received, this time included."""
    return int(record["attributes"].get("ApproximateReceiveCount", 1))


def profile_message(record: Mapping[str, Any], run: Run) -> Added:
    """What the object of one message adds; nothing when the message is done with: its object is no capture, or it was
    quarantined. Raises whatever may have passed when the message comes back."""
    try:
        locations = created_objects(record["body"])
    except AnnouncementError as error:
        quarantine_message(record, str(error), run.settings)
        return []
    is_last_try = receives_of(record) >= GONE_AFTER_RECEIVES
    added: Added = []
    for bucket, key in locations:
        try:
            added += profile_location(bucket, key, run, is_last_try=is_last_try)
        except s3.ObjectArchivedError as error:
            quarantine_message(record, str(error), run.settings)
        except s3.ObjectNotFoundError as error:
            if not is_last_try:
                raise
            quarantine_message(record, str(error), run.settings)
    return added


def profile_listed(location: tuple[str, str], run: Run) -> Added:
    """What a listed object adds; nothing when it is no capture, or was quarantined: deleted since it was listed, or
    archived. Raises whatever may have passed when the batch is done again."""
    bucket, key = location
    try:
        return profile_location(bucket, key, run, is_last_try=True)
    except (s3.ObjectNotFoundError, s3.ObjectArchivedError) as error:
        quarantine_object(bucket, key, str(error), run.settings)
        return []


def profile_location(bucket: str, key: str, run: Run, *, is_last_try: bool) -> Added:
    """What one object adds by its key; nothing when it is neither a capture nor a manifest."""
    if capture := parse_capture_key(key):
        return profile_capture(bucket, key, capture, run)
    if manifest := parse_manifest_key(bucket, key):
        return profile_manifest(bucket, key, manifest, run, is_last_try=is_last_try)
    if is_label_key(key) and any(isinstance(item, Label) for item in labels(open_in_time(bucket, key, run)[1])):
        return take_ground_truth(bucket, key, run)
    metrics.add_metric("ObjectsSkipped", MetricUnit.Count, 1)
    logger.info("Object is no capture", extra={"bucket": bucket, "key": key})
    return []


@tracer.capture_method(capture_response=False)
def profile_capture(bucket: str, key: str, capture: CaptureKey, run: Run) -> Added:
    """What one capture object adds, to each model by itself where the settings say how models are told apart."""
    read = read_capture(*open_in_time(bucket, key, run), capture, run.readings, now=datetime.now(UTC))
    if read.is_ground_truth:
        return take_ground_truth(bucket, key, run)
    quarantine_lines(read, capture.hour, run.settings)
    return read.added


@tracer.capture_method(capture_response=False)
def profile_manifest(bucket: str, key: str, manifest: CaptureKey, run: Run, *, is_last_try: bool) -> Added:
    """What the data objects of a batch transform's manifest add. One that can never be read is quarantined; the others
    count. Raises what may pass, ObjectNotFoundError too unless this is the last try."""
    try:
        named = data_objects(s3.read_object(bucket, key))
    except FaultError as error:
        quarantine_object(bucket, key, error.detail, run.settings)
        return []
    address = f"s3://{bucket}/{key}"
    added: Added = []
    for data_bucket, data_key in named:
        try:
            identity, chunks = open_in_time(data_bucket, data_key, run)
        except (s3.ObjectNotFoundError, s3.ObjectArchivedError, s3.ObjectForbiddenError) as error:
            if isinstance(error, s3.ObjectNotFoundError) and not is_last_try:
                raise
            if isinstance(error, s3.ObjectForbiddenError) and data_bucket == bucket:
                raise  # captures of this bucket are read otherwise: somebody is changing a policy
            quarantine_object(data_bucket, data_key, f"named by {address}: {error}", run.settings)
            continue
        read = read_batch_data(identity, chunks, manifest, address, run.readings)
        quarantine_lines(read, manifest.hour, run.settings)
        added += read.added
    return added


@tracer.capture_method(capture_response=False)
def take_ground_truth(bucket: str, key: str, run: Run) -> Added:
    """The labels that a ground-truth object adds to the endpoints that they are of, if their quality is watched."""
    metrics.add_metric("GroundTruthObjects", MetricUnit.Count, 1)
    told = parse_label_key(key)
    endpoints = run.readings.labelled_endpoints(bucket, key, told[0]) if told else ()
    watched = {endpoint: quality for endpoint in endpoints if (quality := run.readings.monitor(endpoint).quality)}
    if not told or not watched:
        metrics.add_metric("GroundTruthUnclaimed", MetricUnit.Count, 1)
        why = UNCLAIMED if told else "its key has no yyyy/mm/dd/hh"
        logger.info("Ground truth is not kept", extra={"bucket": bucket, "key": key, "reason": why})
        return []
    read = read_ground_truth(*open_in_time(bucket, key, run), told[1], watched)
    quarantine_lines(read, told[1], run.settings)
    metrics.add_metric("LabelsKept", MetricUnit.Count, sum(len(each.rows) for each in read.kept))
    return read.added


def open_in_time(bucket: str, key: str, run: Run) -> tuple[ObjectId, Iterator[bytes]]:
    """As `open_version`; reading on raises OutOfTimeError when it is late."""
    identity, chunks = open_version(bucket, key)
    return identity, in_time(chunks, run.is_late)


def in_time(chunks: Iterable[bytes], is_late: Callable[[], bool]) -> Iterator[bytes]:
    """The chunks. Raises OutOfTimeError before one for which it is too late: were the function stopped instead, all
    messages of its batch would come back, and at last be dead letters."""
    for chunk in chunks:
        if is_late():
            raise OutOfTimeError("the object could not be read in the function's time beside the others of its batch")
        yield chunk


def write_packs(items: Mapping[str, Sequence[Part]], run: Run) -> set[str]:
    """Write all packs; the ids of the items whose counts could not be written."""
    failed: set[str] = set()
    for (endpoint, variant, hour, grid), entries in entries_of_packs(items).items():
        try:
            objects = union(entries.values())  # one object may have come in several messages
            objects = trim_samples(objects, run.readings.monitor(endpoint).sample_rows)
            state_bucket.write_pack(
                run.settings.state_bucket_name, pack_key(endpoint, variant, hour, grid, objects), objects
            )
        except Exception:
            logger.exception("Pack could not be written", extra={"endpoint": endpoint, "hour": hour.isoformat()})
            failed |= entries.keys()
    return failed


def write_rows(items: Mapping[str, Sequence[KeptRows]], bucket: str) -> set[str]:
    """Write the keyed rows of each folder; the ids of the items whose rows could not be written."""
    folders: dict[str, dict[str, list[KeyedRows]]] = defaultdict(lambda: defaultdict(list))
    for identifier, of_item in items.items():
        for each in of_item:
            if len(each.rows):
                folders[each.folder][identifier].append(each.rows)
    failed: set[str] = set()
    for folder, parts in folders.items():
        try:
            quality_rows.write_parts(bucket, folder, [rows for of in parts.values() for rows in of])
        except Exception:
            logger.exception("Rows could not be written", extra={"folder": folder})
            failed |= parts.keys()
    return failed


def quarantine_lines(read: ReadObject, day: datetime, settings: ProfileCaptureSettings) -> None:
    """Keep what of an object could not be read, if anything."""
    identity, document = read.identity, unreadable_document(read.identity, read.folded)
    if document is None:
        return
    metrics.add_metric("LinesUnreadable", MetricUnit.Count, sum(document["unreadable"].values()))
    logger.warning("Lines could not be read", extra={"object": asdict(identity), "reasons": document["unreadable"]})
    what = f"{identity.bucket}/{identity.key}@{identity.etag}"
    state_bucket.write_quarantine(settings.state_bucket_name, day, what, document)


def quarantine_object(bucket: str, key: str, reason: str, settings: ProfileCaptureSettings) -> None:
    metrics.add_metric("ObjectsQuarantined", MetricUnit.Count, 1)
    logger.warning("Object cannot be read", extra={"bucket": bucket, "key": key, "reason": reason})
    document = {"object": {"bucket": bucket, "key": key}, "reason": reason}
    state_bucket.write_quarantine(settings.state_bucket_name, datetime.now(UTC), f"{bucket}/{key}", document)


def quarantine_message(record: Mapping[str, Any], reason: str, settings: ProfileCaptureSettings) -> None:
    metrics.add_metric("MessagesQuarantined", MetricUnit.Count, 1)
    logger.warning("Message cannot be used", extra={"message_id": record["messageId"], "reason": reason})
    document = {"message": record["body"], "reason": reason}
    sent = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
    state_bucket.write_quarantine(settings.state_bucket_name, sent, record["body"], document)
