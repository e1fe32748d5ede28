"""The capture file format against real files and real keys, and its rules on small cases."""

import csv
import json
import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.capture_files import encoding_of, object_key, record_line, split_s3_uri

REAL = Path(__file__).parents[4] / "shared" / "data" / "capture"
TIME = datetime(2022, 4, 18, 0, 20, 48, 871_999, tzinfo=UTC)
needs_real_files = pytest.mark.skipif(not REAL.is_dir(), reason="the real capture files are not here")


@pytest.mark.parametrize(
    ("content_type", "encoding"),
    [
        ("text/csv", "CSV"),
        ("text/csv; charset=utf-8", "CSV"),
        ("TEXT/CSV;header=present", "CSV"),
        ("application/json", "JSON"),
        ("application/jsonlines", "BASE64"),
        ("text/html; charset=utf-8", "BASE64"),
        ("", "BASE64"),
    ],
)
def test_encoding_follows_the_header_lists_without_header_parameters(content_type: str, encoding: str) -> None:
    assert encoding_of(content_type, ["text/csv"], ["application/json"]) == encoding


def test_everything_is_base64_without_lists() -> None:
    assert encoding_of("text/csv") == encoding_of("application/json") == "BASE64"


def test_a_side_that_was_not_captured_has_no_key() -> None:
    record = json.loads(record_line(event_id="e", time=TIME, output=b"1", output_type="text/csv"))
    assert list(record["captureData"]) == ["endpointOutput"]


def test_identity_keys_stand_where_sagemaker_puts_them() -> None:
    line = record_line(event_id="e", time=TIME, inference_id="i", custom_attributes="trace=1")
    assert '"eventMetadata":{"eventId":"e","customAttributes":["trace=1"],"inferenceId":"i","inferenceTime":' in line


def test_times_are_utc_seconds() -> None:
    at = datetime(2022, 1, 1, 0, 30, 5, 999_000, tzinfo=timezone(timedelta(hours=2)))
    assert '"inferenceTime":"2021-12-31T22:30:05Z"' in record_line(event_id="e", time=at)
    assert object_key("", "e", "v", at, "u") == "e/v/2021/12/31/22/30-05-999-u.jsonl"


@given(st.binary(max_size=50), st.sampled_from(["text/csv", "application/json", "image/png"]))
def test_a_record_is_one_line_that_gives_the_payload_back(payload: bytes, content_type: str) -> None:
    line = record_line(event_id="e", time=TIME, input=payload, input_type=content_type, csv_types=["text/csv"])
    assert line.endswith("\n")
    assert line.count("\n") == 1
    side = json.loads(line)["captureData"]["endpointInput"]
    if side["encoding"] == "BASE64":
        assert b64decode(side["data"]) == payload
    else:
        assert side["data"] == payload.decode("utf-8", errors="replace")


@pytest.mark.parametrize("uri", ["https://bucket/key", "s3://", "bucket/key"])
def test_only_s3_uris_are_split(uri: str) -> None:
    assert split_s3_uri("s3://bucket/a/b/") == ("bucket", "a/b")
    assert split_s3_uri("s3://bucket") == ("bucket", "")
    with pytest.raises(ValueError, match="not an S3 URI"):
        split_s3_uri(uri)


@needs_real_files
def test_real_files_are_written_again_byte_for_byte() -> None:
    files = [*REAL.glob("scones-john0isaac/*.jsonl"), REAL / "sagemaker-python-sdk" / "captured-data.jsonl"]
    lines = [line for file in files for line in file.read_text().splitlines(keepends=True)]
    assert len(lines) == 27
    assert [_written_again(line) for line in lines] == lines


@needs_real_files
def test_records_of_aws_examples_keep_their_keys_and_order() -> None:
    """The white space of these files was lost upstream; their key order was not."""
    for name in ("ase.capture.jsonl", "idea.capture.jsonl", "docs.capture.jsonl"):
        for line in (REAL / name).read_text().splitlines():
            assert json.loads(_written_again(line), object_pairs_hook=list) == json.loads(line, object_pairs_hook=list)


@needs_real_files
def test_real_keys_are_made_again_from_their_parts() -> None:
    pattern = re.compile(r"(.*?)/?([^/]+)/([^/]+)/(\d{4}/\d\d/\d\d/\d\d)/(\d\d-\d\d-\d{3})-([0-9a-f-]{36})\.jsonl")
    with (REAL / "real_s3_keys.tsv").open(newline="") as file:
        keys = [row["key"] for row in csv.DictReader(file, delimiter="\t")]
    parts = [(key, match) for key in keys if (match := pattern.fullmatch(key.partition("?")[0]))]
    assert len(parts) > 150
    for key, match in parts:
        prefix, endpoint, variant, hour, name, uuid = match.groups()
        time = datetime.strptime(f"{hour}/{name}000", "%Y/%m/%d/%H/%M-%S-%f").replace(tzinfo=UTC)
        bucket, prefix = split_s3_uri(prefix) if prefix.startswith("s3://") else ("", prefix)
        again = object_key(prefix, endpoint, variant, time, uuid)
        assert (f"s3://{bucket}/{again}" if bucket else again) == key


def _written_again(line: str) -> str:
    """The line that `record_line` makes of a real record's own payloads, types and identity."""
    record = json.loads(line)
    sides = record["captureData"]
    payloads = {
        name: b64decode(side["data"]) if side["encoding"] == "BASE64" else side["data"].encode()
        for name, side in sides.items()
    }
    types = {e: [s["observedContentType"] for s in sides.values() if s["encoding"] == e] for e in ("CSV", "JSON")}
    event = record["eventMetadata"]
    return record_line(
        event_id=event["eventId"],
        time=datetime.fromisoformat(event["inferenceTime"]),
        input=payloads.get("endpointInput"),
        input_type=sides.get("endpointInput", {}).get("observedContentType", ""),
        output=payloads.get("endpointOutput"),
        output_type=sides.get("endpointOutput", {}).get("observedContentType", ""),
        inference_id=event.get("inferenceId"),
        csv_types=types["CSV"],
        json_types=types["JSON"],
    )
