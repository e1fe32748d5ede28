"""Whatever the finding: the messages keep to the limits of SNS and Slack."""

import json
from datetime import datetime
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trimtab.alerts.alert import alert_of
from trimtab.alerts.slack_message import TOTAL_LENGTH, slack_message
from trimtab.alerts.sns_message import sns_message
from trimtab.findings import Action, Finding, Kind, Severity, State

WORDS = st.text(max_size=30)
# Texts far beyond any limit, made cheaply.
LONG = st.builds(lambda part, times: part * times, st.text(max_size=20), st.sampled_from([1, 1, 30, 3000]))
ODD_LONG = st.builds(
    lambda part, times: part * times,
    st.sampled_from(["<&>", '`|"\\', "\ud800", "𐐷 ", "a\nb"]),
    st.sampled_from([1, 9000]),
)
TEXT = WORDS | LONG | ODD_LONG.map(lambda text: text.replace("\ud800", "\t"))
TIMES = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)).map(lambda time: f"{time.isoformat()}Z")  # noqa: DTZ001
NUMBERS = st.floats() | st.integers(-(10**30), 10**30)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXT | ODD_LONG

COLUMNS = st.dictionaries(
    TEXT,
    st.fixed_dictionaries(
        {"psi": st.none() | NUMBERS, "verdict": st.sampled_from(["ALERT", "WARN", "OK"]) | TEXT},
        optional={"reason": TEXT, "missing": st.tuples(NUMBERS, NUMBERS), "unseen": NUMBERS},
    ),
    max_size=14,
)
DRIFT = st.fixed_dictionaries(
    {
        "window": st.fixed_dictionaries({"start": TIMES, "end": TIMES, "rows": st.integers(0, 10**12)}),
        "verdict": st.sampled_from(["ALERT", "WARN", "OK", "INSUFFICIENT_DATA"]) | TEXT,
        "columns": COLUMNS,
    },
    optional={
        "since": TIMES,
        "reference": st.fixed_dictionaries({"source": TEXT, "rows": st.integers()}),
        "thresholds": st.fixed_dictionaries({"psi": NUMBERS}),
        "windows_alerting": TEXT,
    },
)
ANY_EVIDENCE = st.dictionaries(TEXT, SCALARS | st.lists(SCALARS, max_size=2), max_size=20)

FINDINGS = st.builds(
    Finding,
    id=TEXT,
    account=TEXT,
    region=TEXT,
    time=TIMES,
    endpoint=TEXT,
    variant=TEXT,
    kind=st.sampled_from(get_args(Kind)),
    severity=st.sampled_from(get_args(Severity)),
    state=st.sampled_from(get_args(State)),
    title=TEXT.map(lambda text: text[:200]),
    reason=TEXT,
    action=st.none() | st.builds(Action, name=TEXT, mode=st.just("act"), outcome=TEXT),
    evidence=DRIFT | ANY_EVIDENCE,
    links=st.dictionaries(TEXT, TEXT | TEXT.map(lambda text: f"https://{text}"), max_size=9),
)
SOME = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


@SOME
@given(FINDINGS)
def test_sns_takes_any_finding(finding: Finding) -> None:
    message = sns_message(alert_of(finding, unread=finding.reason, raw=finding.reason))
    assert 0 < len(message.subject) < 100
    assert all(" " <= character <= "~" for character in message.subject)
    assert message.subject[0] == "["
    assert all(message.attributes.values())
    everything = [message.body, *message.attributes, *message.attributes.values(), "String" * 7]
    assert sum(len(text.encode()) for text in everything) <= 262_144
    assert message.attributes["severity"] == finding.severity


@SOME
@given(FINDINGS)
def test_slack_takes_any_finding(finding: Finding) -> None:
    payload = slack_message(alert_of(finding, unread=finding.reason, raw=finding.reason))
    blocks: list[dict[str, Any]] = list(payload["blocks"])
    assert 0 < len(blocks) <= 50
    assert 0 < len(payload["text"]) <= 4000
    total = 0
    for block in blocks:
        texts = [*block.get("fields", []), *block.get("elements", []), *([block["text"]] if "text" in block else [])]
        assert texts
        assert len(block.get("fields", [])) <= 10
        limit = {"header": 150, "section": 2000 if "fields" in block else 3000, "context": 2000}[block["type"]]
        for text in texts:
            assert 0 < len(text["text"]) <= limit
            total += len(text["text"])
    assert total <= TOTAL_LENGTH
    json.dumps(payload, ensure_ascii=False).encode()


@SOME
@given(FINDINGS)
def test_slack_gets_no_control_characters_of_ours(finding: Finding) -> None:
    payload = slack_message(alert_of(finding, raw=finding.reason))
    for block in payload["blocks"]:
        for text in [
            *block.get("fields", []),
            *block.get("elements", []),
            *([block["text"]] if "text" in block else []),
        ]:
            bare = text["text"].replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
            assert "&" not in bare
            if text["type"] == "plain_text":
                assert "<" not in bare
                assert ">" not in bare
            else:
                assert all(part.startswith(("https://", "http://")) for part in bare.split("<")[1:])
