import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import numpy as np
import pytest

from functions.report_drift import app
from trimtab.aws import quality_rows, state_bucket
from trimtab.capture.pack import ObjectId, ObjectProfile, pack_key
from trimtab.capture.profile import profile_table
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sample import sample_of_table, seed_of
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table, TextColumn
from trimtab.capture.window import Coverage
from trimtab.drift.history import History
from trimtab.drift.judgement import judge_window
from trimtab.drift.past import Past
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.windows import Window
from trimtab.quality.kept import answers_prefix, hour_folder, labels_prefix
from trimtab.quality.keyed_rows import keyed_rows, row_keys
from trimtab.quality.labels import LABEL, PREDICTION
from trimtab.reports.comparison import Score

EVENTS = Path(__file__).parents[3] / "events" / "report_drift"
START = datetime(2026, 11, 20, 0, tzinfo=UTC)
KEY = "reports/churn/AllTraffic/2026-11-20T00/drift.html"
PAGE = "<html><head></head><body>Evidently's</body></html>"


@pytest.fixture(autouse=True)
def shown(monkeypatch):
    """What Evidently is given; it is not installed here, and tests/integration/test_report_layer.py runs it."""
    given = []

    def evidently_report(sides, answers):
        given.append((sides, answers))
        return PAGE, {name: Score("wasserstein", 0.3, 0.1, True) for name in sides.columns}

    monkeypatch.setattr(app, "evidently_report", evidently_report)
    return given


def table(shift, rows=1000):
    rng = np.random.default_rng(round(shift))
    columns = {
        "x": NumericColumn(rng.normal(shift, 1, rows)),
        "c": TextColumn(rng.integers(0, 3, rows), ("a", "b", "c")),
        "name": TextColumn(np.zeros(rows, np.int64), ("Ada",)),
    }
    return Table(START, rows, rows, columns)


def sampled(made, name):
    return sample_of_table(made, seed_of(name), 0, 400)


def judged(stack, variant="AllTraffic", *, samples=True, reference_shift=0.0):
    """A window as profile_capture and detect_drift leave it, with the rows of both sides."""
    before, after = table(reference_shift), table(1.0)
    reference = reference_from_sketch(sketch_table(before), source="s3://data/train.csv", created=START.isoformat())
    state_bucket.replace_reference(stack.state, "churn", reference)
    identity = ObjectId("captures", f"{variant}.jsonl", "2026-11-20T00:00:00+00:00", "e")
    profile = profile_table(after, reference.grid)
    entry = ObjectProfile(identity, profile, records=1000, sample=sampled(after, variant) if samples else None)
    state_bucket.write_pack(stack.state, pack_key("churn", variant, START, reference.grid.name, [entry]), [entry])
    if samples:
        state_bucket.write_reference_sample(stack.state, "churn", sampled(before, "reference"))
    window = Window(START, START + timedelta(hours=1), (START,), 1000)
    judged = judge_window(reference, window, profile, Coverage(1, 1000, {}), History(), Past(), DriftThresholds())
    state_bucket.write_window(stack.state, "churn", variant, START, judged.document)


def page(stack, key=KEY):
    answer = boto3.client("s3").get_object(Bucket=stack.state, Key=key)
    assert answer["ContentType"] == "text/html; charset=utf-8"
    return answer["Body"].read().decode()


def sample_event(name):
    return json.loads((EVENTS / f"{name}.json").read_text())


def settings(text):
    boto3.client("ssm").put_parameter(Name="/trimtab/endpoints/churn", Value=text, Type="String")


@pytest.mark.parametrize("name", [path.stem for path in sorted(EVENTS.glob("*.json"))])
def test_every_sample_gives_the_page_that_the_finding_links(name, stack, context, shown):
    judged(stack)
    event = sample_event(name)
    answer = app.lambda_handler(event, context)
    assert answer == {"reports": {"AllTraffic": f"s3://{stack.state}/{KEY}"}}
    if "detail" in event:
        assert event["detail"]["links"]["report"].endswith(KEY)
    ((sides, answers),) = shown
    assert (sides.rows, list(sides.numeric), sorted(sides.categorical)) == ((400, 400), ["x"], ["c", "name"])
    assert answers is None
    html = page(stack)
    assert "Evidently's" in html
    assert "churn/AllTraffic" in html


def test_without_a_variant_each_that_has_such_a_window_is_reported(stack, context):
    for variant in ("blue", "green"):
        judged(stack, variant)
    answer = app.lambda_handler({"endpoint": "churn", "window": START.isoformat()}, context)
    assert sorted(answer["reports"]) == ["blue", "green"]


@pytest.mark.usefixtures("stack")
def test_a_window_that_was_never_judged_is_refused_by_name(context):
    with pytest.raises(app.WindowNotFoundError, match=r"churn/\* has no judged window from 2026-11-20T00Z"):
        app.lambda_handler({"endpoint": "churn", "window": START.isoformat()}, context)


@pytest.mark.usefixtures("stack")
def test_a_misspelled_payload_is_refused(context):
    with pytest.raises(ValueError, match="windov"):
        app.lambda_handler({"endpoint": "churn", "windov": START.isoformat()}, context)


def test_without_rows_there_is_a_page_that_says_so(stack, context, shown):
    judged(stack, samples=False)
    app.lambda_handler(sample_event("window_asked"), context)
    assert shown == []
    html = page(stack)
    assert "There are no rows of the reference" in html
    assert "There are no rows of the window" in html


def test_rows_are_never_compared_with_those_of_another_reference(stack, context, shown):
    judged(stack)
    other = reference_from_sketch(sketch_table(table(5.0)), source="s3://data/new.csv", created=START.isoformat())
    state_bucket.replace_reference(stack.state, "churn", other)
    app.lambda_handler(sample_event("window_asked"), context)
    assert shown == []
    assert "The reference has been replaced since this window was judged" in page(stack)


def test_columns_that_were_redacted_later_are_shown_no_more(stack, context, shown):
    judged(stack)
    settings("redact: [name]")
    app.lambda_handler(sample_event("window_asked"), context)
    ((sides, _),) = shown
    assert "name" not in sides.columns
    assert "Ada" not in page(stack)
    assert "redacted" in page(stack)


def labels(stack, rows):
    keys = row_keys([f"request {i}" for i in range(1000)], [0] * 1000)
    moment = int(START.timestamp())
    said = TextColumn(np.arange(1000) % 2, ("0", "1"))
    answered = keyed_rows(keys, moment, {}, {PREDICTION: said})
    quality_rows.write_rows(stack.state, hour_folder(answers_prefix("churn", "AllTraffic"), START), answered)
    truth = TextColumn(np.where(np.arange(rows) % 10, np.arange(rows) % 2, 0), ("0", "1"))
    labelled = keyed_rows(keys[:rows], moment + 7200, {}, {LABEL: truth})
    later = START + timedelta(hours=2)
    quality_rows.write_rows(stack.state, hour_folder(labels_prefix("churn"), later), labelled)


def test_labelled_answers_are_reported_on_too(stack, context, shown):
    judged(stack)
    settings("quality: {}")
    labels(stack, 600)
    app.lambda_handler(sample_event("window_asked"), context)
    ((_, (reference, current)),) = shown
    assert reference is None
    assert (current.problem, len(current)) == ("binary_classification", 600)
    assert "Nothing on the model's quality yet" not in page(stack)


def test_too_few_labels_are_said_to_be(stack, context, shown):
    judged(stack)
    settings("quality: {}")
    labels(stack, 12)
    app.lambda_handler(sample_event("window_asked"), context)
    ((_, answers),) = shown
    assert answers is None
    assert "Nothing on the model&#x27;s quality yet: 12 labelled rows are too few" in page(stack)


def test_made_again_it_is_the_same_page(stack, context):
    judged(stack)
    app.lambda_handler(sample_event("drift_raised"), context)
    first = page(stack)
    app.lambda_handler(sample_event("drift_continued"), context)
    assert page(stack) == first
