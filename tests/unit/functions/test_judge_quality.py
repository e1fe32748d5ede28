import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone

import botocore.client
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions.judge_quality import app
from tests.unit.functions.aws_in_memory import Aws
from tests.unit.functions.conftest import Context, Stack
from tests.unit.quality.builders import numbers, texts
from trimtab.aws import quality_rows, s3, state_bucket
from trimtab.capture.sample import RowSample, row_hashes
from trimtab.quality import assessment, cbpe, kept_reference
from trimtab.quality import entry as entry_of_quality
from trimtab.quality.kept import answers_prefix, hour_folder, labels_prefix
from trimtab.quality.keyed_rows import encode_rows, keyed_rows, row_keys
from trimtab.quality.labelled import labelled_rows
from trimtab.quality.labels import LABEL, Roles, answers_of
from trimtab.quality.reference import estimate, reference_of
from trimtab.training.trigger import trigger_of_finding

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROWS = 1000
SETTINGS = {"positive": "1", "window_rows": ROWS, "max_window_hours": 10, "label_delay_hours": 6}


LEARNT, ESTIMATED = {}, {}


class World(Stack):
    """The stack's resources, kept in memory."""

    aws: Aws


def learnt_once(joined, quality):
    """The reference as it is learnt, which takes long: the same rows are learnt from in many tests and runs."""
    key = encode_rows(labelled_rows(joined)), quality.model_dump_json()
    if key not in LEARNT:
        LEARNT[key] = reference_of(joined, quality)
    return LEARNT[key]


def estimated_once(reference, answers, quality):
    """Likewise: the same rows are estimated in many tests and runs."""
    cells = answers.keys.tobytes(), answers.numbers["score"].tobytes()
    key = id(reference), cells, quality.model_dump_json()
    if key not in ESTIMATED:
        ESTIMATED[key] = reference, estimate(reference, answers, quality)  # the reference is held, for its id
    return ESTIMATED[key][1]


@pytest.fixture
def stack(monkeypatch):
    """Findings are written down instead of leaving."""
    made = World()
    made.aws = Aws(datetime.now(UTC))
    monkeypatch.setattr(
        botocore.client.BaseClient, "_make_api_call", lambda client, *called: made.aws.call(client, *called)
    )
    for name, value in {
        "NAME": "trimtab", "STATE_BUCKET_NAME": made.state, "STATE_TABLE_NAME": made.table,
        "FINDINGS_BUS_NAME": "trimtab-findings",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(app, "publish_findings", lambda _, findings: made.findings.extend(findings))
    monkeypatch.setattr(kept_reference, "reference_of", learnt_once)
    monkeypatch.setattr(assessment, "estimate", estimated_once)
    monkeypatch.setattr(cbpe, "DRAWS", 100)  # how sure an estimate is, is tested where it is made
    watch(made)
    return made


def watch(stack, endpoint="churn", **quality):
    stack.aws.parameters[f"/trimtab/endpoints/{endpoint}"] = json.dumps({"quality": SETTINGS | quality})


def rows_of(hour, rows=ROWS, flipped=0.0):
    """Scores that are true probabilities, and labels, of which some are turned around."""
    rng = np.random.default_rng(hour)
    scores = 1 / (1 + np.exp(-rng.normal(0, 2, rows)))
    truth = (rng.random(rows) < scores) ^ (rng.random(rows) < flipped)
    return row_keys((f"r{hour}-{row}" for row in range(rows)), (0 for _ in range(rows))), scores, truth


def answer(stack, hour, *, drifted=(), faulty=(), endpoint="churn", **how):
    """An hour of answers, and the verdict on its inputs, as profile_capture and detect_drift leave them."""
    keys, scores, _ = rows_of(hour, **how)
    start = START + hour * HOUR
    moments = int(start.timestamp()) + np.arange(len(scores))
    rows = answers_of(keys, moments, {"score": numbers(scores)}, Roles("score", "score"))
    folder = hour_folder(answers_prefix(endpoint, "AllTraffic"), start)
    quality_rows.write_rows(stack.state, folder, rows)
    window = {"start": start.isoformat(), "end": (start + HOUR).isoformat(), "rows": len(scores)}
    document = {"window": window, "verdict": "ALERT" if drifted else "OK", "drifted": list(drifted)}
    if faulty:
        document |= {"moved": [name for name in drifted if name not in faulty], "faulty": list(faulty)}
    state_bucket.write_window(stack.state, endpoint, "AllTraffic", start, document)
    return rows


def label(stack, hour, *, after=2, endpoint="churn", only=None, **how):
    """The labels of an hour's answers, collected some hours later."""
    keys, _, truth = rows_of(hour, **how)
    collected = START + (hour + after) * HOUR
    truth = np.where(truth, "1", "0").tolist()[:only]
    rows = keyed_rows(keys[:only], int(collected.timestamp()), texts={LABEL: texts(truth)})
    quality_rows.write_rows(stack.state, hour_folder(labels_prefix(endpoint), collected), rows)
    return rows


def play(stack, *flips, first=0, labelled=True, **how):
    for hour, flipped in enumerate(flips, first):
        answer(stack, hour, flipped=flipped, **how)
        if labelled:
            label(stack, hour, flipped=flipped, **{"rows": how["rows"]} if "rows" in how else {})


def judge(context, hours=None, endpoint="churn", **payload):
    until = {} if hours is None else {"until": (START + hours * HOUR).isoformat()}
    return app.lambda_handler({"endpoint": endpoint} | until | payload, context)["endpoints"][endpoint]["AllTraffic"]


def judge_at(context, *hours):
    for hour in hours:
        judge(context, hour)


def stored(stack, hour, endpoint="churn"):
    key = f"quality/{endpoint}/AllTraffic/{START + hour * HOUR:%Y-%m-%dT%H}.json"
    return json.loads(s3.read_object(stack.state, key))


def hours_until_now():
    return round((datetime.now(UTC).replace(minute=0, second=0, microsecond=0) - START) / HOUR)


def series(stack):
    entries = json.loads(s3.read_object(stack.state, "quality/churn/AllTraffic/series.json"))["entries"]
    return [(each["basis"], each["verdict"], each["state"]) for each in entries]


def test_the_first_labelled_window_becomes_the_reference_and_people_are_told(stack, context):
    play(stack, 0.0, 0.0)
    judge(context, 7)
    assert stack.told() == [("settings", "raised")]
    assert "1,000 labelled rows" in stack.findings[0].title
    assert "labelled answers of AllTraffic from 2026-03-02T00:00" in stack.findings[0].reason
    judge(context, 8)
    assert stored(stack, 1)["verdict"] == "OK"
    assert stored(stack, 1)["reference"]["source"] in stack.findings[0].reason


def test_a_reference_gathers_windows_until_there_are_labels_enough(stack, context):
    for hour in range(4):
        answer(stack, hour)
        label(stack, hour, only=400)
    judge_at(context, 7, 8, 9, 10)
    (finding,) = stack.findings
    assert "1,200 labelled rows" in finding.title
    assert [each[1] for each in series(stack)] == ["INSUFFICIENT_DATA", "INSUFFICIENT_DATA", "INSUFFICIENT_DATA", "OK"]


def test_a_window_is_estimated_until_its_labels_are_waited_for_no_longer(stack, context):
    play(stack, 0.0, 0.0, 0.0)
    judge_at(context, 3, 7)
    estimated = stored(stack, 2)
    assert (estimated["basis"], estimated["verdict"], estimated["labels"]) == ("estimated", "OK", None)
    judge(context, 9)
    realised = stored(stack, 2)
    assert (realised["basis"], realised["labels"]["share"]) == ("realised", 1)
    told = estimated["metrics"]["accuracy"]
    assert told["lower"] <= realised["metrics"]["accuracy"]["value"] <= told["upper"]


def test_a_loss_raises_one_alert_and_its_end_clears_it(stack, context):
    play(stack, 0.0, 0.0, 0.3, 0.3, 0.0, 0.0, 0.0)
    judge_at(context, 1, 7, 9, 10, 13, 14)
    assert stack.told() == [("settings", "raised"), ("model_quality", "raised"), ("model_quality", "cleared")]
    raised, cleared = stack.findings[1:]
    assert (raised.severity, raised.detail_type) == ("critical", "Model Quality")
    assert raised.evidence["window"]["start"] == raised.evidence["since"] == (START + 2 * HOUR).isoformat()
    assert raised.evidence["cause"]["cause"] == "concept_change"
    assert "no input moved" in raised.reason
    assert raised.links["verdict"].endswith("quality/churn/AllTraffic/2026-03-02T02.json")
    assert cleared.evidence["since"] == raised.evidence["since"]


def test_a_loss_that_comes_with_a_mere_fault_of_the_data_is_never_learnt(stack, context):
    play(stack, 0.0, 0.0)
    play(stack, 0.3, first=2, drifted=["age", "income"], faulty=["age"])
    play(stack, 0.3, first=3, drifted=["age"], faulty=["age"])
    judge(context, 9)
    [both] = [trigger_of_finding(json.loads(each.model_dump_json())) for each in stack.findings[1:]]
    assert (both.moved, both.faulty) == (("income",), ("age",))
    judge(context, 40)
    assert (stored(stack, 3)["moved"], stored(stack, 3)["faulty"]) == ([], ["age"])
    assert stored(stack, 3)["cause"]["cause"] == "data_fault"


def test_one_run_over_all_tells_what_hourly_runs_tell(stack, context):
    play(stack, 0.0, 0.0, 0.3, 0.3, 0.0, 0.0, 0.0)
    judge(context, 40)
    assert stack.told() == [("settings", "raised"), ("model_quality", "raised"), ("model_quality", "cleared")]


def test_a_repeated_run_changes_and_tells_nothing(stack, context):
    play(stack, 0.0, 0.0, 0.3)
    judge(context, 10)
    told, before = stack.told(), stored(stack, 2)
    judge(context, 10)
    assert stack.told() == told
    assert stored(stack, 2) == before


def test_a_run_that_is_killed_when_it_told_tells_the_same_fact_again(stack, context, monkeypatch):
    play(stack, 0.0, 0.0, 0.3)
    with monkeypatch.context() as patch:
        patch.setattr(app, "write_state", lambda *_, **__: (_ for _ in ()).throw(RuntimeError("killed")))
        with pytest.raises(app.EndpointsFailedError):
            judge(context, 10)
    judge(context, 10)
    raised = [finding.id for finding in stack.findings if finding.kind == "model_quality"]
    assert len(raised) == 2
    assert len(set(raised)) == 1


def told_long_ago(stack):
    """Have the last finding told eight days ago."""
    item = stack.aws.items["endpoint#churn", "quality#AllTraffic"]
    notified = {"notified": (datetime.now(UTC) - timedelta(days=8)).isoformat()}
    item["content"] = {"S": json.dumps(json.loads(item["content"]["S"]) | notified)}


def test_an_alert_that_lasts_is_told_once_a_day(stack, context):
    play(stack, 0.0, 0.3, first=hours_until_now() - 20)
    judge(context)
    judge(context)
    assert stack.told()[1:] == [("model_quality", "raised")]
    told_long_ago(stack)
    judge(context)
    judge(context)
    assert stack.told()[1:] == [("model_quality", "raised"), ("model_quality", "continued")]


def test_an_endpoint_that_nobody_asks_any_more_is_not_reminded_of(stack, context):
    """Its answers are kept for 400 days, and so it would be for so long."""
    play(stack, 0.0, 0.3)
    judge(context, 10)
    told_long_ago(stack)
    judge(context)
    assert stack.told()[1:] == [("model_quality", "raised")]


def test_labels_that_contradict_estimates_put_these_out_of_use(stack, context):
    play(stack, 0.0, 0.3)
    answer(stack, 2)
    judge(context, 8)
    withheld = stored(stack, 2)
    assert (withheld["basis"], withheld["verdict"]) == ("estimated", "INSUFFICIENT_DATA")
    assert "of the latest rows with labels" in withheld["reason"]
    assert stored(stack, 1)["contradiction"]


def test_an_estimate_is_withdrawn_when_labels_contradict_it_later(stack, context):
    play(stack, 0.0)
    answer(stack, 1, flipped=0.3)
    answer(stack, 2)
    judge(context, 7)
    assert stored(stack, 2)["verdict"] == "OK"
    label(stack, 1, flipped=0.3, after=4)
    judge(context, 8)
    assert stored(stack, 2)["verdict"] == "INSUFFICIENT_DATA"


def test_without_labels_a_window_stays_estimated_and_says_so(stack, context):
    play(stack, 0.0)
    answer(stack, 1)
    judge(context, 9)
    found = stored(stack, 1)
    assert (found["basis"], found["verdict"]) == ("estimated", "OK")
    assert found["reason"].startswith("0 of 1,000 rows have a label, 200 are needed; 1,000 labels that came meanwhile")


def test_says_that_it_cannot_know_before_there_is_a_reference(stack, context):
    answer(stack, 0)
    assert judge(context, 3)["reason"] == "there are no rows with labels yet to compare with"
    assert judge(context, 9)["verdict"] == "INSUFFICIENT_DATA"
    assert stack.findings == []


def test_labels_that_come_after_all_are_looked_at_a_day_and_a_week_later(stack, context):
    play(stack, 0.0)
    answer(stack, 1, flipped=0.3)
    judge(context, 9)
    assert stored(stack, 1)["basis"] == "estimated"
    label(stack, 1, flipped=0.3, after=10)
    judge(context, 20)
    assert stored(stack, 1)["basis"] == "estimated"
    judge(context, 33)
    assert (stored(stack, 1)["basis"], stored(stack, 1)["verdict"]) == ("realised", "ALERT")
    assert stack.told()[-1] == ("model_quality", "raised")


def test_labels_that_come_later_still_count_when_asked_for(stack, context):
    play(stack, 0.0)
    answer(stack, 1)
    judge(context)
    label(stack, 1, after=500)
    judge(context)
    assert stored(stack, 1)["basis"] == "estimated"
    assert judge(context, again=(START + HOUR).isoformat())["basis"] == "realised"


def test_windows_of_drift_are_joined_until_they_have_rows_enough(stack, context):
    watch(stack, window_rows=2500)
    play(stack, *[0.0] * 7)
    judge(context, 40)
    entries = json.loads(s3.read_object(stack.state, "quality/churn/AllTraffic/series.json"))["entries"]
    assert [(each["start"][11:13], each["end"][11:13], each["rows"]) for each in entries] == [
        ("00", "03", 3000), ("03", "06", 3000), ("06", "07", 1000)
    ]  # fmt: skip


def test_a_past_moment_is_answered_from_what_is_stored(stack, context):
    play(stack, 0.0, 0.0, 0.3)
    judge(context, 20)
    assert judge(context, 2)["window"]["start"] == (START + HOUR).isoformat()
    assert judge(context, 0)["reason"] == "no window had ended by then"


def test_a_share_of_the_requests_is_enough(stack, context):
    watch(stack, keep_share=0.5, min_reference_labels=100)
    play(stack, 0.0, 0.0)
    judge(context, 40)
    assert 400 < stored(stack, 1)["labels"]["answered"] < 600
    assert stored(stack, 1)["labels"]["share"] == 1


def test_hours_that_are_past_are_kept_in_one_file(stack, context):
    rows = answer(stack, 0)
    folder = hour_folder(answers_prefix("churn", "AllTraffic"), START)
    quality_rows.write_rows(stack.state, folder, rows.where(np.arange(ROWS) < 100))
    judge(context, 3)
    (key,) = s3.list_keys(stack.state, "answers/")
    assert len(quality_rows.read_rows(stack.state, [key])) == ROWS


def test_labelled_training_data_is_the_reference(stack, context):
    rng = np.random.default_rng(5)
    scores = np.round(rng.random(3000), 3)
    truth = texts(np.where(rng.random(3000) < scores, "yes", "no").tolist())
    sample = RowSample(row_hashes(1, 0, 3000), columns={"repaid": truth, "score": scores}, outputs=frozenset({"score"}))
    state_bucket.write_reference_sample(stack.state, "churn", sample)
    monitor = {"reference": "s3://data/train.csv", "quality": SETTINGS | {"label": "repaid", "positive": "yes"}}
    stack.aws.parameters["/trimtab/endpoints/churn"] = json.dumps(monitor)
    answer(stack, 0)
    assert judge(context, 2)["basis"] == "estimated"
    assert "labelled rows of s3://data/train.csv" in stack.findings[0].reason


def test_one_endpoint_that_cannot_be_judged_stops_no_other(stack, context):
    play(stack, 0.0, 0.0)
    watch(stack, "broken")
    folder = hour_folder(answers_prefix("broken", "AllTraffic"), START)
    s3.write_object(stack.state, f"{folder}0.rows", b"junk")
    answer(stack, 1, endpoint="broken")
    state_bucket.write_window(
        stack.state, "broken", "AllTraffic", START,
        {"window": {"start": START.isoformat(), "end": (START + HOUR).isoformat(), "rows": ROWS}, "verdict": "OK",
         "drifted": []},
    )  # fmt: skip
    answer(stack, 1, endpoint="unwatched")
    with pytest.raises(app.EndpointsFailedError, match="could not be judged: broken; judged: churn"):
        app.lambda_handler({}, context)
    assert stored(stack, 1)["verdict"] == "OK"


def test_what_there_is_no_time_for_is_judged_by_the_next_run(stack, context):
    play(stack, 0.0, 0.0)
    judge(Context(remaining=(300_000, 300_000, 1_000)))
    assert len(series(stack)) == 1
    judge(context)
    assert len(series(stack)) == 2


def test_metrics_are_published_as_of_the_window(stack, context, capsys):
    first = hours_until_now() - 20
    play(stack, 0.0, 0.0, first=first)
    app.lambda_handler({"endpoint": "churn"}, context)
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"EndpointName"' in line]
    (told,) = [line for line in lines if "RealisedAccuracy" in line]
    assert (told["EndpointName"], told["VariantName"], told["LabelShare"]) == ("churn", "AllTraffic", 1)
    assert 0.5 < told["RealisedAuc"] < 1
    assert told["_aws"]["Timestamp"] == round((START + (first + 2) * HOUR).timestamp() * 1000)


@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_order_and_repetition_of_answers_and_labels_gives_the_same_verdict(stack, data):
    """Every hour's rows come in parts, some twice, over files in any number: the documents are the same."""
    documents = []
    for endpoint in ("tidy", "untidy"):
        for key in list(s3.list_keys(stack.state, "")):
            if f"/{endpoint}/" in key:
                s3.delete_objects(stack.state, [key])
        watch(stack, endpoint, window_rows=500)
        for hour in range(2):
            rows = answer(stack, hour, endpoint=endpoint, rows=1000)
            labels = label(stack, hour, endpoint=endpoint, rows=1000)
            if endpoint == "untidy":
                for whole, prefix, at in (
                    (rows, answers_prefix(endpoint, "AllTraffic"), hour),
                    (labels, labels_prefix(endpoint), hour + 2),
                ):
                    folder = hour_folder(prefix, START + at * HOUR)
                    s3.delete_objects(stack.state, list(s3.list_keys(stack.state, folder)))
                    part = np.random.default_rng(data.draw(st.integers(0, 99))).integers(0, 4, 1000)
                    for number in data.draw(st.permutations(range(4))):
                        again = data.draw(st.sets(st.integers(0, 3)))
                        quality_rows.write_rows(stack.state, folder, whole.where(np.isin(part, [number, *again])))
        judge(Context(), 40, endpoint=endpoint)
        documents.append([{**stored(stack, hour, endpoint), "reference": None} for hour in range(2)])
    assert documents[0] == documents[1]


# --- several runs at once, much data, little time


def between(monkeypatch, where, name, *, do):
    """Have something done once, when a function has been called and before its answer is used."""
    called, left = getattr(where, name), [do]

    def call(*arguments):
        answer = called(*arguments)
        if left:
            left.pop()()
        return answer

    monkeypatch.setattr(where, name, call)


def test_two_runs_at_once_lose_no_window_and_tell_nothing_wrong(stack, context, monkeypatch):
    """A run that knows less than another one, which was begun later, must not clear what that one raised."""
    play(stack, 0.0, 0.0)
    judge(context, 8)
    play(stack, 0.3, first=2)
    between(monkeypatch, app.quality_documents, "open_series", do=lambda: judge(context, 10))
    judge(context, 8)
    assert len(series(stack)) == 3
    assert stack.told() == [("settings", "raised"), ("model_quality", "raised")]


def test_two_runs_that_judge_the_same_window_count_it_once(stack, context, monkeypatch):
    play(stack, 0.0, 0.3)
    between(monkeypatch, app.quality_documents, "open_series", do=lambda: judge(context, 10))
    judge(context, 10)
    assert stack.told() == [("settings", "raised"), ("model_quality", "raised")]


def test_what_another_run_told_meanwhile_is_not_told_again(stack, context, monkeypatch):
    play(stack, 0.0, 0.3)
    judge(context, 7)
    between(monkeypatch, app, "read_state", do=lambda: judge(context, 10))
    judge(context, 10)
    assert len({finding.id for finding in stack.findings}) == 2  # who hears of one twice tells it once


def test_one_variant_that_cannot_be_judged_stops_no_other(stack, context):
    play(stack, 0.0, 0.0)
    s3.write_object(stack.state, f"{hour_folder(answers_prefix('churn', 'A'), START)}0.rows", b"junk")
    document = {"window": {"start": START.isoformat(), "end": (START + HOUR).isoformat(), "rows": ROWS}}
    state_bucket.write_window(stack.state, "churn", "A", START, document | {"verdict": "OK", "drifted": []})
    with pytest.raises(app.EndpointsFailedError, match="could not be judged: churn"):
        judge(context)
    assert stored(stack, 1)["verdict"] == "OK"


def test_endpoints_that_there_is_no_time_for_are_told(stack):
    play(stack, 0.0)
    watch(stack, "late")
    answer(stack, 0, endpoint="late")
    with pytest.raises(app.EndpointsFailedError, match=r"could not be judged: (churn|late); judged: (churn|late)"):
        app.lambda_handler({}, Context(remaining=(300_000, 300_000, 1_000)))


def test_each_endpoint_comes_first_as_often_as_the_others():
    names = [str(number) for number in range(10)]
    orders = [app.in_turn(names, START + hour * HOUR) for hour in range(50)]
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(names))}
    firsts = [order[0] for order in orders]
    assert all(4 <= firsts.count(name) <= 6 for name in names)
    assert app.in_turn([], START) == []


def test_a_past_moment_may_be_asked_for_in_any_time_zone(stack, context):
    play(stack, 0.0, 0.0, 0.0)
    judge(context, 20)
    asked = (START + 2 * HOUR).astimezone(timezone(timedelta(hours=-9))).isoformat()
    assert judge(context, until=asked)["window"]["start"] == (START + HOUR).isoformat()


def test_what_labels_said_is_not_taken_back_for_a_moment_before_they_came(stack, context):
    play(stack, 0.0, 0.0, 0.3)
    judge(context, 20)
    judge(context, 7, again=START.isoformat())
    assert [each[0] for each in series(stack)] == ["realised"] * 3


def test_labels_that_are_waited_for_longer_than_90_days_are_looked_at(stack, context):
    watch(stack, label_delay_hours=24 * 100)
    answer(stack, 0)
    judge(context, 2)
    answer(stack, 24 * 99)
    judge(context, 24 * 99 + 2)
    label(stack, 0, after=24 * 99)
    judge(context, 24 * 100 + 2)
    assert stored(stack, 0)["labels"]["usable"] == ROWS
    assert len(series(stack)) == 2


def test_training_data_that_comes_later_takes_the_place_of_too_few_labels(stack, context):
    answer(stack, 0)
    label(stack, 0, only=400)
    judge(context, 7)
    assert stack.findings == []
    rng = np.random.default_rng(5)
    scores = np.round(rng.random(3000), 3)
    truth = texts(np.where(rng.random(3000) < scores, "1", "0").tolist())
    sample = RowSample(row_hashes(1, 0, 3000), columns={"label": truth, "score": scores}, outputs=frozenset({"score"}))
    state_bucket.write_reference_sample(stack.state, "churn", sample)
    stack.aws.parameters["/trimtab/endpoints/churn"] = json.dumps(
        {"reference": "s3://data/train.csv", "quality": SETTINGS}
    )
    answer(stack, 1)
    judge(context, 8)
    assert "labelled rows of s3://data/train.csv" in stack.findings[0].reason


def test_of_a_very_large_window_a_part_is_judged(stack, context, monkeypatch):
    monkeypatch.setattr(quality_rows, "MOST_ANSWERS", 500)
    watch(stack, min_reference_labels=100)
    play(stack, 0.0, 0.0)
    judge(context, 40)
    found = stored(stack, 1)
    assert found["window"]["rows"] == ROWS
    assert 400 < found["rows"] < 600
    assert found["labels"]["share"] == 1


def test_labels_are_looked_through_when_there_are_too_many_to_hold(stack, context, monkeypatch):
    play(stack, 0.0, 0.0, 0.0)
    answer(stack, 3)
    judge(context, 40)
    judge(context, 40, again=START.isoformat())
    held = [stored(stack, hour) for hour in range(4)]
    monkeypatch.setattr(quality_rows, "MOST_HELD", 100)
    judge(context, 40, again=START.isoformat())
    assert [stored(stack, hour) for hour in range(4)] == held


def test_files_that_another_run_joins_meanwhile_are_looked_for_again(stack, context, monkeypatch):
    rows = answer(stack, 0)
    folder = hour_folder(answers_prefix("churn", "AllTraffic"), START)
    parts = [rows.where(np.arange(ROWS) % 4 == part) for part in range(4)]
    s3.delete_objects(stack.state, list(s3.list_keys(stack.state, folder)))
    for part in parts:
        quality_rows.write_rows(stack.state, folder, part)
    between(monkeypatch, quality_rows, "row_files", do=lambda: judge(context, 3))
    judge(context, 3)
    assert stored(stack, 0)["rows"] == ROWS


def test_metrics_are_published_once_by_estimate_and_once_by_labels(stack, context, capsys):
    first = hours_until_now() - 40
    play(stack, 0.0, first=first)
    answer(stack, first + 1)
    for hour in (first + 3, first + 8, first + 12, first + 34):
        judge(context, hour)
    label(stack, first + 1, after=30)
    judge(context, first + 38, again=(START + (first + 1) * HOUR).isoformat())
    lines = [line for line in capsys.readouterr().out.splitlines() if '"EndpointName"' in line]
    named = [name for line in lines for name in ("EstimatedAccuracy", "RealisedAccuracy") if f'"{name}":' in line]
    assert named == ["EstimatedAccuracy", "RealisedAccuracy", "RealisedAccuracy"]


def test_requests_of_an_hour_are_as_many_as_hours_of_labels_and_some_for_each_window(stack, context, monkeypatch):
    """In the steady state each hour has a window to estimate, and three whose labels are looked at."""
    monkeypatch.setattr(entry_of_quality, "LOOKS", (0 * HOUR, 2 * HOUR, 4 * HOUR))
    watch(stack, window_rows=200, min_reference_labels=200)
    play(stack, *[0.0] * 13, rows=200)
    judge(context, 12)
    del stack.aws.calls[:]
    judge(context, 13)
    counted = Counter(stack.aws.names())
    labels = sum(name == "GetObject" and call["Key"].startswith("labels/") for name, call in stack.aws.calls)
    assert labels == 13 - 2
    assert counted["GetObject"] - labels <= 4 * 6 + 8
    assert counted["ListObjectsV2"] <= 4 * 2 + 5
    assert counted["PutObject"] == 4 * 2
