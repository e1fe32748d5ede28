"""Captures, batch data and ground truth streamed from S3, read as their endpoint's settings and references say."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from trimtab.aws import s3
from trimtab.aws.readings import Readings
from trimtab.capture.batch_transform import read_data_object
from trimtab.capture.faults import Unreadable
from trimtab.capture.keys import CaptureKey
from trimtab.capture.models import decode_models
from trimtab.capture.objects import FoldedObject, fold_models, fold_object
from trimtab.capture.pack import ObjectId
from trimtab.capture.packing import Part
from trimtab.capture.table import Table
from trimtab.capture.variants import model_variant
from trimtab.quality.answers import answers_to_keep
from trimtab.quality.ground_truth import labels_to_keep
from trimtab.quality.kept import KeptRows, answers_prefix, collected_at, hour_folder, labels_prefix
from trimtab.quality.keyed_rows import KeyedRows, union
from trimtab.quality.settings import QualitySettings

type Added = list[Part | KeptRows]
"""What objects add: to packs, and to the answers and labels by which quality is judged."""


@dataclass(frozen=True)
class ReadObject:
    """An object that was read: `folded`, what of each of its models could be read and what not, and what it adds."""

    identity: ObjectId
    folded: Sequence[FoldedObject]
    parts: Sequence[Part] = ()
    kept: Sequence[KeptRows] = ()

    @property
    def added(self) -> Added:
        """All that it adds."""
        return [*self.parts, *self.kept]

    @property
    def is_ground_truth(self) -> bool:
        """Whether a capture's key led to ground truth: none of its lines is a capture, and some are such records."""
        found = any("ground_truth" in each.unreadable for each in self.folded)
        return found and not any(each.records for each in self.folded)


def open_version(bucket: str, key: str) -> tuple[ObjectId, Iterator[bytes]]:
    """Start reading an object: which version it is, and its bytes in chunks. Raises what `s3.open_object` does."""
    body = s3.open_object(bucket, key)
    return ObjectId(bucket, key, body.modified, body.etag), body.chunks


def read_capture(
    identity: ObjectId, chunks: Iterable[bytes], capture: CaptureKey, readings: Readings, now: datetime
) -> ReadObject:
    """A capture object, each model by itself where the settings say how models are told apart."""
    endpoint, monitor = capture.endpoint, readings.monitor(capture.endpoint)
    items = decode_models(
        chunks,
        monitor.model_attribute,
        lambda model: readings.layout(endpoint, model_variant(capture.variant, model)),
        now=now,
    )
    answers: dict[str, list[KeyedRows]] = defaultdict(list)
    folded = fold_models(
        identity,
        _keeping_answers(items, capture, readings, answers) if monitor.quality else items,
        lambda model: readings.reference(endpoint, model_variant(capture.variant, model)),
        capture.hour,
        smallest=lambda model, hour: readings.smallest_hashes(endpoint, model_variant(capture.variant, model), hour),
        redact=monitor.redact,
    ) or {"": FoldedObject({})}
    parts = [Part(endpoint, model_variant(capture.variant, model), each.hours) for model, each in folded.items()]
    kept = [KeptRows(folder, union(rows)) for folder, rows in answers.items()]
    return ReadObject(identity, list(folded.values()), parts, kept)


def read_batch_data(
    identity: ObjectId, chunks: Iterable[bytes], manifest: CaptureKey, address: str, readings: Readings
) -> ReadObject:
    """A data object that the manifest of a batch transform names; `address` is the manifest's own."""
    endpoint, variant, hour = manifest.endpoint, manifest.variant, manifest.hour
    folded = fold_object(
        identity,
        read_data_object(chunks, identity.key, variant, hour, readings.layout(endpoint, variant)),
        readings.reference(endpoint, variant),
        hour,
        manifest=address,
        smallest=partial(readings.smallest_hashes, endpoint, variant),
        redact=readings.monitor(endpoint).redact,
    )
    return ReadObject(identity, [folded], [Part(endpoint, variant, folded.hours)])


def read_ground_truth(
    identity: ObjectId, chunks: Iterable[bytes], hour: datetime, watched: Mapping[str, QualitySettings]
) -> ReadObject:
    """A ground-truth object whose key tells this hour: its labels, for each endpoint that they are of."""
    found, read = labels_to_keep(chunks, collected_at(hour, datetime.fromisoformat(identity.modified)), watched)
    kept = [KeptRows(hour_folder(labels_prefix(endpoint), hour), rows) for endpoint, rows in found.items()]
    return ReadObject(identity, [read], kept=kept)


def _keeping_answers(
    items: Iterable[tuple[str, Table | Unreadable]],
    capture: CaptureKey,
    readings: Readings,
    kept: Mapping[str, list[KeyedRows]],
) -> Iterator[tuple[str, Table | Unreadable]]:
    """The items as they come. What of the rows in them labels are joined with is put into `kept`, by folder."""
    monitor = readings.monitor(capture.endpoint)
    for model, item in items:
        if isinstance(item, Table) and monitor.quality:
            variant = model_variant(capture.variant, model)
            rows = answers_to_keep(
                item,
                readings.reference(capture.endpoint, variant),
                monitor.quality,
                importance=monitor.importance,
                ignore=monitor.ignore,
                redact=monitor.redact,
            )
            kept[hour_folder(answers_prefix(capture.endpoint, variant), item.hour)].append(rows)
        yield model, item
