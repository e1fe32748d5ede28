import csv
from datetime import UTC, datetime

import pytest

from trimtab.capture.keys import CaptureKey, is_label_key, parse_capture_key, parse_manifest_key

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
        if key.endswith(".json"):
            assert parsed is None
            manifest = parse_manifest_key("bucket", key)
            assert manifest.variant in {"batch-input", "batch-output"}
            assert manifest.endpoint in {"datacapture", "data-capture"}
            assert f"/{manifest.hour:%Y/%m/%d/%H}/" in key
            continue
        assert parse_manifest_key("bucket", key) is None
        assert not is_label_key(key)
        assert parsed is not None, key
        *_, endpoint, variant, _year, _month, _day, _hour, _name = key.split("/")
        assert (parsed.endpoint, parsed.variant) == (endpoint, variant)
        assert f"/{parsed.hour:%Y/%m/%d/%H}/" in key


@pytest.mark.parametrize(
    ("key", "endpoint", "variant"),
    [
        ("jobs/churn/input/2023/01/19/05/626c6b2e.json", "churn", "batch-input"),
        ("churn/output/2023/01/19/05/626c6b2e.json", "churn", "batch-output"),
        ("output/2023/01/19/05/626c6b2e.json", "bucket", "batch-output"),
    ],
)
def test_reads_a_manifests_destination_and_side(key, endpoint, variant):
    assert parse_manifest_key("bucket", key) == CaptureKey(endpoint, variant, datetime(2023, 1, 19, 5, tzinfo=UTC))


@pytest.mark.parametrize(
    "key",
    [
        "",
        "churn/merge/2023/01/19/05/x.json",
        "churn/input/2023/01/19/x.json",
        "churn/input/2023/01/19/05/x.jsonl",
        "churn/input/2023/01/19/05/x.json.out",
        "churn/input/2023/13/19/05/x.json",
        "churn/xinput/2023/01/19/05/x.json",
        "churn/input/2023/01/19/05/y/x.json",
    ],
)
def test_knows_what_is_no_manifest(key):
    assert parse_manifest_key("bucket", key) is None


@pytest.mark.parametrize(
    ("key", "is_label"),
    [
        ("2023/01/19/05/x.jsonl", True),
        ("truth/2023/01/19/05/x.jsonl.gz", True),
        ("churn/AllTraffic/2023/01/19/05/x.jsonl", False),
        ("truth/2023/01/19/25/x.jsonl", False),
        ("truth/2023/01/19/x.jsonl", False),
        ("truth/2023/01/19/05/x.json", False),
    ],
)
def test_knows_ground_truth_that_lies_where_no_capture_can(key, is_label):
    assert is_label_key(key) is is_label
