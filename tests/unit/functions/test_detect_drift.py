import json
from datetime import UTC, datetime, timedelta

import boto3
import numpy as np
import pytest
from botocore.exceptions import ClientError

from functions.detect_drift import app
from trimtab.aws import state_bucket, variant_history
from trimtab.aws.backlog import Backlog
from trimtab.aws.state_table import StateDocument, write_state
from trimtab.aws.variant_history import VariantHistory
from trimtab.capture.pack import NO_GRID, ObjectId, ObjectProfile, pack_key, profile_from_document
from trimtab.capture.profile import profile_table
from trimtab.capture.sample import sample_of_table, seed_of
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table, TextColumn
from trimtab.diagnosis import importance
from trimtab.diagnosis.importance import Importance
from trimtab.rollout.good_configs import ConfigHistory, began_deployment, in_service
from trimtab.training.trigger import trigger_of_finding

START = datetime(2026, 11, 20, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def outside(stack, monkeypatch):
    """Findings and started functions are written down instead of leaving."""
    monkeypatch.setattr(app, "publish_findings", lambda _, findings: stack.findings.extend(findings))
    monkeypatch.setattr(app, "start_function", lambda name, payload: stack.started.append((name, payload)))
    return stack


def table(hour, rows=1000, shift=0.0, seed=None, missing=0.0):
    rng = np.random.default_rng(hour.hour if seed is None else seed)
    x = rng.normal(shift, 1, rows)
    x[rng.random(rows) < missing] = np.nan
    columns = {"x": NumericColumn(x), "c": TextColumn(rng.integers(0, 3, rows), ("a", "b", "c"))}
    return Table(hour, rows, rows, columns)


def capture(stack, hour, *, key=None, endpoint="churn", variant="AllTraffic", reference=None, **how):
    """A capture object of this hour, profiled as profile_capture does."""
    made = table(hour, **how)
    profile = profile_table(made, reference.grid) if reference else sketch_table(made)
    identity = ObjectId("captures", key or f"{endpoint}/{hour:%d%H}.jsonl", "2026-11-20T00:00:00+00:00", "e")
    sample = sample_of_table(made, seed_of(identity.key), 0, 400)
    entry = ObjectProfile(identity, profile, records=made.rows, sample=sample)
    name = pack_key(endpoint, variant, hour, reference.grid.name if reference else NO_GRID, [entry])
    state_bucket.write_pack(stack.state, name, [entry])


def hours(stack, shifts, first=0, **how):
    for i, shift in enumerate(shifts, first):
        capture(stack, START + i * HOUR, shift=shift, **how)


def raiser(error):
    def fail(*_, **__):
        raise error

    return fail


def detect(context, until=None, endpoint="churn"):
    event = {"endpoint": endpoint} | ({"until": until.isoformat()} if until else {})
    return app.lambda_handler(event, context)["endpoints"][endpoint]


def stored(stack, start, endpoint="churn"):
    body = boto3.client("s3").get_object(
        Bucket=stack.state, Key=f"windows/{endpoint}/AllTraffic/{start:%Y-%m-%dT%H}.json"
    )["Body"]
    return json.loads(body.read())


def test_the_first_complete_window_becomes_the_reference_and_people_are_told(stack, context):
    hours(stack, [0, 0])
    outcome = detect(context)["AllTraffic"]
    assert outcome["verdict"] == "OK"
    assert outcome["reference"]["rows"] == 1000
    assert stack.told() == [("settings", "raised")]
    assert "first complete window" in stack.findings[0].reason


@pytest.mark.parametrize("step", ["write_reference_sample", "publish_findings", "write_state"])
def test_a_run_killed_while_it_makes_the_reference_is_made_up_for(stack, context, monkeypatch, step):
    hours(stack, [0, 0])
    with monkeypatch.context() as killed:
        module = {"write_reference_sample": state_bucket, "publish_findings": app, "write_state": variant_history}[step]
        killed.setattr(module, step, raiser(ConnectionError("reset")))
        with pytest.raises(app.EndpointsFailedError):
            detect(context)
    assert detect(context)["AllTraffic"]["window"]["start"] == "2026-11-20T01:00:00Z"  # not the reference's own hour
    assert {finding.id for finding in stack.findings} == {stack.findings[-1].id}
    assert stack.findings[-1].kind == "settings"
    assert state_bucket.read_reference_sample(stack.state, "churn").rows
    with pytest.raises(ClientError):
        stored(stack, START)


def test_raises_one_alert_after_two_of_three_windows_and_clears_after_two_clean_ones(stack, context):
    hours(stack, [0, 0, 0, 1, 1, 1, 0, 0, 0])
    detect(context)
    assert stack.told() == [("settings", "raised"), ("drift", "raised"), ("drift", "cleared")]
    raised, cleared = stack.findings[1:]
    assert raised.evidence["window"]["start"] == "2026-11-20T04:00:00Z"
    assert raised.evidence["since"] == "2026-11-20T03:00:00Z"
    assert raised.evidence["windows_alerting"] == "2 of 3"
    assert raised.severity == "critical"
    assert cleared.evidence["window"]["start"] == "2026-11-20T07:00:00Z"


def test_hour_by_hour_gives_what_one_run_gives(stack, context):
    hours(stack, [0, 0, 0, 1, 1, 1, 0, 0, 0])
    for i in range(1, 10):
        detect(context, until=START + i * HOUR)
    assert stack.told() == [("settings", "raised"), ("drift", "raised"), ("drift", "cleared")]


def test_a_repeated_run_changes_and_tells_nothing(stack, context):
    hours(stack, [0, 0, 1, 1])
    detect(context)
    told, before = stack.told(), stored(stack, START + 3 * HOUR)
    assert detect(context)["AllTraffic"]["verdict"] == "INSUFFICIENT_DATA"
    assert stack.told() == told
    assert stored(stack, START + 3 * HOUR) == before


def test_a_lost_state_write_repeats_the_same_facts(stack, context, monkeypatch):
    hours(stack, [0, 0, 1, 1])
    detect(context, until=START + 3 * HOUR)
    monkeypatch.setattr(VariantHistory, "write", lambda *_: (_ for _ in ()).throw(RuntimeError("killed")))
    with pytest.raises(app.EndpointsFailedError):
        detect(context)
    monkeypatch.undo()
    monkeypatch.setattr(app, "publish_findings", lambda _, findings: stack.findings.extend(findings))
    for name, value in {"NAME": "trimtab", "STATE_BUCKET_NAME": stack.state, "STATE_TABLE_NAME": stack.table}.items():
        monkeypatch.setenv(name, value)
    for name in ("FINDINGS_BUS_NAME", "CAPTURE_QUEUE_URL", "BUILD_REFERENCE_FUNCTION_NAME"):
        monkeypatch.setenv(name, "x")
    detect(context)
    drift = [finding.id for finding in stack.findings if finding.kind == "drift"]
    assert len(drift) == 2
    assert len(set(drift)) == 1


@pytest.mark.parametrize("overtaken", ["read", "write"])
def test_two_runs_at_once_give_what_one_gives(stack, context, monkeypatch, overtaken):
    """The other one, which began later, has joined the packs that are to be read, or written the state."""
    for name in ("a", "b"):
        for hour in range(4):
            capture(stack, START + hour * HOUR, key=f"{name}{hour}", rows=600, shift=float(hour > 1), seed=hour)
    detect(context, until=START + 3 * HOUR)
    owner = Backlog if overtaken == "read" else VariantHistory
    method, left = getattr(owner, overtaken), [lambda: detect(context)]

    def call(*arguments):
        if left:
            left.pop()()
        return method(*arguments)

    monkeypatch.setattr(owner, overtaken, call)
    detect(context)
    told = {finding.id: finding for finding in stack.findings if finding.kind == "drift"}
    assert [finding.state for finding in told.values()] == ["raised"]
    assert stored(stack, START + 3 * HOUR)["window"]["rows"] == 1200


def test_duplicated_objects_count_once(stack, context):
    hours(stack, [0, 0])
    capture(stack, START + HOUR, key="churn/2001.jsonl", seed=1)
    rows = stored_rows = detect(context)["AllTraffic"]["window"]["rows"]
    assert rows == stored_rows == 1000


def test_small_hours_are_accumulated_until_there_are_enough_rows(stack, context):
    hours(stack, [0], rows=1000)
    hours(stack, [0] * 5, first=1, rows=300)
    outcome = detect(context)["AllTraffic"]
    assert outcome["window"] == {
        "start": "2026-11-20T01:00:00Z",
        "end": "2026-11-20T05:00:00Z",
        "rows": 1200,
        "hours": 4,
    }


def test_too_few_rows_are_no_pass(stack, context):
    hours(stack, [0, 0])
    detect(context)
    capture(stack, START + 2 * HOUR, rows=412)
    assert detect(context)["AllTraffic"] == {
        "verdict": "INSUFFICIENT_DATA",
        "reason": "412 of 1,000 rows for the next window",
    }


def test_late_captures_are_judged_with_their_window(stack, context):
    hours(stack, [0, 0, 0, 0])
    detect(context, until=START + 4 * HOUR)
    assert stored(stack, START + 3 * HOUR)["revision"] == 1
    capture(stack, START + 3 * HOUR, key="late.jsonl", shift=4, rows=3000)
    outcome = detect(context, until=START + 5 * HOUR)["AllTraffic"]
    assert outcome["verdict"] == "ALERT"
    assert outcome["revision"] == 2
    assert outcome["window"]["rows"] == 4000
    assert stored(stack, START + 3 * HOUR)["verdict"] == "ALERT"
    assert stored(stack, START + 2 * HOUR)["revision"] == 1
    again = detect(context, until=START + 5 * HOUR)["AllTraffic"]
    assert again["verdict"] == "INSUFFICIENT_DATA"


def test_late_captures_can_raise_and_clear_what_came_after(stack, context):
    hours(stack, [0, 0, 0, 1, 0])
    detect(context, until=START + 5 * HOUR)
    assert ("drift", "raised") not in stack.told()
    capture(stack, START + 2 * HOUR, key="late.jsonl", shift=4, rows=3000)
    detect(context, until=START + 6 * HOUR)
    assert stack.told()[-1] == ("drift", "raised")
    assert stored(stack, START + 3 * HOUR)["revision"] == 1
    hours(stack, [1], first=5)
    detect(context, until=START + 7 * HOUR)
    assert [told for told in stack.told() if told[0] == "drift"] == [("drift", "raised")]


def test_captures_that_come_after_a_day_change_no_verdict(stack, context):
    hours(stack, [0, 0, 0])
    detect(context, until=START + 3 * HOUR)
    capture(stack, START + 2 * HOUR, key="late.jsonl", shift=4, rows=3000)
    detect(context, until=START + 28 * HOUR)
    assert stored(stack, START + 2 * HOUR)["revision"] == 1


def packs_of(stack, hour):
    return list(state_bucket.pack_keys(stack.state, "churn", "AllTraffic", hour, hour + HOUR))


def test_a_judged_hour_is_compacted_to_one_pack_with_the_same_counts(stack, context):
    hours(stack, [0])
    detect(context)
    for i in range(5):
        capture(stack, START + HOUR, key=f"{i}.jsonl", rows=300, seed=i)
    capture(stack, START + HOUR, key="0.jsonl", rows=300, seed=0)
    before = detect(context, until=START + 2 * HOUR)["AllTraffic"]
    assert before["window"]["rows"] == 1500
    (pack,) = packs_of(stack, START + HOUR)
    assert pack.rows == 1500
    capture(stack, START + HOUR, key="0.jsonl", rows=300, seed=0)  # a duplicate that comes late
    after = detect(context, until=START + 3 * HOUR)["AllTraffic"]
    assert after["window"]["rows"] == 1500
    assert {name: column["psi"] for name, column in after["columns"].items()} == {
        name: column["psi"] for name, column in before["columns"].items()
    }


def test_rows_are_kept_with_the_reference_and_with_a_judged_hour(stack, context):
    put_settings("{sample_rows: 300, redact: [c]}")
    capture(stack, START)
    for i in range(3):
        capture(stack, START + HOUR, key=f"{i}.jsonl", rows=400, seed=i)
    detect(context)
    kept = state_bucket.read_reference_sample(stack.state, "churn")
    assert (kept.rows, set(kept.columns)) == (400, {"x"})
    assert set(kept.columns["x"]) <= set(table(START).columns["x"].values)
    (objects,) = state_bucket.read_packs(stack.state, packs_of(stack, START + HOUR))
    assert sum(entry.sample.rows for entry in objects) == 300


def test_no_captures_are_no_pass(context):
    assert detect(context) == {"*": {"verdict": "INSUFFICIENT_DATA", "reason": "no captures yet"}}


def test_the_last_hour_is_left_to_late_captures(stack, context):
    now = datetime.now(UTC)
    this_hour = now.replace(minute=0, second=0, microsecond=0)
    for i in (3, 2):
        capture(stack, this_hour - i * HOUR)
    capture(stack, this_hour, shift=3)
    outcome = detect(context)["AllTraffic"]
    assert outcome["window"]["end"] <= (now - timedelta(minutes=15)).isoformat()


def test_a_past_moment_is_answered_from_what_was_stored(stack, context):
    hours(stack, [0, 0, 1, 1])
    detect(context)
    outcome = detect(context, until=START + 2 * HOUR)["AllTraffic"]
    assert outcome["window"]["start"] == "2026-11-20T01:00:00Z"
    assert outcome["verdict"] == "OK"
    assert detect(context, until=START)["AllTraffic"]["verdict"] == "INSUFFICIENT_DATA"


def test_a_reminder_comes_once_a_day_while_the_alert_lasts(stack, context, monkeypatch):
    hours(stack, [0, 0, 1, 1])
    detect(context)

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(hours=25)

    monkeypatch.setattr(app, "datetime", Later)
    detect(context)
    detect(context)
    assert stack.told()[-2:] == [("drift", "raised"), ("drift", "continued")]
    assert stack.findings[-1].severity == "warning"


def put_settings(text, endpoint="churn"):
    boto3.client("ssm").put_parameter(Name=f"/trimtab/endpoints/{endpoint}", Type="String", Value=text, Overwrite=True)


def test_bad_settings_keep_the_last_good_ones_and_are_told_once(stack, context):
    put_settings("ignore: [x]")
    hours(stack, [0, 0])
    detect(context)
    put_settings("ignore: [x]\ndrift: {psi: much, unknown: 1}")
    hours(stack, [3, 3], first=2)
    assert detect(context)["AllTraffic"]["verdict"] == "OK"  # x is still ignored
    detect(context)
    problems = [finding for finding in stack.findings if "cannot be used" in finding.title]
    assert len(problems) == 1
    assert "drift.psi" in problems[0].reason
    assert "drift.unknown" in problems[0].reason
    put_settings("{}")
    detect(context)
    assert stack.findings[-1].state == "cleared"


def test_names_in_the_settings_that_the_reference_lacks_are_listed(stack, context):
    put_settings("{critical: [x, inkome], importance: {c: 1, z: 2}, ignore: [id]}")
    hours(stack, [0, 0])
    assert detect(context)["AllTraffic"]["unknown_in_settings"] == ["id", "inkome", "z"]


def test_one_bad_endpoint_does_not_stop_the_others(stack, context, monkeypatch):
    hours(stack, [0, 0])
    boto3.client("s3").put_object(Bucket=stack.state, Key="references/broken/current.json", Body=b"{")
    capture(stack, START, endpoint="broken")
    monkeypatch.setattr(app.sagemaker, "endpoint_names", lambda: iter(["gone", "broken", "churn"]))

    def is_monitored(name):
        if name == "gone":
            raise RuntimeError("throttled")
        return True

    monkeypatch.setattr(app, "is_monitored", is_monitored)
    with pytest.raises(app.EndpointsFailedError, match=r"could not be judged: gone, broken; judged: churn"):
        app.lambda_handler(json.loads("{}"), context)
    assert stored(stack, START + HOUR)["verdict"] == "OK"


def test_a_named_reference_is_built_before_anything_is_judged(stack, context):
    put_settings("reference: s3://training/train.csv")
    hours(stack, [0, 0])
    assert detect(context)["*"]["verdict"] == "INSUFFICIENT_DATA"
    assert stack.started == [("trimtab-build-reference", {"endpoint": "churn", "source": "s3://training/train.csv"})]


def test_captures_counted_for_a_former_reference_are_profiled_again(stack, context):
    hours(stack, [0, 0])
    detect(context)
    former = state_bucket.read_reference(stack.state, "churn")
    capture(stack, START + 2 * HOUR, reference=former)
    boto3.client("s3").delete_object(Bucket=stack.state, Key="references/churn/current.json")
    from trimtab.capture.reference import reference_from_sketch

    new = reference_from_sketch(
        sketch_table(table(START, seed=99)), source="s3://t/t.csv", created=datetime.now(UTC).isoformat()
    )
    state_bucket.replace_reference(stack.state, "churn", new)
    assert "profiled again" in detect(context)["AllTraffic"]["reason"]
    messages = boto3.client("sqs").receive_message(QueueUrl=stack.queue)["Messages"]
    assert json.loads(messages[0]["Body"])["detail"]["object"]["key"] == "churn/2002.jsonl"
    capture(stack, START + 2 * HOUR, reference=new)
    assert detect(context)["AllTraffic"]["verdict"] == "OK"


def test_a_column_that_was_never_captured_is_not_missing(stack, context):
    from trimtab.capture.reference import reference_from_sketch

    training = table(START, rows=5000, seed=5)
    training.columns["label"] = NumericColumn(np.ones(5000))
    reference = reference_from_sketch(sketch_table(training), source="s3://t/t.csv", created=START.isoformat())
    state_bucket.replace_reference(stack.state, "churn", reference)
    hours(stack, [0, 0], reference=reference)
    outcome = detect(context)["AllTraffic"]
    assert outcome["verdict"] == "OK"
    assert outcome["never_captured"] == ["label"]


def test_many_endpoints_are_shared_out_and_each_part_is_judged(stack, context, monkeypatch):
    names = [f"endpoint-{i}" for i in range(5)]
    monkeypatch.setattr(app, "FAN_OUT", 2)
    monkeypatch.setattr(app.sagemaker, "endpoint_names", lambda: iter(names))
    monkeypatch.setattr(app, "is_monitored", lambda name: name != "endpoint-3")
    until = START.isoformat()
    assert app.lambda_handler({"until": until}, context) == {"invocations": 3}
    assert {name for name, _ in stack.started} == {context.function_name}
    parts = [payload for _, payload in stack.started]
    assert [list(each["endpoints"]) for each in parts] == [names[:2], names[2:4], names[4:]]
    judged = [app.lambda_handler(json.loads(json.dumps(each)), context)["endpoints"] for each in parts]
    assert [name for each in judged for name in each] == [name for name in names if name != "endpoint-3"]


def documents(stack, prefix):
    s3 = boto3.client("s3")
    listed = s3.list_objects_v2(Bucket=stack.state, Prefix=prefix).get("Contents", [])
    keys = [entry["Key"] for entry in listed]
    return {
        key.removeprefix(prefix): json.loads(s3.get_object(Bucket=stack.state, Key=key)["Body"].read()) for key in keys
    }


def test_windows_are_reported_as_model_monitor_would_where_settings_say_so(stack, context):
    put_settings("model_monitor: {reports: true, schedule: old}")
    hours(stack, [0, 0, 2])
    detect(context)
    found = documents(stack, "model-monitor/churn/old/2026/11/20/")
    names = ("constraint_violations.json", "constraints.json", "statistics.json")
    assert set(found) == {f"{hour}/{name}" for hour in ("02", "03") for name in names}
    assert found["02/constraint_violations.json"] == {"violations": []}
    (violation,) = found["03/constraint_violations.json"]["violations"]
    assert (violation["feature_name"], violation["constraint_check_type"]) == ("x", "baseline_drift_check")
    assert found["03/statistics.json"]["dataset"]["item_count"] == 1000


def series(stack, endpoint="churn"):
    return documents(stack, f"series/{endpoint}/")["AllTraffic.json"]["windows"]


def test_every_window_is_entered_in_the_score_series(stack, context):
    hours(stack, [0, 0, 1, 1])
    detect(context)
    entries = series(stack)
    assert [(entry["start"][11:13], entry["verdict"], entry["state"]) for entry in entries] == [
        ("01", "OK", "cleared"),
        ("02", "ALERT", "cleared"),
        ("03", "ALERT", "raised"),
    ]
    assert entries[2]["since"] == entries[1]["start"]
    assert entries[2]["drifted"] == ["x"]
    assert entries[2]["psi_adjusted"]["x"] == pytest.approx(
        stored(stack, START + 3 * HOUR)["columns"]["x"]["psi_adjusted"], rel=0.005
    )
    detect(context)
    assert series(stack) == entries


def test_a_late_capture_changes_the_entry_of_its_window(stack, context):
    hours(stack, [0, 0, 0])
    detect(context, until=START + 3 * HOUR)
    capture(stack, START + 2 * HOUR, key="late.jsonl", shift=4, rows=3000)
    detect(context, until=START + 3 * HOUR)
    assert [(entry["rows"], entry["verdict"]) for entry in series(stack)] == [(1000, "OK"), (4000, "ALERT")]


def test_a_score_series_that_was_deleted_comes_back_with_the_next_window(stack, context):
    hours(stack, [0, 0, 1])
    detect(context, until=START + 3 * HOUR)
    boto3.client("s3").delete_object(Bucket=stack.state, Key="series/churn/AllTraffic.json")
    hours(stack, [0], first=3)
    detect(context)
    assert [entry["verdict"] for entry in series(stack)] == ["OK", "ALERT", "OK"]


def test_counts_are_kept_with_a_window_and_not_published(stack, context):
    hours(stack, [0, 0, 1, 1])
    detect(context)
    kept = profile_from_document(stored(stack, START + 2 * HOUR)["profile"])
    assert kept.rows == kept.columns["x"].valid == 1000
    (raised,) = (finding for finding in stack.findings if finding.kind == "drift")
    assert "profile" not in raised.evidence
    assert raised.evidence["previous"]["sudden"] == ["x"]


def deployed(stack, config, since):
    before = in_service(ConfigHistory(), "config-1", START - 9 * HOUR)
    document = in_service(began_deployment(before, config, since), config, since).document()
    write_state(stack.table, "good_config", "churn", document, after=StateDocument())


def test_the_window_of_a_deployment_is_marked(stack, context):
    deployed(stack, "config-2", START + 2 * HOUR + timedelta(minutes=12))
    hours(stack, [0, 0, 0, 0])
    detect(context)
    marks = [stored(stack, START + i * HOUR).get("deployment") for i in (1, 2, 3)]
    assert marks == [None, {"at": "2026-11-20T02:12:00Z", "config": "config-2"}, None]
    assert [entry.get("deployment") for entry in series(stack)] == [None, "config-2", None]


def test_what_the_same_hours_of_past_weeks_had_too_is_seasonal(stack, context):
    weeks = (-3, -2, -1, 0)
    for week in weeks:
        hours(stack, [0, 0, 1.7 if week == 0 else 1, 0, 0], first=week * 168)
    detect(context)
    found = [stored(stack, START + (week * 168 + 2) * HOUR) for week in weeks]
    assert [document["verdict"] for document in found] == ["ALERT", "ALERT", "WARN", "ALERT"]
    assert found[2]["seasonal"]["windows"] == ["2026-10-30T02:00:00Z", "2026-11-06T02:00:00Z"]
    assert found[2]["seasonal"]["explains"] == ["x"]
    assert "as at these hours of past weeks" in found[2]["reason"]
    assert found[3]["seasonal"]["explains"] == []
    assert stack.told() == [("settings", "raised")]


def scores(capsys):
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"DriftScore"' in line]
    return [(each["EndpointName"], each["VariantName"], each["DriftScore"], each["_aws"]["Timestamp"]) for each in told]


def test_how_far_a_window_moved_is_published_once_as_of_its_end(stack, context, monkeypatch, capsys):
    monkeypatch.setattr(app, "OLDEST_METRICS", timedelta(days=36_500))
    hours(stack, [0, 0, 2])
    detect(context, until=START + 3 * HOUR)
    told = scores(capsys)
    assert [(endpoint, variant) for endpoint, variant, *_ in told] == [("churn", "AllTraffic")] * 2
    assert [at for *_, at in told] == [round((START + i * HOUR).timestamp() * 1000) for i in (2, 3)]
    calm, moved = (score for *_, score, _ in told)
    assert calm < 0.1 < 1 < moved
    capture(stack, START + 2 * HOUR, key="late.jsonl", shift=2)
    detect(context, until=START + 3 * HOUR)
    assert stored(stack, START + 2 * HOUR)["revision"] == 2
    assert scores(capsys) == []


def test_the_score_of_a_window_that_cloudwatch_would_not_take_is_not_published(stack, context, monkeypatch, capsys):
    monkeypatch.setattr(app, "OLDEST_METRICS", timedelta(0))
    hours(stack, [0, 0])
    detect(context)
    assert scores(capsys) == []


def test_model_monitors_metrics_are_published_where_settings_say_so(stack, context, monkeypatch):
    monkeypatch.setattr("trimtab.model_monitor.metrics.OLDEST", timedelta(days=36_500))
    published = []
    monkeypatch.setattr(app, "publish_metrics", lambda namespace, data: published.append((namespace, data)))
    hours(stack, [0, 0])
    detect(context)
    assert published == []
    put_settings("model_monitor: {metrics: true}")
    hours(stack, [0], first=2)
    detect(context)
    ((namespace, data),) = published
    assert namespace == "aws/sagemaker/Endpoints/data-metrics"
    assert {datum["MetricName"] for datum in data} >= {"feature_data_x", "feature_non_null_c"}
    assert documents(stack, "model-monitor/") == {}


def test_a_report_that_cannot_be_written_stops_no_verdict(stack, context):
    put_settings("model_monitor: {reports: true, prefix: 's3://nobodys-bucket/reports'}")
    hours(stack, [0, 0])
    assert detect(context)["AllTraffic"]["verdict"] == "OK"
    assert stored(stack, START + HOUR)["verdict"] == "OK"


def test_a_mere_fault_of_the_data_is_told_apart_and_never_a_reason_to_retrain(stack, context):
    hours(stack, [0])
    for hour in (1, 2, 3, 4, 5, 6):
        capture(stack, START + hour * HOUR, missing=0.3 if hour in (3, 4) else 0.0)
    detect(context, START + 8 * HOUR)
    found = {(each.kind, each.state): each for each in stack.findings if each.kind in {"drift", "data_quality"}}
    assert found.keys() == {(kind, state) for kind in ("drift", "data_quality") for state in ("raised", "cleared")}
    drift, data = found["drift", "raised"], found["data_quality", "raised"]
    assert "Likely cause, data fault: the data is at fault and nothing else drifted: x: missing" in drift.reason
    assert (drift.evidence["faulty"], drift.evidence["moved"]) == (["x"], [])
    assert [each["kind"] for each in data.evidence["faults"]] == ["missing"]
    trigger = trigger_of_finding(json.loads(drift.model_dump_json()))
    assert (trigger.faulty, trigger.moved) == (("x",), ())


def test_a_drift_names_its_cause_and_what_tells_the_rows_apart(stack, context):
    hours(stack, [0, 0, 1, 1])
    detect(context, START + 6 * HOUR)
    document = stored(stack, START + 3 * HOUR)
    assert [each["kind"] for each in document["causes"]] == ["covariate_shift"]
    assert next(iter(document["multivariate"]["columns"])) == "x"
    assert document["importance"]["unknown"]  # no column came out of the model
    assert (document["faulty"], document["moved"]) == ([], ["x"])


def test_importances_are_estimated_once_for_a_reference(stack, context, monkeypatch):
    calls = []
    asked = Importance(unknown="asked")
    monkeypatch.setattr(importance, "estimate_importance", lambda *given, **_: calls.append(given) or asked)
    hours(stack, [0, 0])
    detect(context, START + 4 * HOUR)
    hours(stack, [0, 0], first=2)
    detect(context, START + 6 * HOUR)
    assert len(calls) == 1


def test_a_window_that_cannot_be_explained_is_judged_all_the_same(stack, context, monkeypatch):
    monkeypatch.setattr(app, "diagnose", lambda *_, **__: 1 / 0)
    hours(stack, [0, 0, 1, 1])
    detect(context, START + 6 * HOUR)
    assert [(each.kind, each.state) for each in stack.findings][-1:] == [("drift", "raised")]


@pytest.mark.parametrize(
    ("settings", "verdict"), [("", "ALERT"), ("estimate_importance: true", "WARN"), ("importance: {c: 1}", "WARN")]
)
def test_estimated_importances_decide_where_settings_say_so(stack, context, monkeypatch, settings, verdict):
    monkeypatch.setattr(importance, "estimate_importance", lambda *_, **__: Importance({"c": 1.0, "x": 0.0}))
    if settings:
        put_settings(settings)
    hours(stack, [0, 1])
    detect(context, START + 4 * HOUR)
    document = stored(stack, START + HOUR)
    assert (document["verdict"], document["importance"]["shares"]["c"]) == (verdict, 1.0)
    assert [each["kind"] for each in document["causes"]] == ["covariate_shift"]
