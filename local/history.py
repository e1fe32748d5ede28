"""Replay: a data set as the capture files SageMaker would have written, at the rows' own event times."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Literal
from uuid import UUID

import pandas as pd

from local.capture_files import object_key, record_line, split_s3_uri
from local.capture_objects import CaptureObject
from local.dataset import DataSet, event_times
from local.faults import Fault, disturb, plant, split_faults
from local.payloads import CONTENT_TYPES, Form, cells, encode

type Encoding = Literal["CSV", "JSON", "JSONLINES", "BASE64"]
"""How requests are sent and captured. JSONLINES is captured as SageMaker does it: `encoding` JSON, several objects in
`data`. BASE64 is CSV on an endpoint without content-type headers."""


@dataclass(frozen=True, slots=True)
class _Request:
    time: datetime
    line: str
    file_id: str


def replay(
    dataset: DataSet,
    *,
    endpoint: str,
    destination: str,
    variant: str = "AllTraffic",
    start: datetime | None = None,
    span: timedelta | None = None,
    rotation: timedelta = timedelta(seconds=60),
    rows_per_request: int = 1,
    encoding: Encoding = "CSV",
    faults: Sequence[Fault] = (),
    seed: int = 0,
) -> Iterator[CaptureObject]:
    """Make the capture files of a history, in the order of their arrival.

    A request has `rows_per_request` rows and the event time of its first; a file holds the requests of `rotation`
    from its first one on. `destination` is the endpoint's `s3://bucket/prefix`; keys are relative to the bucket.
    `start` and `span` as in `dataset.event_times`. The same arguments give the same bytes: ids are a hash of `seed`,
    endpoint, variant, row number and event time, so that parts of a data set, variants, and the same rows at another
    time never share one.

    Raises FaultError, DataSetError, or ValueError for a destination that is no S3 URI or sizes that are not positive.
    """
    if rows_per_request < 1 or rotation <= timedelta():
        raise ValueError(f"not positive: {rows_per_request} rows per request, rotation {rotation}")
    _, prefix = split_s3_uri(destination)
    row_faults, file_faults = split_faults(faults)
    times = event_times(dataset, start, span)
    rows = plant(dataset.rows, row_faults, times=times, seed=seed)
    requests = _requests(rows, times, dataset, f"{endpoint}/{variant}", rows_per_request, encoding, seed)
    objects = (
        CaptureObject(
            key=object_key(prefix, endpoint, variant, held[0].time, held[0].file_id),
            body="".join(request.line for request in held).encode(),
            first_time=held[0].time,
            records=len(held),
            arrival=held[0].time + rotation,
        )
        for held in _rotated(requests, rotation)
    )
    return iter(disturb(list(objects), file_faults, seed=seed)) if file_faults else objects


def _requests(
    rows: pd.DataFrame,
    times: pd.Series,
    dataset: DataSet,
    origin: str,
    rows_per_request: int,
    encoding: Encoding,
    seed: int,
) -> Iterator[_Request]:
    inputs, outputs = cells(rows, dataset.features), cells(rows, dataset.predictions)
    moments = pd.DatetimeIndex(times).to_pydatetime()
    form: Form = "CSV" if encoding == "BASE64" else encoding
    content_type = CONTENT_TYPES[form]
    listed = () if encoding == "BASE64" else (content_type,)
    for first in range(0, len(rows), rows_per_request):
        stop = first + rows_per_request
        event_id, file_id = _uuids(f"{seed} {origin} {rows.index[first]} {moments[first].isoformat()}")
        answer = encode(outputs[first:stop], dataset.predictions, form, "predictions") if dataset.predictions else None
        line = record_line(
            event_id=event_id,
            time=moments[first],
            input=encode(inputs[first:stop], dataset.features, form),
            input_type=content_type,
            output=answer,
            output_type="text/csv; charset=utf-8" if form == "CSV" else content_type,
            csv_types=listed if form == "CSV" else (),
            json_types=listed if form != "CSV" else (),
        )
        yield _Request(moments[first], line, file_id)


def _rotated(requests: Iterator[_Request], rotation: timedelta) -> Iterator[list[_Request]]:
    held: list[_Request] = []
    for request in requests:
        if held and request.time - held[0].time >= rotation:
            yield held
            held = []
        held.append(request)
    if held:
        yield held


def _uuids(fact: str) -> tuple[str, str]:
    drawn = blake2b(fact.encode(), digest_size=32).digest()
    return str(UUID(bytes=drawn[:16], version=4)), str(UUID(bytes=drawn[16:], version=4))
