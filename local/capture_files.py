"""SageMaker's data capture files: which encoding a payload gets, one record's line, one file's S3 key.

Pure. The SageMaker side of the local cloud writes live traffic with it, the player writes history with it. The format
is the one observed in real files: compact JSON, keys in this order, times to the second, `MM-SS-mmm-<uuid4>.jsonl`
named by the time of the first record.
"""

import json
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

type Encoding = Literal["CSV", "JSON", "BASE64"]


def encoding_of(content_type: str, csv_types: Sequence[str] = (), json_types: Sequence[str] = ()) -> Encoding:
    """Choose a payload's encoding by the `CaptureContentTypeHeader` lists of a `DataCaptureConfig`.

    Parameters of the header (`; charset=utf-8`) and letter case do not matter. What is on no list, and everything when
    there are no lists, is BASE64.
    """
    media_type = _media_type(content_type)
    if media_type in map(_media_type, csv_types):
        return "CSV"
    if media_type in map(_media_type, json_types):
        return "JSON"
    return "BASE64"


def record_line(
    *,
    event_id: str,
    time: datetime,
    input: bytes | None = None,
    input_type: str = "",
    output: bytes | None = None,
    output_type: str = "",
    inference_id: str | None = None,
    custom_attributes: str | None = None,
    csv_types: Sequence[str] = (),
    json_types: Sequence[str] = (),
) -> str:
    """Make one line of a capture file, with its newline. A side that is None was not captured and has no key.

    `time` must know its zone and is cut to whole seconds. That `customAttributes` is a list, and where it stands among
    the keys, is an assumption: no real record with it was found.
    """
    sides = (("endpointInput", "INPUT", input, input_type), ("endpointOutput", "OUTPUT", output, output_type))
    event: dict[str, str | list[str]] = {"eventId": event_id}
    if custom_attributes is not None:
        event["customAttributes"] = [custom_attributes]
    if inference_id is not None:
        event["inferenceId"] = inference_id
    event["inferenceTime"] = time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    record = {
        "captureData": {
            name: _side(mode, data, content_type, encoding_of(content_type, csv_types, json_types))
            for name, mode, data, content_type in sides
            if data is not None
        },
        "eventMetadata": event,
        "eventVersion": "0",
    }
    return json.dumps(record, separators=(",", ":"), ensure_ascii=False) + "\n"


def object_key(prefix: str, endpoint: str, variant: str, time: datetime, uuid: str) -> str:
    """The key of a capture file whose first record is of `time` (with a zone), below `prefix` (may be empty)."""
    at = time.astimezone(UTC)
    name = f"{at:%M-%S}-{at.microsecond // 1000:03d}-{uuid}.jsonl"
    return "/".join(part for part in (prefix.strip("/"), endpoint, variant, f"{at:%Y/%m/%d/%H}", name) if part)


def split_s3_uri(uri: str) -> tuple[str, str]:
    """`s3://bucket/some/prefix/` → `("bucket", "some/prefix")`. Raises ValueError for anything else than an S3 URI."""
    scheme, _, rest = uri.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise ValueError(f"not an S3 URI: {uri!r}")
    return bucket, prefix.strip("/")


def _media_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()


def _side(mode: str, data: bytes, content_type: str, encoding: Encoding) -> dict[str, str]:
    text = b64encode(data).decode("ascii") if encoding == "BASE64" else data.decode("utf-8", errors="replace")
    return {"observedContentType": content_type, "mode": mode, "data": text, "encoding": encoding}
