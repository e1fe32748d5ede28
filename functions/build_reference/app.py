"""build_reference: asked by detect_drift or a person, make an endpoint's reference from data in S3.

Payload: `{"endpoint": "churn", "source": "s3://bucket/train.csv"}`; without `source` the one the settings name. From a
window of captures: `{"endpoint": "churn", "captures": {"variant": "AllTraffic", "from": "…Z", "until": "…Z"}}`. A
`name` other than `current` stores the reference beside the one that live data is compared with; by the name of a
variant, this variant alone is compared with it. Beside it lies a sample of the rows that it was made from.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from tempfile import TemporaryFile
from typing import IO, Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, Field

from trimtab.aws import s3, state_bucket
from trimtab.aws.again import again_on
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.aws.event_bridge import publish_findings
from trimtab.aws.lambda_functions import region_and_account
from trimtab.aws.state_table import read_state, write_state
from trimtab.capture.batch_transform import read_data_object
from trimtab.capture.free_text import absent, present
from trimtab.capture.keys import parse_manifest_key
from trimtab.capture.models import decode_models
from trimtab.capture.pack import ObjectProfile
from trimtab.capture.reference import InvalidReferenceError, Reference, reference_from_sketch
from trimtab.capture.row_numbers import without_index
from trimtab.capture.sample import REFERENCE_ROWS, RowSample, seed_of, without_columns
from trimtab.capture.sampling import RowSampler, SmallestHashes
from trimtab.capture.sketch import EXACT_BINS, merge_as_they_come, merge_sketches, sketch_table
from trimtab.capture.table import Table
from trimtab.capture.training import select_columns, training_tables
from trimtab.capture.training_parts import of_one_header, parts_of_folder, training_format
from trimtab.capture.variants import model_variant, production_variant
from trimtab.drift.evidence import reference_finding, reference_refused_finding
from trimtab.findings import Origin
from trimtab.model_monitor.baseline import CONSTRAINTS, STATISTICS, reference_from_model_monitor
from trimtab.settings import BuildReferenceSettings, EndpointSettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()

MOST_BYTES = 4 * 10**9
"""What fits the function's disk, and about what it reads in its time."""
MOST_FILES = 10_000


class CaptureWindow(BaseModel):
    """The captures of one variant from `from` until before `until`, by event time, in whole hours."""

    variant: str = "AllTraffic"
    start: AwareDatetime = Field(alias="from")
    until: AwareDatetime

    def __str__(self) -> str:
        return f"captures of {self.variant} from {self.start:%Y-%m-%dT%H:%MZ} to {self.until:%Y-%m-%dT%H:%MZ}"


class Request(BaseModel):
    """The payload."""

    endpoint: str
    source: str | None = Field(None, pattern=r"^s3://[^/]+/.+")
    captures: CaptureWindow | None = None
    name: str = Field(state_bucket.CURRENT, pattern=r"^[A-Za-z0-9_.%~-]{1,500}$")


@logger.inject_lambda_context
@tracer.capture_lambda_handler
@metrics.log_metrics
def lambda_handler(event: Mapping[str, Any], context: LambdaContext) -> dict[str, Any]:
    request = Request.model_validate(event)
    region, account = region_and_account(context.invoked_function_arn)
    settings = BuildReferenceSettings.from_environment(os.environ)
    origin = Origin(account, region, request.endpoint, "*")
    now = datetime.now(UTC)
    monitor = load_endpoint_settings(settings.name, settings.state_table_name, request.endpoint).settings
    source = str(request.captures) if request.captures else request.source or monitor.reference
    try:
        if request.captures:
            reference, sample = build_from_captures(request.endpoint, request.captures, monitor, settings, now)
        else:
            reference, sample = build(source, monitor, now)
    except (InvalidReferenceError, s3.ObjectNotFoundError, s3.ObjectForbiddenError, s3.ObjectArchivedError) as error:
        metrics.add_metric("ReferencesRefused", MetricUnit.Count, 1)
        refuse(origin, source or "", str(error), settings, now)
        return {"endpoint": request.endpoint, "source": source, "refused": str(error)}
    state_bucket.write_reference_sample(settings.state_bucket_name, request.endpoint, sample, request.name)
    state_bucket.replace_reference(settings.state_bucket_name, request.endpoint, reference, request.name)
    metrics.add_metric("ReferencesBuilt", MetricUnit.Count, 1)
    if request.name == state_bucket.CURRENT:
        why = "Live data is compared with a new reference."
        publish_findings(settings.findings_bus_name, [reference_finding(origin, reference, why, now)])
    return {
        "endpoint": request.endpoint,
        "source": reference.source,
        "rows": reference.profile.rows,
        "columns": list(reference.grid.columns),
    }


@tracer.capture_method(capture_response=False)
def build(source: str | None, monitor: EndpointSettings, now: datetime) -> tuple[Reference, RowSample | None]:
    """The reference that training data or a Model Monitor baseline makes, and a sample of its rows, if it has any.

    Raises InvalidReferenceError, ObjectNotFoundError.
    """
    if source is None:
        raise InvalidReferenceError("neither the payload nor the settings name a source")
    bucket, _, key = source.removeprefix("s3://").partition("/")
    if key.rpartition("/")[2] == STATISTICS:
        return build_from_model_monitor(bucket, key, source, monitor, now), None
    if not key.endswith("/") and training_format(key) is None:
        raise InvalidReferenceError(
            f"{source}: training data must end in .csv, .csv.gz, .parquet, .jsonl or .json, a folder of such files in /"
        )
    files = parts_of(bucket, key) if key.endswith("/") else [source]
    wanted = frozenset((*monitor.columns, *monitor.predictions)) if monitor.columns else frozenset[str]()
    outputs = frozenset(monitor.predictions)
    # the label is no column to compare, but what quality is measured from before labels come
    label = {monitor.quality.label} if wanted and monitor.quality and monitor.quality.label else frozenset[str]()
    sampler = RowSampler(seed_of(source), SmallestHashes(REFERENCE_ROWS), monitor.redact)
    parts = ((file, tables_of_file(file, monitor, wanted | label)) for file in files)
    is_csv = training_format(files[0]) == "CSV"  # of the others a part may lack what is null in it
    read = of_one_header(parts) if is_csv else (table for _, tables in parts for table in tables)
    sketch = merge_as_they_come(
        (
            sketch_table(select_columns(table, wanted, outputs), most_bins=EXACT_BINS)
            for table in sampler.through(select_columns(table, wanted | label, outputs) for table in read)
        ),
        most_bins=EXACT_BINS,
    )
    if sketch.rows and (missing := absent(wanted, sketch.columns)):
        raise InvalidReferenceError(f"{source}: has no column {', '.join(missing)}, which the settings name")
    if monitor.columns:
        order = present((*monitor.columns, *monitor.predictions), sketch.columns)
        sketch = replace(sketch, columns={name: sketch.columns[name] for name in order})
    features = without_index(sketch, wanted)
    made = reference_from_sketch(features, source=source, created=now.isoformat(), categorical=monitor.categorical)
    sample = sampler.sample() if monitor.sample_rows else None
    return made, sample and without_columns(sample, frozenset(sketch.columns.keys() - features.columns.keys()))


@tracer.capture_method(capture_response=False)
def build_from_model_monitor(bucket: str, key: str, source: str, monitor: EndpointSettings, now: datetime) -> Reference:
    """The reference that a Model Monitor baseline makes, with the constraints that lie beside its statistics.

    Raises InvalidReferenceError, ObjectNotFoundError.
    """
    try:
        constraints = s3.read_object(bucket, f"{key.removesuffix(STATISTICS)}{CONSTRAINTS}")
    except s3.ObjectNotFoundError:
        constraints = None
    return reference_from_model_monitor(
        s3.read_object(bucket, key),
        constraints,
        source,
        now.isoformat(),
        columns=monitor.columns,
        predictions=monitor.predictions,
        categorical=monitor.categorical,
    )


@tracer.capture_method(capture_response=False)
def build_from_captures(
    endpoint: str, window: CaptureWindow, monitor: EndpointSettings, settings: BuildReferenceSettings, now: datetime
) -> tuple[Reference, RowSample | None]:
    """The reference that the captures of a window make, read again so that its grid is exact, and a sample of the rows.

    Raises InvalidReferenceError.
    """
    bucket, hours = settings.state_bucket_name, (window.start, window.until)
    packs = again_on(  # packs may be joined meanwhile
        s3.ObjectNotFoundError,
        lambda: state_bucket.read_packs(bucket, state_bucket.pack_keys(bucket, endpoint, window.variant, *hours)),
    )
    objects = {(entry.object.bucket, entry.object.key, entry.manifest): entry for pack in packs for entry in pack}
    tables = (
        item
        for _, entry in sorted(objects.items())
        for item in tables_of(entry, window.variant, monitor)
        if window.start <= item.hour < window.until
    )
    sampler = RowSampler(seed_of(str(window)), SmallestHashes(REFERENCE_ROWS), monitor.redact)
    sketch = merge_sketches(
        (sketch_table(table, most_bins=EXACT_BINS) for table in sampler.through(tables)), most_bins=EXACT_BINS
    )
    made = reference_from_sketch(sketch, source=str(window), created=now.isoformat(), categorical=monitor.categorical)
    return made, sampler.sample() if monitor.sample_rows else None


def tables_of(entry: ObjectProfile, variant: str, monitor: EndpointSettings) -> Iterator[Table]:
    """The rows that a profiled object adds to a variant, read again. Raises ObjectNotFoundError."""
    chunks, layout = s3.open_object(entry.object.bucket, entry.object.key).chunks, monitor.layout()
    if manifest := parse_manifest_key(*entry.announced):
        found = read_data_object(chunks, entry.object.key, variant, manifest.hour, layout)
        yield from (item for item in found if isinstance(item, Table))
        return
    for model, item in decode_models(chunks, monitor.model_attribute, lambda _: layout):
        if isinstance(item, Table) and model_variant(production_variant(variant), model) == variant:
            yield item


def parts_of(bucket: str, folder: str) -> list[str]:
    """The addresses of the part files in a folder. Raises InvalidReferenceError, ObjectNotFoundError."""
    root = f"s3://{bucket}/"
    address = f"{root}{folder}"
    sizes = {f"{root}{each.key}": each.size for each in islice(s3.list_objects(bucket, folder), MOST_FILES + 1)}
    if len(sizes) > MOST_FILES:
        raise InvalidReferenceError(f"{address}: more than {MOST_FILES:,} files")
    parts = parts_of_folder(address, sizes)
    refuse_too_much(address, sum(sizes[part] for part in parts))
    return parts


def tables_of_file(address: str, monitor: EndpointSettings, only: frozenset[str]) -> Iterator[Table]:
    """The rows of one file. Raises InvalidReferenceError, ObjectNotFoundError."""
    bucket, _, key = address.removeprefix("s3://").partition("/")
    with TemporaryFile() as file:
        download(bucket, key, file)
        names = (*monitor.columns, *monitor.predictions)
        yield from training_tables(file, address, names, only=only, known=monitor.layout())


def download(bucket: str, key: str, file: IO[bytes]) -> None:
    found = s3.open_object(bucket, key)
    refuse_too_much(f"s3://{bucket}/{key}", found.size)
    for chunk in found.chunks:
        file.write(chunk)
    file.seek(0)


def refuse_too_much(address: str, size: int) -> None:
    if size > MOST_BYTES:
        raise InvalidReferenceError(
            f"{address}: {size / 1e9:,.3g} GB, and a reference is made of at most {MOST_BYTES / 1e9:g} GB"
        )


def refuse(origin: Origin, source: str, problem: str, settings: BuildReferenceSettings, now: datetime) -> None:
    """Tell people, once per source and problem, that no reference can be made of it."""
    logger.warning("Reference refused", extra={"endpoint": origin.endpoint, "source": source, "problem": problem})
    table, partition = settings.state_table_name, f"endpoint#{origin.endpoint}"
    before = read_state(table, partition, "reference-problem")
    refusal = {"source": source, "problem": problem}
    if before.content == refusal:
        return
    publish_findings(settings.findings_bus_name, [reference_refused_finding(origin, source, problem, now)])
    write_state(table, partition, "reference-problem", refusal, after=before)
