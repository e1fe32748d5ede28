"""The drift loop on the deployed template, IAM enforced: from captures in S3 to a verdict and an alert."""

import json
import re
from datetime import timedelta
from typing import Any
from urllib.request import urlopen
from uuid import uuid4

import numpy as np
import pytest

from local.capture_files import object_key
from local.capture_objects import CaptureObject
from local.cloud import ACCOUNT, REGION, ROOT
from local.dataset import load_dataset
from local.faults import Duplicated, Reordered, Shift
from local.live import play_live
from tests.integration.deployed import (
    FEATURES,
    HOUR,
    PREDICTION,
    ROWS_AN_HOUR,
    START,
    VARIANT,
    Deployed,
    hours_of,
    traffic,
    wait_for,
)
from trimtab.drift.evidence import BOOKKEEPING

pytestmark = pytest.mark.integration

EVENTS = ROOT / "events"


def test_live_requests_are_captured_and_profiled_without_any_settings(stack: Deployed) -> None:
    stack.create_endpoint("live", model="local.models:car_loan")
    dataset = load_dataset("car_loan")
    client = stack.cloud.client("sagemaker-runtime")
    result = play_live(dataset, endpoint="live", runtime_client=client, requests_per_second=200, rows=150)
    assert (result.requests, result.errors) == (150, {})
    keys = {file.removeprefix(f"s3://{stack.capture_bucket}/") for file in stack.cloud.flush_captures()}
    assert keys
    stack.wait_until_profiled("live", keys)
    profiled = stack.profiled("live")
    assert {entry.object.key for entry in profiled} == keys
    assert sum(entry.records for entry in profiled) == sum(entry.profile.rows for entry in profiled) == 150
    assert not [entry.unreadable for entry in profiled if entry.unreadable]
    columns = {name for entry in profiled for name in entry.profile.columns}
    assert len(columns) == len(dataset.features) + len(dataset.predictions)
    assert not [each for each in stack.findings("live") if each["kind"] in ("drift", "settings")]


def test_a_drift_raises_one_alert_and_its_end_clears_it(stack: Deployed) -> None:
    steady = traffic(10)
    drifting = Shift("amount", at=0, sigmas=1.5)
    stack.play("loop", hours_of(steady, 0, 3))
    stack.judge_hours("loop", range(3))
    assert stack.verdicts("loop") == {1: "OK", 2: "OK"}
    wait_for(lambda: len(stack.findings("loop")) == 1, 10, "the reference's finding")
    (adopted,) = stack.findings("loop")
    assert (adopted["kind"], adopted["state"], adopted["severity"]) == ("settings", "raised", "info")
    assert "first complete window" in adopted["reason"]

    stack.play("loop", hours_of(steady, 3, 6), [drifting])
    stack.judge_hours("loop", range(3, 6))
    assert stack.verdicts("loop") == {1: "OK", 2: "OK", 3: "ALERT", 4: "ALERT", 5: "ALERT"}
    wait_for(lambda: len(stack.findings("loop")) == 2, 10, "the alert's finding")
    raised = stack.findings("loop")[1]
    assert (raised["kind"], raised["state"], raised["severity"]) == ("drift", "raised", "critical")
    assert (raised["account"], raised["region"], raised["variant"]) == (ACCOUNT, REGION, VARIANT)
    assert raised["evidence"]["window"]["start"] == f"{START + 4 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    assert raised["evidence"]["since"] == f"{START + 3 * HOUR:%Y-%m-%dT%H:%M:%SZ}"
    assert len(raised["evidence"]["drifted"]) == 1

    wait_for(lambda: len(stack.mails("loop")) == 2, 20, "the mails")
    mail = stack.mails("loop")[1]
    assert mail.subject.startswith("[CRITICAL]")
    assert "loop/AllTraffic" in mail.subject
    assert raised["evidence"]["drifted"][0] in mail.body
    assert raised["links"]["verdict"] in mail.body
    assert mail.attributes == {
        "severity": "critical",
        "endpoint": "loop",
        "variant": VARIANT,
        "kind": "drift",
        "state": "raised",
        "account": ACCOUNT,
        "region": REGION,
    }
    wait_for(lambda: len(stack.slack_messages("loop")) == 2, 20, "the Slack messages")
    assert raised["evidence"]["drifted"][0] in stack.slack_messages("loop")[1]

    stack.play("loop", hours_of(steady, 6, 10))
    stack.judge_hours("loop", range(6, 10))
    assert [verdict for hour, verdict in stack.verdicts("loop").items() if hour >= 6] == ["OK"] * 4
    wait_for(lambda: len(stack.mails("loop")) == 3, 20, "the mail that clears the alert")
    assert [(each["kind"], each["state"]) for each in stack.findings("loop")] == [
        ("settings", "raised"),
        ("drift", "raised"),
        ("drift", "cleared"),
    ]
    assert stack.mails("loop")[2].subject.startswith("[RESOLVED]")
    wait_for(lambda: len(stack.slack_messages("loop")) == 3, 20, "the Slack message that clears the alert")

    key = f"reports/loop/{VARIANT}/{START + 4 * HOUR:%Y-%m-%dT%H}/drift.html"
    assert raised["links"]["report"] == f"s3://{stack.state_bucket}/{key}"
    assert "report" not in stack.findings("loop")[2]["links"]
    wait_for(lambda: bool(list(stack.objects(stack.state_bucket, key))), 120, "the report")
    (signed,) = re.findall(r"^  report: (\S+)$", mail.body, re.MULTILINE)
    with urlopen(signed, timeout=30) as answer:
        assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
        report = answer.read().decode()
    assert "Data Drift Summary" in report
    assert raised["evidence"]["drifted"][0] in report
    assert "There are no rows" not in report


def test_shuffled_duplicated_and_late_captures_give_the_windows_of_a_clean_pass(stack: Deployed) -> None:
    steady, five_minutes = traffic(4, seed=2), timedelta(minutes=5)
    drift = Shift("age", at=2 * ROWS_AN_HOUR, sigmas=1.5)
    clean = stack.captures("tidy", steady, [drift], five_minutes)
    disturbed = stack.captures("untidy", steady, [drift, Duplicated(0.3), Reordered()], five_minutes)
    assert len(disturbed) > len({item.key for item in disturbed}) == len(clean)
    # without its last file an hour still has rows enough for a window of its own
    late = [item for item in disturbed if item.first_time.minute >= 54 and item.first_time >= START + 2 * HOUR]

    # In two stages: what comes before there is a reference is kept in full, what comes after is counted on its grid,
    # and the two ways may round a mean differently.
    for first in (0, 2):
        stack.deliver("tidy", played_in(clean, first, first + 2))
        stack.judge_hours("tidy", range(first, first + 2))
        punctual = [item for item in played_in(disturbed, first, first + 2) if item not in late]
        stack.deliver("untidy", punctual, in_order=True)
        stack.send_to_capture_queue(*(object_created(stack.capture_bucket, item.key) for item in punctual))
        wait_for(lambda: stack.is_empty("CaptureQueue"), 30, "the captures that were told of twice")
        stack.judge_hours("untidy", range(first, first + 2))
    assert stack.verdicts("tidy") == {1: "OK", 2: "ALERT", 3: "ALERT"}
    assert [window["revision"] for window in documents(stack, "untidy")] == [1, 1, 1]
    stack.deliver("untidy", late, in_order=True)
    stack.judge_hours("untidy", [3])

    tidy, untidy = documents(stack, "tidy"), documents(stack, "untidy")
    assert [window["revision"] for window in tidy] == [1, 1, 1]
    assert [window["revision"] for window in untidy] == [1, 2, 2]
    # what a window was made of differs (packs), how often it was judged, and when people were told; and so do the rows
    # that were drawn, by the names of their objects, and what only they tell
    for window in (*tidy, *untidy):
        for key in (*BOOKKEEPING, "revision", "multivariate", "importance", "ranked", "causes"):
            del window[key]
    assert [json.dumps(window) for window in untidy] == [json.dumps(window) for window in tidy]
    assert [each["state"] for each in stack.findings("untidy") if each["kind"] == "drift"] == ["raised"]


def test_what_cannot_be_read_is_counted_and_quarantined_and_the_rest_counts(stack: Deployed) -> None:
    steady, s3 = traffic(3, seed=3), stack.cloud.client("s3")
    stack.play("poisoned", hours_of(steady, 0, 2))
    stack.judge_hours("poisoned", range(2))

    def put(body: bytes) -> str:
        key = object_key("captures", "poisoned", VARIANT, START + 2 * HOUR, str(uuid4()))
        s3.put_object(Bucket=stack.capture_bucket, Key=key, Body=body)
        return key

    made = stack.play("poisoned", hours_of(steady, 2, 3))
    lines = made[0].body.splitlines(keepends=True)[:100]
    garbage = put(np.random.default_rng(0).bytes(4096))
    half_bad = put(b"".join(b"{ no json\n" if number % 2 else line for number, line in enumerate(lines)))
    gone = object_key("captures", "poisoned", VARIANT, START + 2 * HOUR, str(uuid4()))
    no_events = ["no event at all", '{"hello": "queue"}']
    with stack.failed_messages_return_after(2, "CaptureQueue"):
        stack.send_to_capture_queue(object_created(stack.capture_bucket, gone), *no_events)
        stack.wait_until_profiled("poisoned", {garbage, half_bad})

    by_key = {entry.object.key: entry for entry in stack.profiled("poisoned")}
    assert by_key[half_bad].records == by_key[half_bad].profile.rows == 50
    assert sum(by_key[half_bad].unreadable.values()) == 50
    assert by_key[garbage].profile.rows == 0
    assert sum(by_key[garbage].unreadable.values()) >= 1
    assert gone not in by_key

    quarantined = stack.quarantined()
    of_objects = {each["object"]["key"]: each for each in quarantined if "object" in each}
    assert of_objects[half_bad]["records_read"] == 50
    assert [line["line"] for line in of_objects[half_bad]["lines"]] == list(range(2, 101, 2))
    assert all(line["reason"] and line["detail"] for line in of_objects[half_bad]["lines"])
    assert of_objects[garbage]["unreadable"]
    reasons = {each["message"]: each["reason"] for each in quarantined if "message" in each}
    assert all("not an S3 event" in reasons[body] for body in no_events)
    assert "does not exist" in reasons[object_created(stack.capture_bucket, gone)]
    assert stack.is_empty("CaptureDeadLetterQueue")

    stack.judge_hours("poisoned", [2])
    window = json.loads(stack.windows("poisoned")[2])
    assert window["verdict"] == "OK"
    assert window["coverage"]["records"] == window["window"]["rows"] == ROWS_AN_HOUR + 50
    assert sum(window["coverage"]["unreadable"].values()) > 50
    assert window["coverage"]["objects"] == 3


def test_bad_settings_leave_the_last_good_ones_in_force_and_stop_nobody(stack: Deployed) -> None:
    steady = traffic(4, seed=4)
    names = f"columns: [{', '.join(FEATURES)}]\npredictions: [{PREDICTION}]\nignore: [amount]\n"
    for endpoint in ("confused", "sound"):
        stack.put_settings(endpoint, names)
        stack.create_endpoint(endpoint)
        stack.play(endpoint, hours_of(steady, 0, 2))
    judge_on_schedule(stack)
    stack.put_settings("confused", names + "drift: {psi: much, sensitivity: 11}")
    for endpoint in ("confused", "sound"):
        stack.play(endpoint, hours_of(steady, 2, 4), [Shift("amount", at=0, sigmas=3)])
    outcomes = judge_on_schedule(stack)
    assert {"confused", "sound"} <= outcomes.keys()
    for endpoint in ("confused", "sound"):
        assert stack.verdicts(endpoint) == {1: "OK", 2: "OK", 3: "OK"}  # `amount` is still ignored
    judge_on_schedule(stack)
    wait_for(
        lambda: any("cannot be used" in mail.subject for mail in stack.mails("confused")), 20, "the mail about settings"
    )
    (problem,) = [each for each in stack.findings("confused") if "cannot be used" in each["title"]]
    assert (problem["kind"], problem["severity"]) == ("settings", "warning")
    assert "drift.psi" in problem["reason"]
    assert "drift.sensitivity" in problem["reason"]
    assert not [each for each in stack.findings("sound") if "cannot be used" in each["title"]]


def test_the_schedule_judges_every_endpoint_that_captures_and_does_not_opt_out(stack: Deployed) -> None:
    steady = traffic(2, seed=5)
    stack.create_endpoint("watched")
    stack.create_endpoint("opted-out", tags={"trimtab:monitor": "off"})
    stack.create_endpoint("without-capture", captures=False)
    for endpoint in ("watched", "opted-out", "without-capture"):
        stack.play(endpoint, steady)
    outcomes = judge_on_schedule(stack)
    assert "watched" in outcomes
    assert not {"opted-out", "without-capture"} & outcomes.keys()
    assert stack.verdicts("watched") == {1: "OK"}
    assert stack.windows("opted-out") == stack.windows("without-capture") == {}


def test_a_failing_webhook_is_tried_again_and_the_mail_comes_once(stack: Deployed) -> None:
    (record,) = json.loads((EVENTS / "send_alert" / "drift_raised.json").read_text())["Records"]
    finding = json.loads(record["body"])["detail"] | {"endpoint": "unheard", "id": uuid4().hex}
    entry = {
        "Source": "trimtab",
        "DetailType": "Drift",
        "Detail": json.dumps(finding),
        "EventBusName": stack.outputs["FindingsBusName"],
    }
    # nothing of an earlier test may take the refusals
    wait_for(lambda: stack.is_empty("AlertQueue"), 30, "the alert queue to be empty")
    stack.slack.refusals.extend([503, 500])
    with stack.failed_messages_return_after(3, "AlertQueue"):
        assert stack.cloud.client("events").put_events(Entries=[entry])["FailedEntryCount"] == 0
        wait_for(lambda: bool(stack.slack.refused), 20, "the first try")
        wait_for(lambda: len(stack.mails("unheard")) == 1, 20, "the mail")
        assert stack.slack_messages("unheard") == []
        wait_for(lambda: len(stack.slack_messages("unheard")) == 1, 30, "Slack to be told at last")
        wait_for(lambda: stack.is_empty("AlertQueue"), 20, "the alert to leave its queue")
    assert len(stack.slack.refused) == 2
    assert len(stack.mails("unheard")) == 1
    assert len(stack.slack_messages("unheard")) == 1
    assert stack.is_empty("AlertDeadLetterQueue")


def test_a_named_reference_is_built_when_it_is_needed_and_then_used(stack: Deployed) -> None:
    training = traffic(4, seed=6).rows.assign(churned=1)
    key = "training/named.csv"
    body = training.to_csv(index=False).encode()
    stack.cloud.client("s3").put_object(Bucket=stack.capture_bucket, Key=key, Body=body)
    source = f"s3://{stack.capture_bucket}/{key}"
    stack.put_settings("named", json.dumps({"columns": FEATURES, "predictions": [PREDICTION], "reference": source}))
    stack.play("named", hours_of(traffic(3, seed=7), 0, 3))
    first = stack.judge("named", START + 3 * HOUR)
    assert first == {"*": {"verdict": "INSUFFICIENT_DATA", "reason": f"the reference is being built from {source}"}}
    wait_for(lambda: bool(stack.findings("named")), 30, "the reference")
    stack.judge_hours("named", range(3))
    assert stack.verdicts("named") == {0: "OK", 1: "OK", 2: "OK"}
    window = json.loads(stack.windows("named")[0])
    assert window["reference"]["source"] == source
    assert window["reference"]["rows"] == len(training)
    assert window["columns"].keys() == {*FEATURES, PREDICTION}
    assert [each["kind"] for each in stack.findings("named")] == ["settings"]


def judge_on_schedule(stack: Deployed) -> dict[str, object]:
    """Invoke detect_drift with the schedule's own payload."""
    payload = json.loads((EVENTS / "detect_drift" / "hour_passed.json").read_text())
    answer: dict[str, dict[str, object]] = stack.invoke("detect_drift", payload)
    return answer["endpoints"]


def played_in(objects: list[CaptureObject], first: int, stop: int) -> list[CaptureObject]:
    """The capture files that begin in hours `first` up to but without `stop`."""
    return [item for item in objects if first * HOUR <= item.first_time - START < stop * HOUR]


def documents(stack: Deployed, endpoint: str) -> list[dict[str, Any]]:
    """The stored verdicts in the order of their windows."""
    return [json.loads(body) for _, body in sorted(stack.windows(endpoint).items())]


def object_created(bucket: str, key: str) -> str:
    """The message that S3's event makes in the capture queue."""
    detail = {"version": "0", "bucket": {"name": bucket}, "object": {"key": key}, "reason": "PutObject"}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})
