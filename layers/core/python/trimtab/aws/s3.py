"""Objects in Amazon S3."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any

from botocore.exceptions import ClientError

from trimtab.aws.clients import s3, signing_s3

CHUNK_BYTES = 1 << 20
_PARALLEL_READS = 16
_KEYS_PER_DELETE = 1000
LONGEST_SIGNATURE_SECONDS = 7 * 24 * 3600
_LOST_THE_RACE = {"PreconditionFailed", "ConditionalRequestConflict"}


class ObjectNotFoundError(LookupError):
    """There is no such object (any more)."""


class DeleteError(RuntimeError):
    """An object could not be deleted."""


class ObjectForbiddenError(ClientError):
    """The object must not be read by this function, or is not there and its bucket must not be listed."""


class ObjectArchivedError(RuntimeError):
    """The object lies in an archive class and cannot be read until somebody restores it."""


@dataclass(frozen=True)
class ListedObject:
    """An object in a listing; its size is in bytes."""

    key: str
    size: int
    storage_class: str


@dataclass(frozen=True)
class OpenObject:
    """An object being read: which version it is, and its bytes in chunks of at most 1 MiB."""

    etag: str
    modified: str
    size: int
    chunks: Iterator[bytes]


def open_object(bucket: str, key: str) -> OpenObject:
    """Start reading an object. Raises ObjectNotFoundError, ObjectArchivedError, ObjectForbiddenError."""
    try:
        answer = s3().get_object(Bucket=bucket, Key=key)
    except ClientError as error:
        raise _translated(error, bucket, key) from error
    return OpenObject(
        etag=answer["ETag"].strip('"'),
        modified=answer["LastModified"].isoformat(),
        size=answer["ContentLength"],
        chunks=answer["Body"].iter_chunks(CHUNK_BYTES),
    )


def read_object(bucket: str, key: str) -> bytes:
    """The whole object. Raises ObjectNotFoundError."""
    return b"".join(open_object(bucket, key).chunks)


def read_objects(bucket: str, keys: Iterable[str]) -> list[bytes]:
    """Many small objects, in the order of their keys, read in parallel. Raises ObjectNotFoundError."""
    with ThreadPoolExecutor(_PARALLEL_READS) as pool:
        return list(pool.map(lambda key: read_object(bucket, key), keys))


def write_object(bucket: str, key: str, body: bytes, content_type: str = "application/json") -> None:
    """Create or overwrite an object."""
    s3().put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)


def create_object(bucket: str, key: str, body: bytes, content_type: str = "application/json") -> bool:
    """Create an object unless it exists. False: it exists, and was left as it was."""
    try:
        s3().put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, IfNoneMatch="*")
    except ClientError as error:
        if error.response["Error"]["Code"] in _LOST_THE_RACE:
            return False
        raise
    return True


def replace_object(bucket: str, key: str, body: bytes, etag: str, content_type: str = "application/json") -> str | None:
    """Replace the object that was read with this etag ("": there was none); the new etag. None: somebody else has
    written or deleted it since, and nothing was changed."""
    condition: Any = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
    try:
        answer = s3().put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type, **condition)
    except ClientError as error:
        if error.response["Error"]["Code"] in {*_LOST_THE_RACE, "NoSuchKey"}:
            return None
        raise
    return answer["ETag"].strip('"')


def delete_objects(bucket: str, keys: Iterable[str]) -> None:
    """Delete objects; those that are gone already do not matter. Raises DeleteError when one could not be deleted."""
    for batch in batched(keys, _KEYS_PER_DELETE, strict=False):
        answer = s3().delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in batch], "Quiet": True})
        if errors := answer.get("Errors"):
            raise DeleteError(f"s3://{bucket}/{errors[0].get('Key')}: {errors[0].get('Message')}")


def list_keys(bucket: str, prefix: str, start_after: str = "", before: str = "") -> Iterator[str]:
    """All keys under a prefix in order, after `start_after` and, when given, up to but without `before`."""
    return (key for key, _ in list_written(bucket, prefix, start_after, before))


def list_written(bucket: str, prefix: str, start_after: str = "", before: str = "") -> Iterator[tuple[str, datetime]]:
    """As `list_keys`, each with the time at which it was last written."""
    pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=start_after)
    for page in pages:
        for entry in page.get("Contents", []):
            if before and entry["Key"] >= before:
                return
            yield entry["Key"], entry["LastModified"]


def list_objects(bucket: str, prefix: str) -> Iterator[ListedObject]:
    """All objects under a prefix in order of their keys, a request per 1,000. Raises ObjectNotFoundError for a bucket
    that is not there, ObjectForbiddenError."""
    try:
        for page in s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                yield ListedObject(entry["Key"], entry["Size"], entry.get("StorageClass", "STANDARD"))
    except ClientError as error:
        raise _translated(error, bucket, prefix) from error


def list_folders(bucket: str, prefix: str) -> list[str]:
    """The names directly below a prefix that ends in a slash."""
    pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter="/")
    return [
        folder["Prefix"].removeprefix(prefix).rstrip("/") for page in pages for folder in page.get("CommonPrefixes", [])
    ]


def signed_address(bucket: str, key: str) -> str:
    """An https address by which whoever has it can read the object for a week, or until the credentials end that it was
    signed with: a role's last some hours. The object need not be there yet."""
    return signing_s3().generate_presigned_url(
        "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=LONGEST_SIGNATURE_SECONDS
    )


def tells_event_bridge(bucket: str) -> bool:
    """Whether a bucket tells EventBridge of new objects."""
    return "EventBridgeConfiguration" in s3().get_bucket_notification_configuration(Bucket=bucket)


def tell_event_bridge(bucket: str) -> None:
    """Let a bucket tell EventBridge of new objects, besides the notifications it has. Safe to repeat."""
    answer = s3().get_bucket_notification_configuration(Bucket=bucket)
    # S3 replaces the whole configuration; a change by somebody else between these two calls would be lost
    s3().put_bucket_notification_configuration(
        Bucket=bucket,
        NotificationConfiguration={
            "TopicConfigurations": answer.get("TopicConfigurations", []),
            "QueueConfigurations": answer.get("QueueConfigurations", []),
            "LambdaFunctionConfigurations": answer.get("LambdaFunctionConfigurations", []),
            "EventBridgeConfiguration": {},
        },
        SkipDestinationValidation=True,  # the other destinations are not ours to test
    )


def _translated(error: ClientError, bucket: str, key: str) -> Exception:
    code = error.response["Error"]["Code"]
    if code in {"NoSuchKey", "NoSuchBucket", "404"}:
        return ObjectNotFoundError(f"s3://{bucket}/{key} does not exist")
    if code == "InvalidObjectState":
        return ObjectArchivedError(f"s3://{bucket}/{key} is archived and was not restored")
    if code in {"AccessDenied", "403"}:
        return ObjectForbiddenError(error.response, error.operation_name)
    return error
