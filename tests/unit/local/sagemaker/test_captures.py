"""When capture files are opened, closed and written, and what a record of a request holds."""

import json
from datetime import UTC, datetime, timedelta

from local.sagemaker.captures import Captures, captured_line

NOON = datetime(2026, 1, 2, 12, 0, 0, 5000, tzinfo=UTC)


class Store(dict[str, bytes]):
    """Takes the place of S3; refuses the bucket `gone`."""

    def write(self, bucket: str, key: str, body: bytes) -> None:
        if bucket == "gone":
            raise OSError("no such bucket")
        self[f"{bucket}/{key}"] = body


def test_a_file_holds_the_records_of_its_time_and_is_named_by_the_first() -> None:
    store, now = Store(), [0.0]
    captures = Captures(store.write, 60, lambda: now[0])
    for seconds, line in ((0, "1\n"), (59, "2\n"), (60, "3\n")):
        now[0] = seconds
        captures.add("churn", "blue", "s3://b/in", line, NOON + timedelta(seconds=seconds))
    assert list(store.values()) == [b"1\n2\n"]
    (name,) = store
    assert name.startswith("b/in/churn/blue/2026/01/02/12/00-00-005-")
    assert captures.flush()[0].startswith("s3://b/in/churn/blue/2026/01/02/12/01-00-005-")
    assert captures.flush() == []


def test_endpoints_and_variants_have_files_of_their_own() -> None:
    store = Store()
    captures = Captures(store.write, 60, lambda: 0.0)
    for endpoint, variant in (("a", "x"), ("a", "y"), ("b", "x"), ("a", "x")):
        captures.add(endpoint, variant, "s3://b", "line\n", NOON)
    assert len(captures.flush()) == 3
    assert sorted(name.split("/")[1:3] for name in store) == [["a", "x"], ["a", "y"], ["b", "x"]]


def test_a_file_that_cannot_be_written_does_not_stop_the_others() -> None:
    store = Store()
    captures = Captures(store.write, 60, lambda: 0.0)
    captures.add("a", "x", "s3://gone", "line\n", NOON)
    captures.add("b", "x", "s3://there", "line\n", NOON)
    assert len(captures.flush()) == len(store) == 1


def test_only_the_sides_of_the_options_are_captured() -> None:
    for modes, sides in (
        (["Input"], {"endpointInput"}),
        (["Output"], {"endpointOutput"}),
        (["InputAndOutput"], {"endpointInput", "endpointOutput"}),
    ):
        config = {"CaptureOptions": [{"CaptureMode": mode} for mode in modes]}
        line = captured_line(config, input=b"1", input_type="text/csv", output=b"2", output_type="x/y", at=NOON)
        record = json.loads(line)
        assert set(record["captureData"]) == sides
        assert {side["encoding"] for side in record["captureData"].values()} == {"BASE64"}
        assert set(record["eventMetadata"]) == {"eventId", "inferenceTime"}
