"""profile_capture: on S3 `Object Created` of capture objects, through SQS, count their rows into profiles.

One batch of messages becomes one pack per endpoint, variant and event-time hour. A message fails, and comes back, when
its object could not be profiled for a reason that may pass; what can never be read is quarantined with its reason.

A batch transform captures manifests: the data objects they name are profiled, as variants `batch-input` and
`batch-output` of the destination's last folder. Where an endpoint's quality is watched, what its model answered and
what the ground truth says is kept by request; other ground truth is acknowledged and counted.

The same for old captures: the state machine of the backfill hands over batches of a listing or of an S3 Inventory.
"""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from itertools import batched
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import ValidationError

from trimtab.aws import quality_rows, s3, state_bucket
from trimtab.aws.readings import Readings
from trimtab.capture.announcements import BackfillBatch, created_objects
from trimtab.capture.batch_transform import data_objects, read_data_object
from trimtab.capture.faults import FaultError, Unreadable
from trimtab.capture.ground_truth import Label, labels
from trimtab.capture.keys import CaptureKey, is_label_key, parse_capture_key, parse_manifest_key
from trimtab.capture.models import decode_models
from trimtab.capture.naming import name_columns
from trimtab.capture.objects import MOST_LISTED, FoldedObject, fold_models
from trimtab.capture.pack import ObjectId, ObjectProfile, grid_name, pack_key, trim_samples, union
from trimtab.capture.table import Table
from trimtab.capture.variants import model_variant
from trimtab.quality.answers import answers_of_table, kept_features
from trimtab.quality.kept import answers_prefix, collected_at, hour_folder, labels_prefix, parse_label_key
from trimtab.quality.keyed_rows import KeyedRows, are_drawn
from trimtab.quality.keyed_rows import union as union_of_rows
from trimtab.quality.labels import labels_of
from trimtab.settings import ProfileCaptureSettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

GONE_AFTER_RECEIVES = 3
"""An object that is not there is looked for so often before its message is dropped."""

MILLISECONDS_TO_WRITE = 30_000
"""With less time left no further object is begun: what was counted must still be written."""

LABELS_AT_ONCE = 50_000
"""So many labels of a ground-truth object are held as they are read; as rows they take a tenth of that."""

MOST_NAMED = 5
"""So many objects are named in the error of a failed batch; the log has all."""


class BatchFailedError(RuntimeError):
    """Some objects of a backfill's batch could not be profiled; all others were. Doing the batch again is safe."""


@dataclass(frozen=True)
class Part:
    """What an object adds to one variant; to none ("") when it is ground truth. `rows`: answers or labels that are kept
    of it, by the folder that they belong to."""

    endpoint: str
    variant: str
    folded: FoldedObject
    rows: Mapping[str, KeyedRows] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of a batch; `failed` are the identifiers of the items to do again."""

    objects: int
    rows: int
    failed: frozenset[str]


type PackId = tuple[str, str, datetime, str]
"""Endpoint, variant, event-time hour, grid."""

type Answers = dict[str, dict[str, list[KeyedRows]]]
"""What is kept of one object's answers, by model and folder."""


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    settings = ProfileCaptureSettings.from_environment(os.environ)

    def is_late() -> bool:
        return context.get_remaining_time_in_millis() < MILLISECONDS_TO_WRITE

    if "Items" in event:
        return backfill(BackfillBatch.model_validate(event), settings, is_late)
    messages = {record["messageId"]: record for record in event["Records"]}
    outcome = profile_each(messages, profile_message, settings, is_late)
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in sorted(outcome.failed)]}


def backfill(batch: BackfillBatch, settings: ProfileCaptureSettings, is_late: Callable[[], bool]) -> dict[str, Any]:
    """Profile the captures of a batch. Raises BatchFailedError: the map tries it again, later a redrive does."""
    locations = [
        (batch.given.bucket, item.name)
        for item in batch.items
        if item.is_latest and not item.is_delete_marker and item.name.startswith(batch.given.prefix)
    ]
    listed = {f"s3://{bucket}/{key}": (bucket, key) for bucket, key in locations}
    outcome = profile_each(listed, profile_listed, settings, is_late)
    if outcome.failed:
        named = ", ".join(sorted(outcome.failed)[:MOST_NAMED])
        raise BatchFailedError(f"{len(outcome.failed)} of {len(listed)} objects could not be profiled: {named}")
    return {"objects": outcome.objects, "rows": outcome.rows}


def profile_each[Item](
    items: Mapping[str, Item],
    profile: Callable[[Item, Readings, ProfileCaptureSettings], list[Part]],
    settings: ProfileCaptureSettings,
    is_late: Callable[[], bool],
) -> Outcome:
    """Profile each item by itself and write what all add up to in packs. What there is no time for is to do again."""
    packs: dict[PackId, dict[str, list[ObjectProfile]]] = defaultdict(lambda: defaultdict(list))
    kept: dict[str, dict[str, list[KeyedRows]]] = defaultdict(lambda: defaultdict(list))
    readings = Readings(settings.name, settings.state_table_name, settings.state_bucket_name)
    failed: set[str] = set()
    objects = rows = 0
    for identifier, item in items.items():
        if is_late():
            failed.add(identifier)
            continue
        try:
            parts = profile(item, readings, settings)
        except Exception:
            # one bad object must not stop the others: its message or batch comes back, and at last is kept as failed
            logger.exception("Object could not be profiled", extra={"item": identifier})
            failed.add(identifier)
            continue
        entries = [(part, hour, entry) for part in parts for hour, entry in part.folded.hours.items()]
        is_capture = any(part.variant for part in parts)
        objects += max(is_capture, len({entry.object for _, _, entry in entries}))
        rows += sum(part.folded.rows for part in parts)
        for part, hour, entry in entries:
            packs[part.endpoint, part.variant, hour, grid_name(entry)][identifier].append(entry)
        for folder, of_part in ((folder, of_part) for part in parts for folder, of_part in part.rows.items()):
            kept[folder][identifier].append(of_part)
    failed |= write_packs(packs, readings, settings.state_bucket_name)
    failed |= write_rows(kept, settings.state_bucket_name)
    metrics.add_metric("ObjectsProfiled", MetricUnit.Count, objects)
    metrics.add_metric("RowsProfiled", MetricUnit.Count, rows)
    return Outcome(objects, rows, frozenset(failed))


def profile_message(record: Mapping[str, Any], readings: Readings, settings: ProfileCaptureSettings) -> list[Part]:
    """What the object of one message adds; nothing when the message is done with: its object is no capture, or it was
    quarantined. Raises whatever may have passed when the message comes back."""
    try:
        locations = created_objects(record["body"])
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        quarantine_message(record, f"not an S3 event: {faults}", settings)
        return []
    is_last_try = int(record["attributes"].get("ApproximateReceiveCount", 1)) >= GONE_AFTER_RECEIVES
    parts: list[Part] = []
    for bucket, key in locations:
        try:
            parts += profile_location(bucket, key, readings, settings, is_last_try=is_last_try)
        except s3.ObjectArchivedError as error:
            quarantine_message(record, str(error), settings)
        except s3.ObjectNotFoundError as error:
            if not is_last_try:
                raise
            quarantine_message(record, str(error), settings)
    return parts


def profile_listed(location: tuple[str, str], readings: Readings, settings: ProfileCaptureSettings) -> list[Part]:
    """What a listed object adds; nothing when it is no capture, or was quarantined: deleted since it was listed, or
    archived. Raises whatever may have passed when the batch is done again."""
    bucket, key = location
    try:
        return profile_location(bucket, key, readings, settings, is_last_try=True)
    except (s3.ObjectNotFoundError, s3.ObjectArchivedError) as error:
        quarantine_object(bucket, key, str(error), settings)
        return []


def profile_location(
    bucket: str, key: str, readings: Readings, settings: ProfileCaptureSettings, *, is_last_try: bool
) -> list[Part]:
    """What one object adds by its key; nothing when it is neither a capture nor a manifest."""
    if capture := parse_capture_key(key):
        return profile_capture(bucket, key, capture, readings, settings)
    if manifest := parse_manifest_key(bucket, key):
        return profile_manifest(bucket, key, manifest, readings, settings, is_last_try=is_last_try)
    if is_label_key(key) and any(isinstance(item, Label) for item in labels(s3.open_object(bucket, key).chunks)):
        return take_ground_truth(bucket, key, readings, settings)
    metrics.add_metric("ObjectsSkipped", MetricUnit.Count, 1)
    logger.info("Object is no capture", extra={"bucket": bucket, "key": key})
    return []


@tracer.capture_method(capture_response=False)
def profile_capture(
    bucket: str, key: str, capture: CaptureKey, readings: Readings, settings: ProfileCaptureSettings
) -> list[Part]:
    """What one capture object adds, to each model by itself where the settings say how models are told apart."""
    endpoint = capture.endpoint
    body = s3.open_object(bucket, key)
    identity = ObjectId(bucket, key, body.modified, body.etag)
    monitor = readings.monitor(endpoint)
    items = decode_models(
        body.chunks,
        monitor.model_attribute,
        lambda model: readings.layout(endpoint, model_variant(capture.variant, model)),
        now=datetime.now(UTC),
    )
    readings.learn_labels(endpoint)
    answers: Answers = defaultdict(lambda: defaultdict(list))
    folded = fold_models(
        identity,
        keeping_answers(items, capture, readings, answers) if monitor.quality else items,
        lambda model: readings.reference(endpoint, model_variant(capture.variant, model)),
        capture.hour,
        smallest=lambda model, hour: readings.smallest_hashes(endpoint, model_variant(capture.variant, model), hour),
        redact=monitor.redact,
    )
    of_models = list(folded.values())
    if any("ground_truth" in each.unreadable for each in of_models) and not any(each.records for each in of_models):
        return take_ground_truth(bucket, key, readings, settings)
    quarantine_lines(identity, of_models, capture.hour, settings)
    return [
        Part(endpoint, model_variant(capture.variant, model), each, folders_of(answers[model]))
        for model, each in (folded or {"": FoldedObject({})}).items()
    ]


def keeping_answers(
    items: Iterable[tuple[str, Table | Unreadable]], capture: CaptureKey, readings: Readings, kept: Answers
) -> Iterator[tuple[str, Table | Unreadable]]:
    """The items as they come. Of the answered rows in them, what labels are joined with is put into `kept`."""
    monitor = readings.monitor(capture.endpoint)
    for model, item in items:
        if isinstance(item, Table) and monitor.quality:
            variant = model_variant(capture.variant, model)
            reference = readings.reference(capture.endpoint, variant)
            table = name_columns(item, reference) if reference else item
            inputs = [name for name in table.columns if name not in table.outputs]
            if not monitor.redact <= table.columns.keys():
                inputs = []  # what must not be kept may be there under another name
            features = kept_features(
                inputs, monitor.quality, importance=monitor.importance, never=monitor.redact | monitor.ignore
            )
            folder = hour_folder(answers_prefix(capture.endpoint, variant), table.hour)
            kept[model][folder].append(answers_of_table(table, monitor.quality, features, monitor.redact))
        yield model, item


def folders_of(parts: Mapping[str, list[KeyedRows]]) -> dict[str, KeyedRows]:
    """What of one object is kept in each folder, if anything."""
    of_folders = {folder: union_of_rows(rows) for folder, rows in parts.items()}
    return {folder: rows for folder, rows in of_folders.items() if len(rows)}


@tracer.capture_method(capture_response=False)
def profile_manifest(
    bucket: str,
    key: str,
    manifest: CaptureKey,
    readings: Readings,
    settings: ProfileCaptureSettings,
    *,
    is_last_try: bool,
) -> list[Part]:
    """What the data objects of a batch transform's manifest add. One that can never be read is quarantined; the others
    count. Raises what may pass, ObjectNotFoundError too unless this is the last try."""
    try:
        named = data_objects(s3.read_object(bucket, key))
    except FaultError as error:
        quarantine_object(bucket, key, error.detail, settings)
        return []
    endpoint, variant, hour = manifest.endpoint, manifest.variant, manifest.hour
    address = f"s3://{bucket}/{key}"
    reference, layout = readings.reference(endpoint, variant), readings.layout(endpoint, variant)
    parts: list[Part] = []
    for data_bucket, data_key in named:
        try:
            body = s3.open_object(data_bucket, data_key)
        except (s3.ObjectNotFoundError, s3.ObjectArchivedError, s3.ObjectForbiddenError) as error:
            if isinstance(error, s3.ObjectNotFoundError) and not is_last_try:
                raise
            if isinstance(error, s3.ObjectForbiddenError) and data_bucket == bucket:
                raise  # captures of this bucket are read otherwise: somebody is changing a policy
            quarantine_object(data_bucket, data_key, f"named by {address}: {error}", settings)
            continue
        identity = ObjectId(data_bucket, data_key, body.modified, body.etag)
        items = read_data_object(body.chunks, data_key, variant, hour, layout)
        [folded] = fold_models(
            identity,
            (("", item) for item in items),
            lambda _: reference,
            hour,
            manifest=address,
            smallest=lambda _, hour: readings.smallest_hashes(endpoint, variant, hour),
            redact=readings.monitor(endpoint).redact,
        ).values() or [FoldedObject({})]
        quarantine_lines(identity, [folded], hour, settings)
        parts.append(Part(endpoint, variant, folded))
    return parts


@tracer.capture_method(capture_response=False)
def take_ground_truth(bucket: str, key: str, readings: Readings, settings: ProfileCaptureSettings) -> list[Part]:
    """The labels that a ground-truth object adds to the endpoints that they are of, if their quality is watched."""
    metrics.add_metric("GroundTruthObjects", MetricUnit.Count, 1)
    told = parse_label_key(key)
    endpoints = readings.labelled_endpoints(bucket, key, told[0]) if told else ()
    watched = {endpoint: quality for endpoint in endpoints if (quality := readings.monitor(endpoint).quality)}
    if not told or not watched:
        logger.info("Object is ground truth", extra={"bucket": bucket, "key": key})
        return []
    body, (_, hour) = s3.open_object(bucket, key), told
    collected = collected_at(hour, datetime.fromisoformat(body.modified))
    found: dict[str, list[KeyedRows]] = {endpoint: [] for endpoint in watched}
    reasons = Counter[str]()
    listed: list[Unreadable] = []
    count = 0
    for items in batched(labels(body.chunks), LABELS_AT_ONCE, strict=False):
        unreadable = [item for item in items if isinstance(item, Unreadable)]
        reasons.update(item.reason for item in unreadable)
        listed = [*listed, *unreadable][:MOST_LISTED]
        count += len(items) - len(unreadable)
        for endpoint, quality in watched.items():
            rows = labels_of((item for item in items if isinstance(item, Label)), collected, quality.label)
            found[endpoint].append(rows.where(are_drawn(rows.keys, quality.keep_share)))
    lost = FoldedObject({}, records=count, unreadable=reasons, lost=reasons.total(), listed=tuple(listed))
    quarantine_lines(ObjectId(bucket, key, body.modified, body.etag), [lost], hour, settings)
    kept = {endpoint: folders_of({hour_folder(labels_prefix(endpoint), hour): found[endpoint]}) for endpoint in found}
    of_endpoints = [len(rows) for each in kept.values() for rows in each.values()]
    metrics.add_metric("LabelsKept", MetricUnit.Count, sum(of_endpoints))
    return [Part(endpoint, "", FoldedObject({}), rows) for endpoint, rows in kept.items()]


def write_packs(packs: Mapping[PackId, Mapping[str, list[ObjectProfile]]], readings: Readings, bucket: str) -> set[str]:
    """Write every pack; the ids of the messages whose counts could not be written."""
    failed: set[str] = set()
    for (endpoint, variant, hour, grid), entries in packs.items():
        try:
            objects = union(entries.values())  # one object may have come in several messages
            objects = trim_samples(objects, readings.monitor(endpoint).sample_rows)
            state_bucket.write_pack(bucket, pack_key(endpoint, variant, hour, grid, objects), objects)
        except Exception:
            logger.exception("Pack could not be written", extra={"endpoint": endpoint, "hour": hour.isoformat()})
            failed |= entries.keys()
    return failed


def write_rows(kept: Mapping[str, Mapping[str, list[KeyedRows]]], bucket: str) -> set[str]:
    """Write the keyed rows of each folder; the ids of the messages whose rows could not be written."""
    failed: set[str] = set()
    for folder, parts in kept.items():
        try:
            quality_rows.write_parts(bucket, folder, [rows for of in parts.values() for rows in of])
        except Exception:
            logger.exception("Rows could not be written", extra={"folder": folder})
            failed |= parts.keys()
    return failed


def quarantine_lines(
    identity: ObjectId, of_models: Sequence[FoldedObject], day: datetime, settings: ProfileCaptureSettings
) -> None:
    """Keep what of an object could not be read, if anything."""
    unreadable = sum((folded.unreadable for folded in of_models), Counter[str]())
    if not unreadable:
        return
    metrics.add_metric("LinesUnreadable", MetricUnit.Count, unreadable.total())
    logger.warning("Lines could not be read", extra={"object": asdict(identity), "reasons": unreadable})
    listed = [item for folded in of_models for item in folded.listed][:MOST_LISTED]
    document = {
        "object": asdict(identity),
        "records_read": sum(folded.records for folded in of_models),
        "records_lost": sum(folded.lost for folded in of_models),
        "unreadable": unreadable,
        "lines": [{"line": item.line, "reason": item.reason, "detail": item.detail} for item in listed],
    }
    name = sha256(f"{identity.bucket}/{identity.key}@{identity.etag}".encode()).hexdigest()[:32]
    state_bucket.write_quarantine(settings.state_bucket_name, day, name, document)


def quarantine_object(bucket: str, key: str, reason: str, settings: ProfileCaptureSettings) -> None:
    metrics.add_metric("ObjectsQuarantined", MetricUnit.Count, 1)
    logger.warning("Object cannot be read", extra={"bucket": bucket, "key": key, "reason": reason})
    name = sha256(f"{bucket}/{key}".encode()).hexdigest()[:32]
    document = {"object": {"bucket": bucket, "key": key}, "reason": reason}
    state_bucket.write_quarantine(settings.state_bucket_name, datetime.now(UTC), name, document)


def quarantine_message(record: Mapping[str, Any], reason: str, settings: ProfileCaptureSettings) -> None:
    metrics.add_metric("MessagesQuarantined", MetricUnit.Count, 1)
    logger.warning("Message cannot be used", extra={"message_id": record["messageId"], "reason": reason})
    document = {"message": record["body"], "reason": reason}
    name = sha256(record["body"].encode()).hexdigest()[:32]
    sent = datetime.fromtimestamp(int(record["attributes"]["SentTimestamp"]) / 1000, UTC)
    state_bucket.write_quarantine(settings.state_bucket_name, sent, name, document)
