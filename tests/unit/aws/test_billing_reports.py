"""Billing reports as Data Exports delivers them."""

import gzip
from datetime import UTC, date, datetime

import pytest

from trimtab.aws import s3
from trimtab.aws.billing_reports import newest_files, read_bills, report_lines

pytestmark = pytest.mark.usefixtures("aws")
BUCKET = "state"


def put(key, text="x"):
    s3.write_object(BUCKET, key, gzip.compress(text.encode()))


def test_files_are_found_by_month_in_either_format():
    for key in (
        "costs/cur/data/BILLING_PERIOD=2026-11/cur-00001.csv.gz",
        "costs/cur/data/BILLING_PERIOD=2026-11/cur-00002.csv.gz",
        "costs/cur/data/BILLING_PERIOD=2026-09/cur-00001.csv.gz",
        "costs/cur/metadata/BILLING_PERIOD=2026-11/cur-Manifest.json",
        "costs/readme.txt",
        "other/data/BILLING_PERIOD=2026-10/o.csv.gz",
    ):
        put(key)
    put("costs/focus/data/billing_period=2026-10/focus-00001.csv.gz")
    found = newest_files(BUCKET, "costs/", ["2026-10", "2026-11"])
    assert {month: sorted(files) for month, files in found.items()} == {
        "2026-10": ["costs/focus/data/billing_period=2026-10/focus-00001.csv.gz"],
        "2026-11": [f"costs/cur/data/BILLING_PERIOD=2026-11/cur-0000{i}.csv.gz" for i in (1, 2)],
    }


def test_of_refreshes_in_folders_of_their_own_the_last_one_counts(monkeypatch):
    keys = [
        f"c/data/BILLING_PERIOD=2026-11/2026-11-0{i}T20:16:37.306Z-e{i}/c-0000{j}.csv.gz"
        for i, j in ("11", "12", "21", "31")
    ]
    moments = dict(zip(keys, (3, 1, 2, 2), strict=True))  # by when they were written, not by name
    monkeypatch.setattr(s3, "list_written", lambda *_: iter(moments.items()))
    [files] = newest_files(BUCKET, "c/", ["2026-11"]).values()
    assert sorted(files) == sorted(key for key in keys if "-e1/" in key)


FOCUS = "ResourceId,ChargePeriodStart,ChargeCategory,BillingCurrency,EffectiveCost\r\n"
CHURN = "arn:aws:sagemaker:eu-west-1:123456789012:endpoint/churn"


def test_a_month_is_the_sum_of_its_files_and_one_that_cannot_be_used_is_named_and_left_out():
    put("new-1.csv.gz", f"{FOCUS}{CHURN},2026-11-03 00:00:00,Usage,USD,2\r\n")
    put("new-2.csv.gz", f"{FOCUS}{CHURN},2026-11-03 00:00:00,Usage,USD,3\r\n")
    put("old-1.csv.gz", f"{FOCUS}{CHURN},2026-10-03 00:00:00,Usage,EUR,3\r\n")
    months = {"2026-11": ("new-1.csv.gz", "new-2.csv.gz"), "2026-10": ("old-1.csv.gz",), "2026-09": ("x.parquet",)}
    files = {month: dict.fromkeys(keys, datetime(2026, 11, 20, tzinfo=UTC)) for month, keys in months.items()}
    bills, problems = read_bills(BUCKET, files, account="123456789012", region="eu-west-1")
    assert {month: bill.usd for month, bill in bills.items()} == {"2026-11": {"churn": {date(2026, 11, 3): 5.0}}}
    assert [problem.split(": ")[0] for problem in problems] == ["s3://state/x.parquet", "s3://state/old-1.csv.gz"]


def test_lines_are_read_across_chunks(monkeypatch):
    monkeypatch.setattr(s3, "CHUNK_BYTES", 7)
    lines = [f"line {i},é\r\n" for i in range(500)]
    put("k.csv.gz", "".join(lines))
    assert list(report_lines(BUCKET, "k.csv.gz")) == lines


@pytest.mark.parametrize("body", [b"not gzip", gzip.compress(b"cut off" * 99)[:-9]], ids=["text", "cut off"])
def test_what_is_no_gzip_is_an_error(body):
    s3.write_object(BUCKET, "k.csv.gz", body)
    with pytest.raises((OSError, EOFError)):
        list(report_lines(BUCKET, "k.csv.gz"))
