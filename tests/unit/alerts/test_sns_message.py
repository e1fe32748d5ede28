import json
from pathlib import Path

import pytest

from trimtab.alerts.event import alert_of_event
from trimtab.alerts.sns_message import WIDTH, SnsMessage, sns_message

EVENTS = Path(__file__).parents[3] / "events" / "send_alert"

DRIFT_RAISED = """\
CRITICAL  Drift on car-loan/AllTraffic: 4 of 9 columns moved

4 of 9 columns moved in 1,042 rows against 50,000: loan_length: PSI 0.831
(0.823 without chance), certainly more than 0.1 (p 1.2e-41); salary_range:
PSI 0.413 (0.405 without chance), certainly more than 0.1 (p 3.1e-18);
car_value: PSI 0.235 (0.227 without chance), certainly more than 0.1 (p
1.0e-06); and 1 more

  Endpoint   car-loan, variant AllTraffic
  Account    123456789012, eu-west-1
  Found      2026-05-01 12:15 UTC
  Verdict    ALERT (2 of 3 windows alert)
  Window     2026-05-01 06:00 to 12:00 UTC (6 h)
  Since      2026-05-01 00:00 UTC
  Rows       1,042 against 50,000 of the reference
  Reference  s3://trimtab-state-123456789012-eu-west-1/references/car-loan/current.json
  Action     start_retraining (observe): not started, the mode is observe

Columns that moved most

  column                  PSI  threshold  verdict
  loan_length           0.831        0.1  ALERT
      PSI 0.831 (0.823 without chance), certainly more than 0.1 (p 1.2e-41)
  salary_range          0.413        0.1  ALERT
      PSI 0.413 (0.405 without chance), certainly more than 0.1 (p 3.1e-18)
  car_value             0.235        0.1  ALERT
      PSI 0.235 (0.227 without chance), certainly more than 0.1 (p 1.0e-06)
  debt_to_income_ratio  0.079        0.1  WARN
      PSI 0.0791 (0.0711 without chance), not by chance (p 2.3e-06) but
      maybe less than 0.1

What to do next

  1. Look at these columns where the data comes from: a changed unit, a new
     category, a failed join or missing values are repaired there, not by
     retraining.
  2. If the world itself changed, measure the model on recent labelled rows
     before you retrain.
  3. If the model serves the new data well, make a recent window the
     reference.

Links
  verdict: s3://trimtab-state-123456789012-eu-west-1/windows/car-loan/AllTraffic/2026-05-01T06.json
  runbook: https://example.com/runbooks/drift

--
Trimtab, finding 8109fbee7cc9aec3ddaef86a3897a2e064db36773274aa2238486f472cb32e5c
"""

SETTINGS_REFUSED = """\
WARNING  Settings of car-loan cannot be used

Parameter /trimtab/endpoints/car-loan: drift.psi: Input should be greater
than 0. The endpoint keeps its last good settings.

  Endpoint   car-loan
  Account    123456789012, eu-west-1
  Found      2026-05-01 13:00 UTC
  Parameter  /trimtab/endpoints/car-loan
  Problem    drift.psi: Input should be greater than 0

What to do next

  Correct the setting named above. Until then the last good settings stay in
  force.

--
Trimtab, finding a5bb3f6fb547043b22da752d8e3fb267682bc536f4763cb5cecde37dfa3104d6
"""


def message(name: str) -> SnsMessage:
    return sns_message(alert_of_event(json.loads((EVENTS / f"{name}.json").read_text())["Records"][0]["body"]))


@pytest.mark.parametrize(("name", "body"), [("drift_raised", DRIFT_RAISED), ("settings_refused", SETTINGS_REFUSED)])
def test_reads_as_it_should(name: str, body: str) -> None:
    assert message(name).body == body


@pytest.mark.parametrize(
    ("name", "subject"),
    [
        ("drift_raised", "[CRITICAL] Drift on car-loan/AllTraffic: 4 of 9 columns moved"),
        ("drift_continued", "[WARNING] Drift on car-loan/AllTraffic lasts: 4 of 9 columns moved"),
        ("drift_cleared", "[RESOLVED] Drift on car-loan/AllTraffic is over"),
        ("settings_refused", "[WARNING] Settings of car-loan cannot be used"),
        ("reference_made", "[INFO] Reference of car-loan: 50,000 rows"),
        (
            "captures_silent",
            "[WARNING] Data quality on car-loan/AllTraffic: no captures for 3 hours while requests come in",
        ),
    ],
)
def test_the_subject_says_what_where_and_how_bad(name: str, subject: str) -> None:
    assert message(name).subject == subject


def test_subscribers_can_filter() -> None:
    assert message("drift_raised").attributes == {
        "severity": "critical",
        "endpoint": "car-loan",
        "variant": "AllTraffic",
        "kind": "drift",
        "state": "raised",
        "account": "123456789012",
        "region": "eu-west-1",
    }
    assert "variant" not in message("settings_refused").attributes


@pytest.mark.parametrize("name", [path.stem for path in EVENTS.glob("*.json")])
def test_lines_fit_a_mail_client_save_for_addresses(name: str) -> None:
    long = [line for line in message(name).body.splitlines() if len(line) > WIDTH]
    assert all("://" in line or line.startswith("Trimtab, finding") for line in long)


def test_what_cannot_be_read_is_passed_on_whole() -> None:
    unreadable = sns_message(alert_of_event('{"detail": {"kind": "fleet"}}'))
    assert unreadable.subject == "[WARNING] Trimtab received a finding that it cannot read"
    assert '\nAs it was received\n\n{"detail": {"kind": "fleet"}}\n' in unreadable.body
