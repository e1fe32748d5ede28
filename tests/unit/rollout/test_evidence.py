import json
from datetime import UTC, datetime, timedelta

from trimtab.rollout.ending import end, roll_back
from trimtab.rollout.evidence import judgement_document, refusal_finding, rollout_findings
from trimtab.rollout.judgement import judge
from trimtab.rollout.request import parse_request
from trimtab.rollout.series import Arm, Minute, Series
from trimtab.rollout.state import Before, Phase, Rollout, ShareTaken
from trimtab.rollout.thresholds import CanaryThresholds

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def rollout():
    begun = Rollout(
        id="1f2e",
        request=parse_request({"endpoint": "churn", "model": "v2", "by": "anna"}),
        variant="AllTraffic",
        model="v2",
        phase_since=NOW,
        started=NOW,
        thresholds=CanaryThresholds(),
        latency_ms=None,
        error_metric="InvocationModelErrors",
        before=Before(config="old", document={}, weight=1.0, instances=1),
        ladder=(ShareTaken(step=0, share=0.1, since=NOW + timedelta(minutes=4)),),
    ).noted("started", NOW, "v2 is to take AllTraffic's place", "anna")
    begun = begun.noted("smoke_passed", NOW, "fine")
    harmed = roll_back(begun, "harm", NOW + timedelta(minutes=9), evidence={"ln_e_harm": 7.0})
    return end(harmed, Phase.ROLLED_BACK, "harm", NOW + timedelta(minutes=12))


def test_each_entry_is_a_finding_that_says_who_what_why_and_the_numbers():
    findings = rollout_findings(rollout(), "123456789012", "eu-west-1", "s3://state/rollouts/churn/1f2e.json")
    assert [(each.evidence["event"], each.severity, each.state) for each in findings] == [
        ("started", "info", "raised"),
        ("rolling_back", "critical", "raised"),
        ("rolled_back", "warning", "cleared"),
    ]
    back = findings[1]
    assert (back.kind, back.variant, back.reason) == ("canary", "Canary", "harm")
    assert back.evidence["by"] == "anna"
    assert back.evidence["numbers"] == {"ln_e_harm": 7.0}
    assert back.evidence["before"] == {"config": "old", "weight": 1.0}
    assert back.evidence["ladder"] == [[4.0, 0.1]]
    assert (back.action.name, back.action.mode) == ("roll_back", "act")
    assert back.links == {"record": "s3://state/rollouts/churn/1f2e.json"}


def test_findings_keep_their_ids_however_often_they_are_made():
    first, again = (rollout_findings(rollout(), "1", "r", "s3://x") for _ in range(2))
    assert [each.id for each in first] == [each.id for each in again]
    assert len({each.id for each in first}) == len(first)
    told = rollout().changed(recorded=3)
    assert [each.id for each in rollout_findings(told, "1", "r", "s3://x")] == [first[-1].id]


def test_a_judgement_is_plain_json():
    minute = Minute(NOW, Arm(100, 1), Arm(900, 9))
    document = judgement_document(judge(Series((minute,), NOW), CanaryThresholds(), NOW + timedelta(minutes=4)))
    assert json.loads(json.dumps(document)) == document
    assert (document["decision"], document["canary_requests"]) == ("HOLD", 100)


def test_a_refusal_says_what_was_asked_for():
    finding = refusal_finding("1", "r", "churn", "event", "no", NOW, {"endpoint": "churn"})
    assert (finding.severity, finding.reason) == ("warning", "no")
    assert finding.evidence == {"request": {"endpoint": "churn"}}
