"""Live play: a data set as real `invoke_endpoint` calls, at a steady pace."""

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import uuid4

from botocore.exceptions import BotoCoreError, ClientError

from local.dataset import DataSet
from local.faults import Fault, FaultError, plant, split_faults
from local.payloads import CONTENT_TYPES, Form, cells, encode


class RuntimeClient(Protocol):
    """What is needed of boto3's SageMaker runtime client. Its own retries hide errors from the count: turn them off."""

    def invoke_endpoint(self, **request: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class LiveResult:
    """`requests` were sent in `seconds`; `errors` counts the failed ones by AWS error code or exception name,
    `messages` has the first message of each."""

    requests: int
    errors: dict[str, int]
    messages: dict[str, str]
    seconds: float


def play_live(
    dataset: DataSet,
    *,
    endpoint: str,
    runtime_client: RuntimeClient,
    requests_per_second: float,
    rows: int | None = None,
    rows_per_request: int = 1,
    form: Form = "CSV",
    faults: Sequence[Fault] = (),
    seed: int = 0,
    inference_ids: bool = False,
    workers: int = 8,
    progress: Callable[[str | None], None] | None = None,
) -> LiveResult:
    """Send the first `rows` rows (all by default) to `endpoint`, in order, `workers` requests at most under way at
    once.

    Request n is due n / `requests_per_second` seconds after the start; when answers are too slow for that the pace
    drops, and nothing is skipped. A fault's time is compared with the data set's own times. `progress` is called in
    this thread after each answer with None or the error's code. A failed request is counted, not repeated.

    Raises FaultError for faults of files (those are the cloud's here) and for what does not fit the data; ValueError
    for a rate or a number of rows per request that is not positive.
    """
    if requests_per_second <= 0 or rows_per_request < 1:
        raise ValueError(
            f"not positive: {requests_per_second:g} requests a second, {rows_per_request} rows per request"
        )
    row_faults, file_faults = split_faults(faults)
    if file_faults:
        raise FaultError(f"{file_faults[0]}: only a replay can plant this; live, the endpoint writes the files")
    times = dataset.rows[dataset.time] if dataset.time else None
    played = plant(dataset.rows, row_faults, times=times, seed=seed).iloc[:rows]
    inputs = cells(played, dataset.features)

    def send(first: int) -> tuple[str, str] | None:
        request = {
            "EndpointName": endpoint,
            "ContentType": CONTENT_TYPES[form],
            "Accept": CONTENT_TYPES[form],
            "Body": encode(inputs[first : first + rows_per_request], dataset.features, form),
            **({"InferenceId": str(uuid4())} if inference_ids else {}),
        }
        try:
            runtime_client.invoke_endpoint(**request)["Body"].read()
        except ClientError as error:
            return str(error.response.get("Error", {}).get("Code", "ClientError")), str(error)
        except BotoCoreError as error:
            return type(error).__name__, str(error)
        return None

    errors: Counter[str] = Counter()
    messages: dict[str, str] = {}
    requests = 0

    def settle(future: Future[tuple[str, str] | None]) -> None:
        nonlocal requests
        requests += 1
        code, message = future.result() or (None, "")
        if code:
            errors[code] += 1
            messages.setdefault(code, message)
        if progress:
            progress(code)

    began = time.monotonic()
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque[Future[tuple[str, str] | None]] = deque()
        for number, first in enumerate(range(0, len(inputs), rows_per_request)):
            while under_way and (under_way[0].done() or len(under_way) >= workers):
                settle(under_way.popleft())
            time.sleep(max(0.0, began + number / requests_per_second - time.monotonic()))
            under_way.append(pool.submit(send, first))
        while under_way:
            settle(under_way.popleft())
    return LiveResult(requests, dict(errors), messages, time.monotonic() - began)
