"""Billing reports as Data Exports delivers them."""

import gzip

import pytest

from trimtab.aws import s3
from trimtab.aws.billing_reports import newest_files, report_lines

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
