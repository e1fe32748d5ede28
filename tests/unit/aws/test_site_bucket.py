from datetime import UTC, datetime

import pytest

from trimtab.aws import clients, s3, site_bucket

DAY = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _aws(aws):
    pass


def test_a_finding_that_is_kept_stays_as_it_is():
    for title in ("first", "second"):
        site_bucket.keep_finding("state", "churn", "2026-11-20", "f1", {"title": title})
    [key] = site_bucket.finding_keys("state", "churn", DAY)
    assert key == "findings/churn/2026-11-20/f1.json"
    assert site_bucket.read_findings("state", [key]) == [{"title": "first"}]
    assert site_bucket.folders_with_findings("state") == ["churn"]


def test_findings_are_listed_from_a_day_on_and_of_one_endpoint():
    for folder, day in (("churn", "2026-11-19"), ("churn", "2026-11-21"), ("churn2", "2026-11-21")):
        site_bucket.keep_finding("state", folder, day, "f", {})
    assert site_bucket.finding_keys("state", "churn", DAY) == ["findings/churn/2026-11-21/f.json"]


def test_rows_are_replaced_only_by_who_read_the_last_ones():
    assert site_bucket.read_fleet("state") == ({}, "")
    first = site_bucket.replace_fleet("state", {"n": 1}, "")
    assert site_bucket.replace_fleet("state", {"n": 2}, "") is None
    assert site_bucket.read_fleet("state") == ({"n": 1}, first)
    second = site_bucket.replace_fleet("state", {"n": 2}, first)
    assert site_bucket.replace_fleet("state", {"n": 3}, first) is None
    assert site_bucket.read_fleet("state") == ({"n": 2}, second)


def test_an_object_that_was_deleted_meanwhile_is_not_made_again():
    site_bucket.replace_fleet("state", {}, "")
    _, etag = site_bucket.read_fleet("state")
    clients.s3().delete_object(Bucket="state", Key=site_bucket.FLEET)
    assert site_bucket.replace_fleet("state", {}, etag) is None


def test_only_reports_are_listed_as_reports():
    for key in ("reports/a/v/2026-11-20T00/drift.html", "reports/a/v/2026-11-20T00/numbers.json"):
        s3.write_object("state", key, b"")
    assert site_bucket.report_keys("state", "a") == ["reports/a/v/2026-11-20T00/drift.html"]
