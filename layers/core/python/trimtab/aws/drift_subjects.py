"""Variants with what judging their drift takes: settings, the reference, what is kept of their past windows."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trimtab.aws import sagemaker, state_bucket
from trimtab.aws.deployment_history import read_deployments
from trimtab.aws.reference_rows import ReferenceRows
from trimtab.aws.score_series import ScoreSeries
from trimtab.aws.variant_history import VariantHistory
from trimtab.capture.pack import ObjectProfile
from trimtab.capture.reference import Reference, reference_from_sketch
from trimtab.capture.sample import REFERENCE_ROWS
from trimtab.capture.variants import reference_for, stands_alone
from trimtab.capture.window import sample_of_objects, sketch_objects
from trimtab.drift.deployments import Deployment
from trimtab.drift.windows import Window
from trimtab.findings import Origin
from trimtab.settings import DetectDriftSettings, EndpointSettings, is_opted_out


@dataclass(frozen=True)
class Run:
    """What is the same for every endpoint of one invocation."""

    settings: DetectDriftSettings
    account: str
    region: str
    now: datetime
    until: datetime | None

    @property
    def bucket(self) -> str:
        return self.settings.state_bucket_name

    @property
    def table(self) -> str:
        return self.settings.state_table_name

    @property
    def horizon(self) -> datetime:
        """The moment up to which windows are judged."""
        return self.until or self.now


@dataclass(frozen=True)
class Subject:
    """One variant and how it is judged. `deployments`: the endpoint's, as far as they are known. `rows`: those sampled
    of the reference that it is compared with."""

    origin: Origin
    settings: EndpointSettings
    run: Run
    series: ScoreSeries
    deployments: tuple[Deployment, ...]
    rows: ReferenceRows

    @property
    def names(self) -> tuple[str, str, str]:
        """Bucket, endpoint and variant, by which everything is stored."""
        return self.run.bucket, self.origin.endpoint, self.origin.variant

    def history(self, of: Literal["drift", "data"]) -> VariantHistory:
        """What is remembered of the variant's drift, or of the quality of its data."""
        return VariantHistory(self.run.table, self.origin.endpoint, self.origin.variant, of)

    def links(self, start: datetime, *, has_report: bool) -> dict[str, str]:
        """Where the verdict on a window that started then lies, and the report, if one is made."""
        bucket, endpoint, variant = self.names
        links = {"verdict": f"s3://{bucket}/{state_bucket.window_key(endpoint, variant, start)}"}
        if has_report:
            links["report"] = f"s3://{bucket}/{state_bucket.report_key(endpoint, variant, start)}"
        return links


def is_monitored(name: str) -> bool:
    """Whether an endpoint captures data and its tags do not opt out."""
    endpoint = sagemaker.describe_endpoint(name)
    return endpoint is not None and endpoint.captures_data and not is_opted_out(endpoint.tags)


def read_subjects(
    endpoint: str, settings: EndpointSettings, current: Reference | None, run: Run
) -> Iterator[tuple[Subject, Reference | None]]:
    """The variants of an endpoint that ever had a capture, each with what it is compared with; None: nothing yet.

    `current`: the endpoint's reference; without one it is looked for at each variant, for the one before may have made
    it.
    """
    deployments = tuple(Deployment(*each) for each in read_deployments(run.table, endpoint))
    for variant in state_bucket.variants_with_packs(run.bucket, endpoint):
        current = current or state_bucket.read_reference(run.bucket, endpoint)
        own = state_bucket.read_reference(run.bucket, endpoint, variant)
        reference = reference_for(variant, own, current)
        has_own = own is not None or (reference is None and stands_alone(variant))
        subject = Subject(
            Origin(run.account, run.region, endpoint, variant),
            settings,
            run,
            ScoreSeries(run.bucket, endpoint, variant, run.horizon),
            deployments,
            ReferenceRows(run.bucket, endpoint, variant if has_own else state_bucket.CURRENT),
        )
        yield subject, reference


def reference_source(variant: str, window: Window) -> str:
    """What a reference that was made of a variant's window names as its source."""
    return f"captures of {variant} from {window.start:%Y-%m-%dT%H:%MZ} to {window.end:%Y-%m-%dT%H:%MZ}"


def create_reference(subject: Subject, window: Window, objects: list[ObjectProfile]) -> tuple[Reference | None, bool]:
    """Make a window the endpoint's reference, or the variant's own if it stands alone, unless it has one; the reference
    it has now, and whether that is made of this window. Safe to repeat: a run may have been killed in between."""
    (bucket, endpoint, variant), settings = subject.names, subject.settings
    source = reference_source(variant, window)
    made = reference_from_sketch(
        sketch_objects(objects), source=source, created=subject.run.now.isoformat(), categorical=settings.categorical
    )
    name = variant if stands_alone(variant) else state_bucket.CURRENT
    is_new = state_bucket.create_reference(bucket, endpoint, made, name)
    reference = made if is_new else state_bucket.read_reference(bucket, endpoint, name)
    if reference is None or reference.source != source:
        return reference, False
    sample = sample_of_objects(objects, REFERENCE_ROWS, reference, settings.redact)
    state_bucket.write_reference_sample(bucket, endpoint, sample, name)
    return reference, True
