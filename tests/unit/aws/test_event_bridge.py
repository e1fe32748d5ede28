import json
from datetime import UTC, datetime

import pytest
from botocore.stub import ANY, Stubber

from trimtab.aws import clients
from trimtab.aws.event_bridge import PublishError, publish_findings
from trimtab.findings import Finding, finding_id

pytestmark = pytest.mark.usefixtures("aws")

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)


def finding(number):
    return Finding(
        id=finding_id(str(number)),
        account="123456789012",
        region="eu-west-1",
        time=NOW,
        endpoint="churn",
        variant="v",
        kind="data_quality",
        severity="info",
        state="raised",
        title="t",
        reason="ø",
    )


@pytest.fixture
def stub():
    with Stubber(clients.events()) as stub:
        yield stub
        stub.assert_no_pending_responses()


def taken(count, *refused):
    entries = [{"EventId": str(i)} for i in range(count - len(refused))]
    entries += [{"ErrorCode": code, "ErrorMessage": "why"} for code in refused]
    return {"FailedEntryCount": len(refused), "Entries": entries}


def test_a_finding_is_an_event(stub):
    entry = {
        "Source": "trimtab",
        "DetailType": "Data Quality",
        "Detail": finding(1).model_dump_json(),
        "EventBusName": "findings",
        "Time": NOW,
    }
    stub.add_response("put_events", taken(1), {"Entries": [entry]})
    publish_findings("findings", [finding(1)])
    assert json.loads(entry["Detail"])["reason"] == "ø"


def test_ten_go_at_once(monkeypatch):
    sent = []

    def take(**request):
        sent.append(request["Entries"])
        return taken(len(request["Entries"]))

    monkeypatch.setattr(clients.events(), "put_events", take)
    publish_findings("findings", (finding(i) for i in range(23)))
    assert [len(entries) for entries in sent] == [10, 10, 3]
    ids = [json.loads(entry["Detail"])["id"] for entries in sent for entry in entries]
    assert ids == [finding(i).id for i in range(23)]


@pytest.mark.usefixtures("stub")
def test_nothing_is_sent_without_findings():
    publish_findings("findings", [])


def test_a_refused_entry_is_an_error(stub):
    stub.add_response("put_events", taken(3, "ThrottlingException"), {"Entries": ANY})
    with pytest.raises(PublishError, match="1 of 3: ThrottlingException why"):
        publish_findings("findings", map(finding, range(3)))
