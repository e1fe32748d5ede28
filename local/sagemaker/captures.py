"""Data capture of the local endpoints: records are buffered per endpoint and variant and written to S3 as real files.

A file holds what came within `seconds` of its first record, as observed of SageMaker (60 s).
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from local.capture_files import object_key, record_line, split_s3_uri

LOG = logging.getLogger(__name__)

# Writes one object: bucket, key, body. Raises when it can't.
type Write = Callable[[str, str, bytes], object]


@dataclass(slots=True)
class Buffer:
    """The records of one file to come."""

    bucket: str
    key: str
    opened: float
    lines: list[str] = field(default_factory=list)


class Captures:
    """The open buffers, and the thread that writes those whose time is over. Safe to use from many threads."""

    def __init__(self, write: Write, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._write, self._seconds, self._clock = write, seconds, clock
        self._open: dict[tuple[str, str], Buffer] = {}
        self._lock = threading.Lock()
        threading.Thread(target=self._rotate, daemon=True).start()

    def add(self, endpoint: str, variant: str, destination: str, line: str, at: datetime) -> None:
        """Append a record's line to its endpoint's and variant's file below `destination`, an S3 URI."""
        bucket, prefix = split_s3_uri(destination)
        with self._lock:
            full = self._take(lambda name, buffer: name == (endpoint, variant) and self._is_over(buffer))
            buffer = self._open.get((endpoint, variant))
            if buffer is None:
                key = object_key(prefix, endpoint, variant, at, str(uuid4()))
                buffer = self._open[endpoint, variant] = Buffer(bucket, key, self._clock())
            buffer.lines.append(line)
        self._write_all(full)

    def flush(self) -> list[str]:
        """Write every open buffer now. Gives the `s3://` addresses of the files that were written."""
        with self._lock:
            taken = self._take(lambda _name, _buffer: True)
        return self._write_all(taken)

    def _rotate(self) -> None:
        while True:
            time.sleep(min(0.25, self._seconds))
            with self._lock:
                over = self._take(lambda _name, buffer: self._is_over(buffer))
            self._write_all(over)

    def _is_over(self, buffer: Buffer) -> bool:
        return self._clock() - buffer.opened >= self._seconds

    def _take(self, wanted: Callable[[tuple[str, str], Buffer], bool]) -> list[Buffer]:
        names = [name for name, buffer in self._open.items() if wanted(name, buffer)]
        return [self._open.pop(name) for name in names]

    def _write_all(self, buffers: list[Buffer]) -> list[str]:
        written = []
        for buffer in buffers:
            address = f"s3://{buffer.bucket}/{buffer.key}"
            try:
                self._write(buffer.bucket, buffer.key, "".join(buffer.lines).encode())
                written.append(address)
            except Exception:  # SageMaker too goes on answering when captures can't be written.
                LOG.exception("capture file lost: %s", address)
        return written


def captured_line(
    config: Mapping[str, Any],
    *,
    input: bytes,
    input_type: str,
    output: bytes,
    output_type: str,
    at: datetime,
    inference_id: str = "",
    custom_attributes: str = "",
) -> str:
    """The record of one answered request, as its endpoint's `DataCaptureConfig` wants it."""
    modes = {option["CaptureMode"] for option in config["CaptureOptions"]}
    headers = config.get("CaptureContentTypeHeader", {})
    return record_line(
        event_id=str(uuid4()),
        time=at,
        input=input if modes & {"Input", "InputAndOutput"} else None,
        input_type=input_type,
        output=output if modes & {"Output", "InputAndOutput"} else None,
        output_type=output_type,
        inference_id=inference_id or None,
        custom_attributes=custom_attributes or None,
        csv_types=headers.get("CsvContentTypes", ()),
        json_types=headers.get("JsonContentTypes", ()),
    )
