import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.alerts.event import alert_of_event
from trimtab.alerts.slack_message import escaped, slack_message

EVENTS = Path(__file__).parents[3] / "events" / "send_alert"


def header(name: str) -> Any:
    body = json.loads((EVENTS / f"{name}.json").read_text())["Records"][0]["body"]
    return slack_message(alert_of_event(body))["blocks"][0]["text"]["text"]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ("drift_raised", "🔴 Drift on car-loan/AllTraffic: 4 of 9 columns moved"),
        ("drift_continued", "🟠🔁 Drift on car-loan/AllTraffic lasts: 4 of 9 columns moved"),
        ("drift_cleared", "✅ Drift on car-loan/AllTraffic is over"),
        ("settings_refused", "🟠 Settings of car-loan cannot be used"),
        ("reference_made", "🔵 Reference of car-loan: 50,000 rows"),
    ],
)
def test_severity_and_state_are_seen_at_a_glance(event: str, text: str) -> None:
    assert header(event) == text


def test_drift_reads_as_it_should() -> None:
    body = json.loads((EVENTS / "drift_raised.json").read_text())["Records"][0]["body"]
    payload = slack_message(alert_of_event(body))
    assert payload["text"] == "🔴 [CRITICAL] Drift on car-loan/AllTraffic: 4 of 9 columns moved"
    assert [block["type"] for block in payload["blocks"]] == ["header", *["section"] * 5, "context"]
    assert {"type": "plain_text", "text": "Window\n2026-05-01 06:00 to 12:00 UTC (6 h)", "emoji": True} in payload[
        "blocks"
    ][2]["fields"]
    assert payload["blocks"][3]["text"]["text"] == (
        "*Columns that moved most*\n"
        "```column                  PSI  threshold  verdict\n"
        "loan_length           0.831        0.1  ALERT\n"
        "salary_range          0.413        0.1  ALERT\n"
        "car_value             0.235        0.1  ALERT\n"
        "debt_to_income_ratio  0.079        0.1  WARN```"
    )
    assert payload["blocks"][5]["text"]["text"].endswith("\n<https://example.com/runbooks/drift|runbook>")


@given(st.text(), st.integers(1, 60))
def test_escapes_and_never_cuts_an_entity(text: str, limit: int) -> None:
    result = escaped(text, limit)
    assert len(result) <= limit
    bare = result.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
    assert not set("&<>") & set(bare)


def test_nobody_is_called_by_a_column_name() -> None:
    assert escaped("<!channel> & <@U1>", 99) == "&lt;!channel&gt; &amp; &lt;@U1&gt;"
