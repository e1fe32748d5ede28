from dataclasses import replace

import pytest

from trimtab.alerts.alert import Alert
from trimtab.alerts.event import alert_of_event
from trimtab.alerts.slack_message import TOTAL_LENGTH, slack_message
from trimtab.alerts.web_links import with_web_links

REPORT = "reports/churn/AllTraffic/2026-05-01T06/drift.html"


def with_links(*links: tuple[str, str]) -> Alert:
    return replace(alert_of_event("{}"), links=links)


def sign(key: str) -> str:
    return f"https://signed/{key}"


def test_a_page_in_the_state_bucket_is_linked_by_a_signed_address_with_its_own_beside_it() -> None:
    alert = with_web_links(with_links(("report", f"s3://state/{REPORT}")), "state", sign)
    assert alert.links == (("report", f"https://signed/{REPORT}"), ("report in S3", f"s3://state/{REPORT}"))


@pytest.mark.parametrize(
    "target",
    [
        "s3://state/windows/churn/AllTraffic/2026-05-01T06.json",
        f"s3://another/{REPORT}",
        f"s3://state-2/{REPORT}",
        f"https://state/{REPORT}",
        "docs/drift.md",
        "s3://state/reports",
    ],
)
def test_nothing_else_is_signed(target: str) -> None:
    alert = with_links(("link", target))
    assert with_web_links(alert, "state", sign) == alert


def test_slack_takes_long_signed_links_with_as_much_text_as_there_may_be() -> None:
    pages = [(f"page {n}", f"s3://state/site/{n}{'a' * 380}") for n in range(4)]
    alert = with_web_links(with_links(*pages), "state", lambda key: f"https://signed/{key}?{'t' * 1700}")
    texts = [block["text"]["text"] for block in slack_message(alert)["blocks"] if block["type"] == "section"]
    assert all(len(text) <= 3000 for text in texts)
    assert [text for text in texts if text.startswith("<https://signed/site/0")]
    assert sum(map(len, texts)) <= TOTAL_LENGTH
    assert "page 1: too long for Slack, see the mail" in "\n".join(texts)
