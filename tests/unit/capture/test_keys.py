import csv
from datetime import UTC, datetime

import pytest

from trimtab.capture.keys import CaptureKey, parse_capture_key

NAME = "20-48-871-0b7bfd33-c8a7-4adf-a09a-98fd0af79974.jsonl"


@pytest.mark.parametrize("prefix", ["", "captures/", "a/b/c/", "s3://bucket/x/"])
@pytest.mark.parametrize("name", [NAME, NAME + ".gz", "anything.jsonl"])
def test_reads_endpoint_variant_and_hour_under_any_prefix(prefix, name):
    key = f"{prefix}churn/AllTraffic/2022/04/18/00/{name}"
    assert parse_capture_key(key) == CaptureKey("churn", "AllTraffic", datetime(2022, 4, 18, 0, tzinfo=UTC))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "churn/AllTraffic/2022/04/18/00/manifest.json",
        "AllTraffic/2022/04/18/00/" + NAME,
        "churn/AllTraffic/2022/13/18/00/" + NAME,
        "churn/AllTraffic/2022/04/18/24/" + NAME,
        "churn/AllTraffic/2022/04/18/" + NAME,
        "churn/AllTraffic/2022/04/18/00/",
        "churn/AllTraffic/2022/04/18/00/x/" + NAME,
        "profiles/churn/AllTraffic/2022/04/18/00/none/abc.12.pack",
    ],
)
def test_knows_what_is_no_capture(key):
    assert parse_capture_key(key) is None


def test_reads_every_real_key(shared):
    with (shared / "data/capture/real_s3_keys.tsv").open() as file:
        keys = [row["key"] for row in csv.DictReader(file, delimiter="\t")]
    assert len(keys) > 200
    for key in keys:
        parsed = parse_capture_key(key)
        if key.endswith(".json"):  # a batch transform's manifest
            assert parsed is None
            continue
        assert parsed is not None, key
        *_, endpoint, variant, _year, _month, _day, _hour, _name = key.split("/")
        assert (parsed.endpoint, parsed.variant) == (endpoint, variant)
        assert f"/{parsed.hour:%Y/%m/%d/%H}/" in key
