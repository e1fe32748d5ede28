"""report_drift: when a drift alert is raised or lasts, make a page that shows the rows behind it, with Evidently.

Told by findings about drift, or asked by payload for any judged window of an endpoint, of one variant or of all:
`{"endpoint": "churn", "variant": "AllTraffic", "window": "2026-11-20T08:00:00Z"}`. The page lies where the finding's
link has pointed from the start. Made again, it takes the place of the former one, with the same numbers.
"""

import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext
from pydantic import AwareDatetime, BaseModel, ConfigDict

from trimtab.aws import quality_documents, quality_rows, s3, state_bucket
from trimtab.aws.backlog import read_window_sample
from trimtab.aws.endpoint_settings import load_endpoint_settings
from trimtab.capture.reference import Reference
from trimtab.capture.sample import RowSample, without_columns
from trimtab.quality.kept import answers_prefix, labels_prefix
from trimtab.quality.labelled import join_of_labelled
from trimtab.quality.labels import join
from trimtab.quality.outcomes import positive_class
from trimtab.quality.settings import QualitySettings
from trimtab.reports.answers import PREDICTION, SCORE, TARGET, Answers, NoAnswersError, answers_of
from trimtab.reports.comparison import THRESHOLD, Score, compare, methods_of, scores_of
from trimtab.reports.page import report_page
from trimtab.reports.sides import MOST_ROWS, Cells, Sides, sides_of
from trimtab.settings import EndpointSettings, ReportDriftSettings

logger = Logger()
metrics = Metrics()
tracer = Tracer()


class Request(BaseModel):
    """The payload. `window`: when it starts. Without a variant: every one that has a verdict on such a window."""

    model_config = ConfigDict(extra="forbid")

    endpoint: str
    variant: str | None = None
    window: AwareDatetime


class WindowNotFoundError(LookupError):
    """No verdict is stored on a window that starts then."""


@dataclass(frozen=True)
class Subject:
    """A judged window: what its verdict was, and how its endpoint is monitored."""

    bucket: str
    endpoint: str
    variant: str
    document: Mapping[str, Any]
    settings: EndpointSettings

    @property
    def start(self) -> datetime:
        return datetime.fromisoformat(self.document["window"]["start"])

    @property
    def end(self) -> datetime:
        return datetime.fromisoformat(self.document["window"]["end"])


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler
def lambda_handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Report on one window; where the page of each variant lies."""
    request = request_of(event)
    environment = ReportDriftSettings.from_environment(os.environ)
    bucket, endpoint, start = environment.state_bucket_name, request.endpoint, request.window.astimezone(UTC)
    settings = load_endpoint_settings(environment.name, environment.state_table_name, endpoint).settings
    variants = [request.variant] if request.variant else state_bucket.variants_with_packs(bucket, endpoint)
    reports = {}
    for variant in variants:
        document = state_bucket.read_window(bucket, endpoint, variant, start)
        if document is not None:
            reports[variant] = report(Subject(bucket, endpoint, variant, document, settings))
    if not reports:
        raise WindowNotFoundError(f"{endpoint}/{request.variant or '*'} has no judged window from {start:%Y-%m-%dT%HZ}")
    return {"reports": reports}


def request_of(event: Mapping[str, Any]) -> Request:
    """What a finding or a payload asks for."""
    if "detail" not in event:
        return Request.model_validate(event)
    finding = event["detail"]
    start = finding["evidence"]["window"]["start"]
    return Request(endpoint=finding["endpoint"], variant=finding["variant"], window=start)


@tracer.capture_method(capture_response=False)
def report(subject: Subject) -> str:
    """Make and store the page of a judged window; its address."""
    bucket, endpoint, variant, document = subject.bucket, subject.endpoint, subject.variant, subject.document
    before, after, notes = read_samples(subject)
    sides = sides_of(before, after, document["columns"])
    answers, quality_note = read_answers(subject)
    made = evidently_report(sides, answers) if sides.columns else None
    scores = made[1] if made else {}
    page = report_page(
        endpoint,
        variant,
        document,
        sides,
        compare(document, sides, scores),
        [*notes, *([quality_note] if quality_note else [])],
        made[0] if made else None,
    )
    key = state_bucket.report_key(endpoint, variant, subject.start)
    s3.write_object(bucket, key, page.encode(), content_type="text/html; charset=utf-8")
    logger.info("Report stored", extra={"endpoint": endpoint, "variant": variant, "key": key, "rows": sides.rows})
    metrics.add_metric("ReportsStored", MetricUnit.Count, 1)
    return f"s3://{bucket}/{key}"


def read_samples(subject: Subject) -> tuple[RowSample, RowSample, list[str]]:
    """The rows of the reference and of the window, and what there is to say when there are none."""
    bucket, endpoint, redact = subject.bucket, subject.endpoint, subject.settings.redact
    found = reference_of(subject)
    if found is None:
        note = "The reference has been replaced since this window was judged, so there are no rows to compare it with."
        return RowSample(), RowSample(), [note]
    name, reference = found
    before = state_bucket.read_reference_sample(bucket, endpoint, name) or RowSample()
    after = read_window_sample(
        bucket, endpoint, subject.variant, subject.start, subject.end, MOST_ROWS, reference, redact
    )
    notes = [
        f"There are no rows of the {side}: {why}."
        for side, sample, why in (
            ("reference", before, "it was made before rows were kept, or from statistics alone"),
            (
                "window",
                after,
                "sample_rows is 0 in the settings, or its captures have been profiled before rows were kept",
            ),
        )
        if not sample.rows
    ]
    return without_columns(before, redact), after, notes


def reference_of(subject: Subject) -> tuple[str, Reference] | None:
    """The reference that the window was compared with, and its name; None when it is no more."""
    for name in (subject.variant, state_bucket.CURRENT):
        reference = state_bucket.read_reference(subject.bucket, subject.endpoint, name)
        if reference is not None and reference.grid.name == subject.document["reference"]["grid"]:
            return name, reference
    return None


def read_answers(subject: Subject) -> tuple[tuple[Answers | None, Answers] | None, str]:
    """The labelled answers of the reference and of the window, or why there is nothing on the model's quality."""
    settings = subject.settings.quality
    if settings is None:
        return None, ""
    bucket, endpoint, variant = subject.bucket, subject.endpoint, subject.variant
    answered = quality_rows.row_files(bucket, answers_prefix(endpoint, variant), subject.start, subject.end)
    until = datetime.now(UTC) + timedelta(hours=1)
    labelled = quality_rows.row_files(bucket, labels_prefix(endpoint), subject.start, until)
    files = ([key for keys in found.values() for key in keys] for found in (answered, labelled))
    joined = join(*(quality_rows.read_rows(bucket, keys) for keys in files))
    reference, positive = reference_answers(subject, settings)
    try:
        return (reference, answers_of(joined, settings, reference, positive)), ""
    except NoAnswersError as error:
        return None, f"Nothing on the model's quality yet: {error}. Labels come late; ask for the report again then."


def reference_answers(subject: Subject, settings: QualitySettings) -> tuple[Answers | None, str | None]:
    """The labelled answers of the reference, None without any, and which class is positive there."""
    kept = quality_documents.read_reference(subject.bucket, subject.endpoint, subject.variant)
    if kept is None:
        return None, None
    joined = join_of_labelled(kept[0])
    positive = positive_class(joined.truth, settings)
    try:
        return answers_of(joined, settings, positive=positive), positive
    except NoAnswersError:
        return None, positive


@tracer.capture_method(capture_response=False)
def evidently_report(sides: Sides, answers: tuple[Answers | None, Answers] | None) -> tuple[str, Mapping[str, Score]]:
    """Evidently's page, and its scores by column."""
    # loaded on first use: it takes seconds
    import pandas as pd
    from evidently import DataDefinition, Dataset, Report
    from evidently.core.metric_types import render_widgets
    from evidently.legacy.renderers.html_widgets import group_widget
    from evidently.presets import DataDriftPreset, DataSummaryPreset

    def dataset(side: int, columns: Mapping[str, tuple[Cells, Cells]], definition: DataDefinition) -> Dataset:
        frame = {name: pd.Series(cells[side], dtype=cells[side].dtype) for name, cells in columns.items()}
        return Dataset.from_pandas(pd.DataFrame(frame), data_definition=definition)

    definition = DataDefinition(
        numerical_columns=list(sides.numeric),
        categorical_columns=list(sides.categorical),
        text_columns=[],
        datetime_columns=[],
    )
    # the summary cannot draw categories when it has no tests (0.7.23); the tests' own page is left out below
    drift = Report(
        [
            DataDriftPreset(
                columns=list(sides.columns), per_column_method=methods_of(sides), threshold=THRESHOLD, drift_share=0.5
            ),
            DataSummaryPreset(),
        ],
        include_tests=True,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn, about classes that no row was given
        run = drift.run(dataset(1, sides.columns, definition), dataset(0, sides.columns, definition))
        widgets = [*run._widgets, *(quality_widgets(*answers) if answers else [])]
    return render_widgets([group_widget(title="", widgets=widgets)]), scores_of(run.dict())


def quality_widgets(reference: Answers | None, current: Answers) -> list[Any]:
    """What Evidently draws of labelled answers, without the reference's where there are none of the same columns."""
    import pandas as pd
    from evidently import BinaryClassification, DataDefinition, Dataset, MulticlassClassification, Regression, Report
    from evidently.presets import ClassificationPreset, RegressionPreset

    columns = current.columns
    numeric = [name for name in columns if current.problem == "regression" or name == SCORE]
    tasks: dict[str, Any] = {}
    match current.problem:
        case "regression":
            tasks = {"regression": [Regression(target=TARGET, prediction=PREDICTION)]}
        case "multiclass_classification":
            tasks = {"classification": [MulticlassClassification(target=TARGET, prediction_labels=PREDICTION)]}
        case "binary_classification":
            probabilities = SCORE if SCORE in columns else None
            binary = BinaryClassification(
                target=TARGET, prediction_labels=PREDICTION, prediction_probas=probabilities, pos_label=1
            )
            tasks = {"classification": [binary]}
    definition = DataDefinition(
        numerical_columns=numeric,
        categorical_columns=[name for name in columns if name not in numeric],
        text_columns=[],
        datetime_columns=[],
        **tasks,
    )

    def dataset(side: Answers) -> Dataset:
        frame = {name: pd.Series(cells, dtype=cells.dtype) for name, cells in side.columns.items()}
        return Dataset.from_pandas(pd.DataFrame(frame), data_definition=definition)

    preset = RegressionPreset() if current.problem == "regression" else ClassificationPreset()
    is_like = reference is not None and reference.columns.keys() == columns.keys()
    run = Report([preset]).run(dataset(current), dataset(reference) if reference and is_like else None)
    widgets: list[Any] = run._widgets
    return widgets
