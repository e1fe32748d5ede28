"""Variants with what judging the quality of their answers takes: settings, answers, labels, training data."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from trimtab.aws import quality_rows, state_bucket
from trimtab.drift.windows import Window
from trimtab.findings import Origin
from trimtab.quality.keyed_rows import KeyedRows
from trimtab.quality.labelled import labelled_of_sample
from trimtab.quality.settings import QualitySettings
from trimtab.settings import EndpointSettings, JudgeQualitySettings

SETTLED = timedelta(hours=3)
"""Hours so long past are kept in one file each: little comes for them any more."""


@dataclass(frozen=True)
class Run:
    """What is the same for every endpoint of one invocation. `until`: the past moment that is asked about. `again`:
    windows that began since then are judged again. `is_late`: whether there is no time for another window."""

    settings: JudgeQualitySettings
    account: str
    region: str
    now: datetime
    until: datetime | None
    again: datetime | None
    is_late: Callable[[], bool]

    @property
    def bucket(self) -> str:
        return self.settings.state_bucket_name

    @property
    def horizon(self) -> datetime:
        """The moment up to which answers and labels are looked at."""
        return min(self.until or self.now, self.now)


@dataclass(frozen=True)
class Subject:
    """One variant and how its quality is judged."""

    origin: Origin
    monitor: EndpointSettings
    quality: QualitySettings
    run: Run

    @property
    def names(self) -> tuple[str, str, str]:
        """Bucket, endpoint and variant, by which everything is stored."""
        return self.run.bucket, self.origin.endpoint, self.origin.variant


def read_answers(subject: Subject, window: Window) -> KeyedRows:
    """The answers of a window, of the requests that are drawn."""
    share, settled = subject.quality.keep_share, subject.run.now - SETTLED
    return quality_rows.read_answers(*subject.names, window, share=share, settled=settled)


def collected_labels(subject: Subject) -> quality_rows.CollectedLabels:
    """The labels that have been collected of the requests that are drawn."""
    (bucket, endpoint, _), run = subject.names, subject.run
    share, settled = subject.quality.keep_share, run.now - SETTLED
    return quality_rows.CollectedLabels(bucket, endpoint, run.horizon, share=share, settled=settled)


def known_outputs(subject: Subject) -> Collection[str]:
    """The columns that came out of the model: what drifts there is no input."""
    bucket, endpoint, variant = subject.names
    against = state_bucket.read_reference(bucket, endpoint, variant) or state_bucket.read_reference(bucket, endpoint)
    return against.outputs if against else ()


def labelled_training_rows(subject: Subject) -> KeyedRows | None:
    """The sampled rows of the training data that the settings name, if these have labels and what a model answered."""
    bucket, endpoint, _ = subject.names
    monitor = subject.monitor
    sample = state_bucket.read_reference_sample(bucket, endpoint) if monitor.reference else None
    if sample is None:
        return None
    never = monitor.redact | monitor.ignore
    return labelled_of_sample(sample, subject.quality, importance=monitor.importance, never=never)
