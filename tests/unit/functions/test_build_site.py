import json
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest

from functions.build_site import app
from tests.unit.pages.reading import assert_sound
from tests.unit.pages.sample_fleet import judged
from trimtab.aws import cost_documents, site_bucket, state_bucket
from trimtab.aws.state_table import StateDocument, write_state
from trimtab.findings import Origin, finding_about

EVENTS = Path(__file__).parents[3] / "events" / "build_site"
HOUR = timedelta(hours=1)
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def site(stack):
    """The state bucket as plain functions."""

    class Site:
        bucket = stack.state
        table = stack.table
        s3 = boto3.client("s3")

        def put(self, key, body=b"{}"):
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=body)

        def text(self, key):
            return self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read().decode()

        def keys(self, prefix):
            listed = self.s3.list_objects_v2(Bucket=self.bucket, Prefix=prefix).get("Contents", [])
            return [each["Key"] for each in listed]

        def rows(self):
            return json.loads(self.text("site/fleet.json"))["rows"]

        def page(self, address):
            return assert_sound(self.text(f"site/{address}"))

        def captured(self, endpoint):
            self.put(f"profiles/{endpoint}/AllTraffic/2026/11/20/08/sketch/b.10.pack")

        def drifts(self, endpoint):
            """The endpoint's last window, judged just now, and what it was compared with."""
            variant = judged(windows=3, drift_from=1)
            start = NOW - 12 * HOUR
            moved = {"start": start.isoformat(), "end": NOW.isoformat(), "rows": 1200, "hours": 12}
            state_bucket.create_reference(self.bucket, endpoint, variant.reference)
            document = variant.window | {"window": moved, "since": start.isoformat()}
            state_bucket.write_window(self.bucket, endpoint, "AllTraffic", start, document)
            self.captured(endpoint)

    return Site()


def message(finding, number=1):
    event = {"source": "trimtab", "detail-type": "Drift", "detail": finding}
    return {
        "messageId": f"m{number}",
        "body": json.dumps(event, default=str),
        "attributes": {"SentTimestamp": str(int(NOW.timestamp() * 1000))},
    }


def found(endpoint, fact="1", title="it moved", at=NOW):
    made = finding_about(
        Origin("123456789012", "eu-west-1", endpoint, "AllTraffic"), at, (fact,), kind="drift", severity="critical",
        state="raised", title=f"{endpoint}: {title} {fact}", reason="so it is", evidence={},
    )  # fmt: skip
    return made.model_dump(mode="json")


def by_schedule(context):
    return app.lambda_handler(json.loads((EVENTS / "hour_passed.json").read_text()), context)


def test_an_hour_builds_the_pages_of_everything_that_is_stored(site, context):
    site.captured("only-captured")
    site.drifts("drifting")
    cost_documents.write_summary(
        site.bucket, {"endpoints": {"only-billed": {"month": {}, "anomaly": {}, "ended": None}}}
    )
    assert by_schedule(context) == {"endpoints": 3}
    assert site.keys("site/endpoints/") == [
        f"site/endpoints/{name}.html" for name in ("drifting", "only-billed", "only-captured")
    ]
    page = site.page("endpoints/drifting.html")
    assert "columns moved" in page.text
    assert "Shares of amount" in page.text  # distributions from the reference and the window's counts
    assert "no verdict yet" in site.page("endpoints/only-captured.html").text
    assert [each["href"] for each in site.page("index.html").all("a")][1:4] == [
        "endpoints/drifting.html", "endpoints/only-billed.html", "endpoints/only-captured.html",
    ]  # fmt: skip
    assert site.text("site/metrics.txt").endswith("# EOF\n")
    assert 'endpoint="drifting"' in site.text("site/metrics.txt")


def test_pages_are_served_as_html(site, context):
    site.captured("a")
    by_schedule(context)
    for key in ("site/index.html", "site/endpoints/a.html"):
        head = site.s3.head_object(Bucket=site.bucket, Key=key)
        assert head["ContentType"] == "text/html; charset=utf-8"


def test_a_finding_is_kept_once_and_shown_on_its_page_the_endpoints_and_the_overview(site, context):
    event = json.loads((EVENTS / "drift_raised.json").read_text())
    [record] = event["Records"]
    body = json.loads(record["body"])
    detail = body["detail"]
    detail["time"] = detail["evidence"]["window"]["end"] = NOW.isoformat()
    record["body"] = json.dumps(body)
    for _ in range(2):
        assert app.lambda_handler(event, context) == {"batchItemFailures": []}
    assert site.keys("findings/") == [f"findings/car-loan/{NOW:%Y-%m-%d}/{detail['id']}.json"]
    assert "loan_length" in site.page(f"findings/{detail['id']}.html").text
    assert detail["title"] in site.page("endpoints/car-loan.html").texts
    assert site.rows().keys() == {"car-loan"}
    assert detail["title"] in site.page("index.html").texts


def test_a_finding_from_a_newer_version_is_shown(site, context):
    app.lambda_handler(json.loads((EVENTS / "finding_from_newer_version.json").read_text()), context)
    [key] = site.keys("site/findings/")
    site.page(key.removeprefix("site/"))


def test_what_is_no_finding_is_kept_as_it_came(site, context):
    garbage = [
        {"messageId": str(number), "body": body, "attributes": {"SentTimestamp": "1763900000000"}}
        for number, body in enumerate(
            ["no json", "[]", '{"detail": 7}', '{"detail": {"endpoint": "../../x", "id": "../y"}}']
        )
    ]
    for _ in range(2):
        assert app.lambda_handler({"Records": garbage}, context) == {"batchItemFailures": []}
    assert len(site.keys("findings/_account/")) == len(site.keys("site/findings/")) == 4
    assert len(site.keys("findings/")) == 4
    assert "no json" in " ".join(site.text(key) for key in site.keys("site/findings/"))


def test_a_finding_builds_only_the_pages_that_it_concerns(site, context):
    site.captured("a")
    site.captured("b")
    by_schedule(context)
    before = {
        key: site.s3.head_object(Bucket=site.bucket, Key=key)["LastModified"] for key in site.keys("site/endpoints/b")
    }
    site.put("site/endpoints/b.html", b"untouched")
    app.lambda_handler({"Records": [message(found("a"))]}, context)
    assert before
    assert site.text("site/endpoints/b.html") == "untouched"
    assert site.rows().keys() == {"a", "b"}
    assert "a: it moved 1" in site.page("index.html").text


def test_one_endpoint_that_cannot_be_read_stops_no_other_and_keeps_its_row(site, context):
    for name in ("broken", "sound"):
        site.drifts(name)
    by_schedule(context)
    site.put("references/broken/current.json", b"no reference")
    with pytest.raises(app.PagesFailedError, match=r"not built: broken; built: 1"):
        by_schedule(context)
    assert site.rows().keys() == {"broken", "sound"}
    answer = app.lambda_handler({"Records": [message(found("broken"), 1), message(found("sound"), 2)]}, context)
    assert answer == {"batchItemFailures": [{"itemIdentifier": "m1"}]}
    assert len(site.keys("findings/broken/")) == 1  # kept, though its page has to wait


def test_an_endpoint_that_nothing_is_known_of_any_more_leaves_the_overview(site, context):
    site.captured("gone")
    by_schedule(context)
    site.s3.delete_object(Bucket=site.bucket, Key=site.keys("profiles/gone/")[0])
    site.captured("here")
    by_schedule(context)
    assert site.rows().keys() == {"here"}


def test_a_finding_that_comes_while_its_page_is_built_is_on_it(site, context, monkeypatch):
    written = Counter()

    def write_page(bucket, address, html, write=site_bucket.write_page):
        written[address] += 1
        if address == "endpoints/a.html" and written[address] == 1:
            late = found("a", "2")
            site_bucket.keep_finding(bucket, "a", f"{NOW:%Y-%m-%d}", late["id"], late)
        write(bucket, address, html)

    monkeypatch.setattr(site_bucket, "write_page", write_page)
    app.lambda_handler({"Records": [message(found("a", "1"))]}, context)
    assert written["endpoints/a.html"] == 2
    assert {"a: it moved 1", "a: it moved 2"} <= set(site.page("endpoints/a.html").texts)


def test_rows_that_another_run_writes_meanwhile_are_not_lost(site, context, monkeypatch):
    site.captured("a")
    by_schedule(context)
    raced = []

    def replace_fleet(bucket, document, etag, replace=site_bucket.replace_fleet):
        if not raced:
            raced.append(True)
            app.lambda_handler({"Records": [message(found("other"))]}, context)
        return replace(bucket, document, etag)

    monkeypatch.setattr(site_bucket, "replace_fleet", replace_fleet)
    app.lambda_handler({"Records": [message(found("a"))]}, context)
    assert site.rows().keys() == {"a", "other"}
    assert {"a: it moved 1", "other: it moved 1"} <= set(site.page("index.html").texts)


def test_an_overview_written_from_older_rows_is_written_again(site, context, monkeypatch):
    raced = []

    def write_page(bucket, address, html, write=site_bucket.write_page):
        if address == "index.html" and not raced:
            raced.append(True)
            app.lambda_handler({"Records": [message(found("other"))]}, context)
        write(bucket, address, html)

    monkeypatch.setattr(site_bucket, "write_page", write_page)
    app.lambda_handler({"Records": [message(found("a"))]}, context)
    assert {"a: it moved 1", "other: it moved 1"} <= set(site.page("index.html").texts)


def test_when_time_runs_out_the_rest_is_named_and_comes_again(site, context):
    site.captured("a")
    context.remaining = (1000,)
    with pytest.raises(app.PagesFailedError, match="not built: a"):
        by_schedule(context)
    assert app.lambda_handler({"Records": [message(found("a"))]}, context)["batchItemFailures"] == [
        {"itemIdentifier": "m1"}
    ]


def test_one_endpoint_can_be_asked_for(site, context):
    for name in ("churn", "other"):
        site.captured(name)
    assert app.lambda_handler(json.loads((EVENTS / "one_endpoint_asked.json").read_text()), context) == {"endpoints": 1}
    assert site.keys("site/endpoints/") == ["site/endpoints/churn.html"]


def test_the_table_tells_of_health_deployments_and_changes(site, context):
    site.captured("a")
    silent = {"state": "raised", "recent": ["ALERT"], "since": NOW.isoformat(), "notified": None}
    health = {"checks": {"capture_silent": silent}, "last_capture": (NOW - 3 * HOUR).isoformat()}
    write_state(site.table, "endpoint#a", "health#AllTraffic", health, StateDocument())
    served = {"served": [{"config": "a-v2", "since": (NOW - HOUR).isoformat()}]}
    write_state(site.table, "good_config", "a", served, StateDocument())
    rollout = {"kind": "rollout", "phase": "baking", "phase_since": NOW.isoformat(), "ladder": [{"share": 0.05}]}
    write_state(site.table, "change", "a", rollout, StateDocument())
    by_schedule(context)
    text = site.page("endpoints/a.html").text
    for told in ("capture silent", "a-v2", "canary 5 %"):
        assert told in text
