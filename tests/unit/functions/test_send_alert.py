import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from functions.send_alert.app import Outside, lambda_handler
from trimtab.alerts.sns_message import SnsMessage
from trimtab.alerts.web_links import with_web_links
from trimtab.aws.slack_webhook import WebhookAnswer, WebhookUnreachableError

EVENTS = Path(__file__).parents[3] / "events" / "send_alert"
HOOK = "https://hooks.slack.com/services/T000/B000/XXXX"
OK, BUSY, DOWN, GONE = (
    WebhookAnswer(200, "ok", ""),
    WebhookAnswer(429, "rate_limited", "2"),
    WebhookAnswer(503, "", ""),
    WebhookAnswer(404, "no_service", ""),
)


@dataclass
class Context:
    """What the Lambda runtime passes, as far as it is used."""

    function_name: str = "trimtab-send-alert"
    memory_limit_in_mb: int = 256
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:trimtab-send-alert"
    aws_request_id: str = "8f7d1c1e"
    milliseconds: int = 30_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


@dataclass
class FakeWorld:
    """Topic, webhook and state table in memory. Each answer is used once, the last one for ever; an error is raised."""

    answers: list[WebhookAnswer | Exception] = field(default_factory=lambda: [OK])
    sns_error: Exception | None = None
    secret: str | None = HOOK
    now: datetime = datetime(2026, 5, 1, 12, 16, tzinfo=UTC)
    mails: list[SnsMessage] = field(default_factory=list)
    posts: list[str] = field(default_factory=list)
    marks: set[tuple[str, str]] = field(default_factory=set)
    slept: list[float] = field(default_factory=list)
    order: list[str] = field(default_factory=list)

    def publish(self, message: SnsMessage) -> None:
        if self.sns_error:
            raise self.sns_error
        self.order.append("sns")
        self.mails.append(message)

    def post(self, url: str, payload: Mapping[str, Any]) -> WebhookAnswer:
        assert url == HOOK
        self.order.append("slack")
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if answer.status == 200:
            self.posts.append(payload["text"])
        return answer

    def outside(self) -> Outside:
        secret = self.secret
        return Outside(
            web_links=lambda alert: with_web_links(alert, "example-state", lambda key: f"https://signed.example/{key}"),
            publish=self.publish,
            webhook_secret=None if secret is None else lambda: secret,
            post=self.post,
            is_delivered=lambda finding, channel, _now: (finding, channel) in self.marks,
            mark_delivered=lambda finding, channel, _now: self.marks.add((finding, channel)),
            now=lambda: self.now,
            sleep=self.slept.append,
        )

    def handle(self, event: dict[str, Any], context: Context | None = None) -> list[str]:
        response = lambda_handler(event, context or Context(), outside=self.outside())
        return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


def load(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


def message_ids(event: dict[str, Any]) -> list[str]:
    return [record["messageId"] for record in event["Records"]]


@pytest.mark.parametrize("name", [path.stem for path in EVENTS.glob("*.json")])
def test_every_sample_reaches_both_channels(name: str) -> None:
    world, event = FakeWorld(), load(name)
    assert world.handle(event) == []
    assert len(world.mails) == len(world.posts) == len(event["Records"])
    assert len(world.marks) == 2 * len(event["Records"])


def test_without_a_secret_there_is_only_sns() -> None:
    world = FakeWorld(secret=None)
    assert world.handle(load("drift_raised")) == []
    assert (len(world.mails), world.order) == (1, ["sns"])


def test_sends_all_mails_before_any_post() -> None:
    world = FakeWorld()
    world.handle(load("drift_raised_and_settings_refused"))
    assert world.order == ["sns", "sns", "slack", "slack"]


@pytest.mark.parametrize(
    "failure", [DOWN, WebhookAnswer(429, "rate_limited", "30"), WebhookUnreachableError("no answer: TimeoutError")]
)
def test_a_failing_webhook_is_retried_and_never_blocks_or_repeats_sns(failure: WebhookAnswer | Exception) -> None:
    world, event = FakeWorld(answers=[failure]), load("drift_raised")
    assert world.handle(event) == message_ids(event)
    assert (len(world.mails), world.posts) == (1, [])
    world.answers = [OK]
    assert world.handle(event) == []
    assert (len(world.mails), len(world.posts)) == (1, 1)


def test_a_failing_topic_is_retried_and_does_not_repeat_slack() -> None:
    world, event = FakeWorld(sns_error=TimeoutError("sns")), load("drift_raised")
    assert world.handle(event) == message_ids(event)
    assert (world.mails, len(world.posts)) == ([], 1)
    world.sns_error = None
    assert world.handle(event) == []
    assert (len(world.mails), len(world.posts)) == (1, 1)


def test_one_failure_does_not_touch_the_others() -> None:
    world, event = FakeWorld(answers=[DOWN, OK]), load("drift_raised_and_settings_refused")
    assert world.handle(event) == message_ids(event)[:1]
    assert len(world.mails) == 2
    assert "Settings of car-loan" in world.posts[0]


def test_the_same_finding_twice_is_told_once() -> None:
    event = load("drift_raised")
    again = copy.deepcopy(event["Records"][0]) | {"messageId": "again"}
    world = FakeWorld()
    assert world.handle({"Records": [*event["Records"], again]}) == []
    assert world.handle(event) == []
    assert (len(world.mails), len(world.posts)) == (1, 1)


def test_waits_briefly_when_slack_asks_for_it() -> None:
    world = FakeWorld(answers=[BUSY, OK])
    assert world.handle(load("drift_raised")) == []
    assert (world.slept, len(world.posts)) == ([2.0], 1)


def test_asks_only_twice_when_slack_stays_busy() -> None:
    world, event = FakeWorld(answers=[BUSY]), load("drift_raised")
    assert world.handle(event) == message_ids(event)
    assert (world.slept, world.order) == ([2.0], ["sns", "slack", "slack"])


def test_does_not_begin_a_post_that_cannot_end_in_time() -> None:
    world, event = FakeWorld(), load("drift_raised")
    assert world.handle(event, Context(milliseconds=5_000)) == message_ids(event)
    assert world.order == ["sns"]


def test_a_rejected_webhook_is_told_by_sns_once_a_day() -> None:
    world = FakeWorld(answers=[GONE])
    assert world.handle(load("drift_raised_and_settings_refused")) == []
    alerts, notices = world.mails[:2], world.mails[2:]
    assert [mail.attributes["kind"] for mail in alerts] == ["drift", "settings"]
    assert [mail.subject for mail in notices] == ["[WARNING] Trimtab health: alerts do not reach Slack"]
    assert "HTTP 404 no_service" in notices[0].body
    assert "Drift on car-loan/AllTraffic" in notices[0].body
    world.now = datetime(2026, 5, 2, 12, 16, tzinfo=UTC)
    world.handle(load("drift_continued"))
    assert len(world.mails) == 5


def test_a_useless_secret_is_told_without_showing_it() -> None:
    world = FakeWorld(secret="http://example.com/T000/SECRET")
    assert world.handle(load("drift_raised")) == []
    assert world.mails[1].subject == "[WARNING] Trimtab health: alerts do not reach Slack"
    assert not any("SECRET" in mail.body for mail in world.mails)


def test_a_secret_that_cannot_be_read_is_retried() -> None:
    def read_secret() -> str:
        raise PermissionError("AccessDeniedException")

    world, event = FakeWorld(), load("drift_raised")
    outside = world.outside()
    broken = Outside(**{**outside.__dict__, "webhook_secret": read_secret})
    response = lambda_handler(event, Context(), outside=broken)
    assert [failure["itemIdentifier"] for failure in response["batchItemFailures"]] == message_ids(event)
    assert len(world.mails) == 1


def test_what_cannot_be_read_is_told_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    world = FakeWorld()
    record = load("drift_raised")["Records"][0] | {"body": '{"detail": {"kind": "fleet"}}'}
    assert world.handle({"Records": [record]}) == []
    assert world.mails[0].subject.startswith("[WARNING] Trimtab received a finding that it cannot read")
    assert len(world.posts) == 1
    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["FindingNotUnderstood"] for line in written if "FindingNotUnderstood" in line] == [[1.0]]


def test_logs_and_metrics_do_not_show_the_webhook(capsys: pytest.CaptureFixture[str]) -> None:
    for answer in (OK, DOWN, GONE):
        FakeWorld(answers=[answer]).handle(load("drift_raised"))
    captured = capsys.readouterr()
    assert "AlertDelivered" in captured.out
    assert "T000" not in captured.out + captured.err


def test_counts_what_it_delivered_and_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    FakeWorld(answers=[DOWN]).handle(load("drift_raised"))
    (metrics,) = [json.loads(line) for line in capsys.readouterr().out.splitlines() if "_aws" in line]
    assert (metrics["AlertDelivered"], metrics["AlertDeliveryFailed"]) == ([1.0], [1.0])


def test_a_report_is_linked_so_that_people_can_follow_it() -> None:
    world, event = FakeWorld(), load("drift_raised")
    body = json.loads(event["Records"][0]["body"])
    key = "reports/car-loan/AllTraffic/2026-05-01T06/drift.html"
    body["detail"]["links"] = {"verdict": "s3://example-state/windows/a.json", "report": f"s3://example-state/{key}"}
    event["Records"][0]["body"] = json.dumps(body)
    assert world.handle(event) == []
    assert f"report: https://signed.example/{key}\n" in world.mails[0].body
    assert f"report in S3: s3://example-state/{key}\n" in world.mails[0].body
    assert "verdict: s3://example-state/windows/a.json\n" in world.mails[0].body


def test_needs_its_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    from functions.send_alert import app

    monkeypatch.delenv("ALERT_TOPIC_ARN", raising=False)
    monkeypatch.delenv("STATE_TABLE_NAME", raising=False)
    monkeypatch.delenv("STATE_BUCKET_NAME", raising=False)
    app.aws.cache_clear()
    with pytest.raises(ValueError, match="ALERT_TOPIC_ARN, STATE_TABLE_NAME, STATE_BUCKET_NAME"):
        lambda_handler(load("drift_raised"), Context())
