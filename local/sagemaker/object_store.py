"""S3 as training jobs and models use it: whole objects, by bucket and key."""

from typing import Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from local.capture_files import split_s3_uri


class StoreError(Exception):
    """S3 did not do what was asked of it; the message says why."""


class Store(Protocol):
    """Reads and writes objects. All raise StoreError."""

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """The keys of all objects whose keys begin with `prefix`, in order."""
        ...

    def read(self, bucket: str, key: str) -> bytes:
        """An object's body."""
        ...

    def write(self, bucket: str, key: str, body: bytes) -> None:
        """Write an object."""
        ...

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object, or do nothing when there is none."""
        ...


def bucket_and_prefix(uri: str) -> tuple[str, str]:
    """An S3 URI's parts, a slash at the end kept. Raises ValueError for anything else."""
    bucket, _ = split_s3_uri(uri)
    return bucket, uri.removeprefix(f"s3://{bucket}").lstrip("/")


def objects_below(store: Store, uri: str) -> dict[str, bytes]:
    """The bodies of the objects that an S3 prefix or the address of one object means, by name below it.

    As in S3, `s3://bucket/part` means `part2/file` too, `s3://bucket/part/` does not. Raises StoreError.
    """
    bucket, prefix = bucket_and_prefix(uri)
    names = {key: key.removeprefix(prefix).lstrip("/") or key.rpartition("/")[2] for key in store.keys(bucket, prefix)}
    return {name: store.read(bucket, key) for key, name in names.items() if not key.endswith("/")}


class S3Store:
    """A Store that is S3. `s3` is a boto3 client."""

    def __init__(self, s3: Any) -> None:
        self._s3 = s3

    def keys(self, bucket: str, prefix: str) -> list[str]:
        """See Store."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        try:
            return [str(item["Key"]) for page in pages for item in page.get("Contents", [])]
        except (ClientError, BotoCoreError) as error:
            raise StoreError(str(error)) from error

    def read(self, bucket: str, key: str) -> bytes:
        """See Store."""
        try:
            return bytes(self._s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        except (ClientError, BotoCoreError) as error:
            raise StoreError(str(error)) from error

    def write(self, bucket: str, key: str, body: bytes) -> None:
        """See Store."""
        try:
            self._s3.put_object(Bucket=bucket, Key=key, Body=body)
        except (ClientError, BotoCoreError) as error:
            raise StoreError(str(error)) from error

    def delete(self, bucket: str, key: str) -> None:
        """See Store."""
        try:
            self._s3.delete_object(Bucket=bucket, Key=key)
        except (ClientError, BotoCoreError) as error:
            raise StoreError(str(error)) from error
