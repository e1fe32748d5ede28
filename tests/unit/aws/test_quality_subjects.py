"""What judging the quality of a variant's answers takes, as it is stored."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from tests.unit.drift.builders import reference_of
from tests.unit.quality.builders import numbers, texts
from trimtab.aws import state_bucket
from trimtab.aws.quality_subjects import Run, Subject, known_outputs, labelled_training_rows
from trimtab.capture.sample import RowSample, row_hashes
from trimtab.findings import Origin
from trimtab.quality.settings import QualitySettings
from trimtab.settings import EndpointSettings, JudgeQualitySettings

NOW = datetime(2026, 3, 2, tzinfo=UTC)
DATA = "s3://data/train.csv"

pytestmark = pytest.mark.usefixtures("aws")


def run(until=None):
    environment = {"NAME": "trimtab", "STATE_BUCKET_NAME": "state", "STATE_TABLE_NAME": "state",
                   "FINDINGS_BUS_NAME": "findings"}  # fmt: skip
    settings = JudgeQualitySettings.from_environment(environment)
    return Run(settings, "123456789012", "eu-west-1", NOW, until, None, lambda: False)


def subject(**settings):
    quality = QualitySettings(label="repaid")
    return Subject(Origin("123456789012", "eu-west-1", "churn", "A"), EndpointSettings(**settings), quality, run())


def test_nothing_after_this_moment_is_looked_at():
    assert run().horizon == NOW
    assert run(NOW - timedelta(hours=1)).horizon == NOW - timedelta(hours=1)
    assert run(NOW + timedelta(hours=1)).horizon == NOW


def test_the_outputs_are_those_of_the_reference_that_drift_is_compared_with():
    assert known_outputs(subject()) == ()
    state_bucket.create_reference("state", "churn", reference_of({"x": numbers([1.0])}, frozenset({"score"})))
    assert known_outputs(subject()) == {"score"}
    state_bucket.create_reference("state", "churn", reference_of({"x": numbers([1.0])}, frozenset({"own"})), "A")
    assert known_outputs(subject()) == {"own"}


def store_sample(**columns):
    rows = len(next(iter(columns.values())))
    sample = RowSample(row_hashes(1, 0, rows), columns=columns, outputs=frozenset({"score"}))
    state_bucket.write_reference_sample("state", "churn", sample)


def test_training_rows_have_labels_and_what_the_model_answered():
    assert labelled_training_rows(subject(reference=DATA)) is None
    store_sample(repaid=texts(["yes", "no", None]), score=np.array([0.9, 0.1, 0.5]))
    assert labelled_training_rows(subject()) is None
    found = labelled_training_rows(subject(reference=DATA))
    assert sorted(found.numbers["score"]) == [0.1, 0.9]


def test_training_rows_without_labels_are_of_no_use():
    store_sample(score=np.array([0.9, 0.1]))
    assert labelled_training_rows(subject(reference=DATA)) is None
