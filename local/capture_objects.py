"""Capture files ready to be delivered, and their delivery to S3 or to a folder."""

from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

type Progress = Callable[["CaptureObject"], None]


class DeliveryError(RuntimeError):
    """Some files were not delivered; the message says how many and names the first. All others were."""


class S3Client(Protocol):
    """What is needed of boto3's S3 client."""

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> Any: ...  # noqa: N803 (boto3's names)


@dataclass(frozen=True, slots=True)
class CaptureObject:
    """One capture file. `key` is relative to the bucket; `first_time` is the first record's event time; `arrival` is
    when SageMaker would have delivered it (both with zone)."""

    key: str
    body: bytes
    first_time: datetime
    records: int
    arrival: datetime


def write(
    objects: Iterable[CaptureObject],
    s3_client: S3Client,
    bucket: str,
    *,
    workers: int = 16,
    progress: Progress | None = None,
) -> int:
    """Put the objects into `bucket`, starting them in their order, `workers` at a time; return how many were put.

    The client needs a connection pool of at least `workers`. `progress` is called in this thread after each put. Raises
    DeliveryError at the end when puts failed.
    """
    remaining = iter(objects)
    failures: list[tuple[str, BaseException]] = []
    written = 0
    with ThreadPoolExecutor(workers) as pool:

        def put(item: CaptureObject) -> Future[Any]:
            return pool.submit(s3_client.put_object, Bucket=bucket, Key=item.key, Body=item.body)

        pending = {put(item): item for item in islice(remaining, 2 * workers)}
        while pending:
            done, _ = wait(pending, return_when=FIRST_COMPLETED)
            for future in done:
                item = pending.pop(future)
                if error := future.exception():
                    failures.append((item.key, error))
                    continue
                written += 1
                if progress:
                    progress(item)
            pending |= {put(item): item for item in islice(remaining, len(done))}
    if failures:
        key, error = failures[0]
        raise DeliveryError(f"{len(failures)} of {written + len(failures)} files not written, first {key}: {error}")
    return written


def save(objects: Iterable[CaptureObject], folder: Path, *, progress: Progress | None = None) -> int:
    """Write the objects as files below `folder`, keys as paths; return how many. An object that is there twice is one
    file."""
    written = 0
    for item in objects:
        path = folder / item.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(item.body)
        written += 1
        if progress:
            progress(item)
    return written
