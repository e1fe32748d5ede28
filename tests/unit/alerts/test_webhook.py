from dataclasses import replace
from datetime import UTC, datetime

import pytest

from trimtab.alerts.event import alert_of_event
from trimtab.alerts.webhook import WebhookSecretError, outcome, pause, rejection_alert, webhook_url

SLACK = "https://hooks.slack.com/services/T000/B000/XXXX"


@pytest.mark.parametrize(
    "secret", [SLACK, f"  {SLACK}\n", f'{{"url": "{SLACK}"}}', f'{{"url": "{SLACK}", "by": "me"}}']
)
def test_reads_the_address_from_text_or_json(secret: str) -> None:
    assert webhook_url(secret) == SLACK


@pytest.mark.parametrize("host", ["localhost:8080", "127.0.0.1:4566", "127.9.9.9", "[::1]:80"])
def test_plain_http_is_for_this_machine(host: str) -> None:
    assert webhook_url(f"http://{host}/hook") == f"http://{host}/hook"


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "hooks.slack.com/services/T/B/SECRET",
        "http://hooks.slack.com/services/T/B/SECRET",
        "http://localhost.evil.example/SECRET",
        "ftp://localhost/SECRET",
        "https:///services/SECRET",
        "https://host:port/SECRET",
        "https://[::1/SECRET",
        "https://hooks.slack.com/a SECRET",
        "https://hooks.slack.com/\nSECRET",
        '{"webhook": "SECRET"}',
        '{"url": 12}',
        '{"url": SECRET',
    ],
)
def test_refuses_anything_else_without_telling_it(secret: str) -> None:
    with pytest.raises(WebhookSecretError) as refusal:
        webhook_url(secret)
    assert "SECRET" not in str(refusal.value)


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        *((status, "accepted") for status in (200, 204)),
        *((status, "passing") for status in (408, 429, 500, 502, 503, 504)),
        *((status, "rejected") for status in (301, 302, 400, 403, 404, 410)),
    ],
)
def test_knows_what_an_answer_means(status: int, meaning: str) -> None:
    assert outcome(status) == meaning


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (429, "1", 1.0),
        (429, "0", 0.0),
        (429, "3", 3.0),
        (429, "4", None),
        (429, "", None),
        (429, "-1", None),
        (429, "Wed, 21 Oct 2026 07:28:00 GMT", None),
        (429, "9" * 5000, None),
        (503, "1", None),
    ],
)
def test_waits_only_briefly_and_only_when_asked(status: int, retry_after: str, seconds: float | None) -> None:
    assert pause(status, retry_after, at_most=3.0) == seconds


def test_says_once_a_day_that_slack_gets_nothing() -> None:
    missed = alert_of_event("lost")
    morning = rejection_alert(missed, "HTTP 404 no_service", datetime(2026, 5, 1, 6, tzinfo=UTC))
    evening = rejection_alert(
        replace(missed, id="another"), "HTTP 404 no_service", datetime(2026, 5, 1, 22, tzinfo=UTC)
    )
    tomorrow = rejection_alert(missed, "HTTP 404 no_service", datetime(2026, 5, 2, 6, tzinfo=UTC))
    assert morning.id == evening.id != tomorrow.id
    assert "HTTP 404 no_service" in morning.reason
    assert missed.heading in morning.reason
    assert (morning.kind, morning.severity, morning.state) == ("self", "warning", "raised")
