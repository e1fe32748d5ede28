import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.alerts.event import alert_of_event

EVENTS = Path(__file__).parents[3] / "events" / "send_alert"


def body(name: str, record: int = 0) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())["Records"][record]["body"]


def changed(**fields: Any) -> str:
    event = json.loads(body("drift_raised"))
    event["detail"] |= fields
    return json.dumps(event)


def test_reads_a_finding_wholly() -> None:
    alert = alert_of_event(body("drift_raised"))
    assert alert.heading == "Drift on car-loan/AllTraffic: 4 of 9 columns moved"
    assert (alert.unread, alert.raw) == ("", "")
    assert dict(alert.facts)["Window"] == "2026-05-01 06:00 to 12:00 UTC (6 h)"
    assert dict(alert.facts)["Rows"] == "1,042 against 50,000 of the reference"
    assert alert.columns is not None
    assert [row[0] for row in alert.columns.rows] == [
        "loan_length",
        "salary_range",
        "car_value",
        "debt_to_income_ratio",
    ]


def test_leaves_out_what_a_newer_version_added_and_says_so() -> None:
    newer, today = alert_of_event(body("finding_from_newer_version")), alert_of_event(body("drift_raised"))
    assert newer.unread == "version, action.run, confidence"
    assert newer.facts == today.facts
    assert newer.columns == today.columns
    assert newer.severity == "critical"


@pytest.mark.parametrize(
    ("fields", "unread"),
    [
        ({"action": "none"}, "action"),
        ({"action": {"name": "x", "mode": "dare", "outcome": "y", "by": 1}}, "action.mode, action.by"),
        ({"evidence": [1, 2]}, "evidence"),
        ({"links": {"report": 7}}, "links.report"),
        ({"version": 2}, "version"),
        ({"title": "long " * 100}, "title"),
    ],
)
def test_does_without_what_a_message_can_do_without(fields: dict[str, Any], unread: str) -> None:
    alert = alert_of_event(changed(**fields))
    assert alert.unread == unread
    assert alert.severity == "critical"
    assert alert.raw == ""


@pytest.mark.parametrize("fields", [{"kind": "fleet"}, {"severity": "fatal"}, {"state": "muted"}, {"time": "noon"}])
def test_passes_on_as_it_came_what_it_cannot_read(fields: dict[str, Any]) -> None:
    text = changed(**fields)
    alert = alert_of_event(text)
    (field,) = fields
    assert alert.unread.startswith(f"{field}: ")
    assert alert.raw == text
    assert alert.heading.endswith(f": {json.loads(text)['detail']['title']}")
    assert alert.endpoint == "car-loan"
    assert alert.severity == ("warning" if field == "severity" else "critical")


@pytest.mark.parametrize("text", ["", "lost", "[]", "7", "null", "{}", '{"detail": null}', '{"detail": []}', "\ud800"])
def test_tells_also_what_is_no_finding_at_all(text: str) -> None:
    alert = alert_of_event(text)
    assert alert.severity == "warning"
    assert alert.kind == "unreadable"
    assert alert.unread
    assert alert.id == alert_of_event(text).id != alert_of_event(text + " ").id


def test_evidence_of_another_shape_is_told_as_its_values() -> None:
    alert = alert_of_event(changed(evidence={"rows_seen": 12345, "ok": False, "share": 0.123456, "deep": {"a": 1}}))
    assert dict(alert.facts).items() >= {("Rows seen", "12,345"), ("Ok", "no"), ("Share", "0.1235")}
    assert "Deep" not in dict(alert.facts)
    assert alert.columns is None


@pytest.mark.parametrize(
    ("fields", "heading"),
    [
        ({"title": "Drift on car-loan is over"}, "Drift on car-loan is over"),
        ({"title": "2 moved"}, "Drift raised on car-loan/AllTraffic: 2 moved"),
        ({"title": "2 moved", "state": "continued"}, "Drift continues on car-loan/AllTraffic: 2 moved"),
        ({"title": "quiet", "state": "cleared", "variant": ""}, "Drift cleared on car-loan: quiet"),
        ({"title": "too dear", "kind": "cost"}, "Cost on car-loan/AllTraffic: too dear"),
        ({"title": "queue is late", "kind": "self", "endpoint": "", "variant": ""}, "Trimtab health: queue is late"),
        ({"title": " "}, "Drift raised on car-loan/AllTraffic"),
    ],
)
def test_a_heading_says_where_whatever_the_title_says(fields: dict[str, str], heading: str) -> None:
    assert alert_of_event(changed(**fields)).heading == heading


def test_counts_the_values_that_it_does_not_show() -> None:
    facts = alert_of_event(changed(kind="cost", action=None, evidence={f"v{n}": n for n in range(15)})).facts
    assert facts[-2:] == (("V11", "11"), ("And", "3 more values in the finding"))


def test_shows_the_ten_worst_columns_and_counts_the_rest() -> None:
    columns = {f"c{n}": {"psi": n / 10, "verdict": "WARN" if n % 2 else "ALERT"} for n in range(25)}
    evidence = json.loads(body("drift_raised"))["detail"]["evidence"] | {"columns": columns}
    shown = alert_of_event(changed(evidence=evidence)).columns
    assert shown is not None
    assert [row[0] for row in shown.rows] == ["c24", "c22", "c20", "c18", "c16", "c14", "c12", "c10", "c8", "c6"]
    assert shown.more == 15


def test_shows_the_largest_columns_when_none_moved() -> None:
    shown = alert_of_event(body("drift_cleared")).columns
    assert shown is not None
    assert (len(shown.rows), shown.moved, shown.more) == (3, False, 0)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)


@given(JSON)
def test_makes_an_alert_of_any_event(anything: Any) -> None:
    assert alert_of_event(json.dumps({"detail": anything})).id


@given(st.sampled_from(list(json.loads(body("drift_raised"))["detail"])), JSON)
def test_makes_an_alert_of_a_finding_with_any_one_field(field: str, value: Any) -> None:
    alert = alert_of_event(changed(**{field: value}))
    assert alert.heading


@given(st.text(st.characters()))
def test_makes_an_alert_of_any_text(text: str) -> None:
    assert alert_of_event(text).unread
