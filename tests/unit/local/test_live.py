import io
import json
import threading
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from local.dataset import DataSet, load_dataset, part
from local.faults import FaultError, Nulls, Reordered
from local.live import play_live


class Runtime:
    """Answers like boto3's runtime client; raises `fail(number of the call)` where that is an exception."""

    def __init__(self, fail: Any = lambda _number: None) -> None:
        self.fail = fail
        self.requests: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def invoke_endpoint(self, **request: Any) -> Any:
        with self._lock:
            self.requests.append(request)
            number = len(self.requests)
        if error := self.fail(number):
            raise error
        return {"Body": io.BytesIO(b"ok")}


@pytest.fixture(scope="module")
def loans() -> DataSet:
    return part(load_dataset("car_loan"), 0, 50)


def test_sends_every_row_in_the_form_asked_for(loans: DataSet) -> None:
    runtime = Runtime()
    result = play_live(
        loans,
        endpoint="loans",
        runtime_client=runtime,
        requests_per_second=1e6,
        rows_per_request=4,
        form="JSON",
        workers=1,
    )
    assert (result.requests, result.errors) == (13, {})
    assert {request["EndpointName"] for request in runtime.requests} == {"loans"}
    assert {request["ContentType"] for request in runtime.requests} == {"application/json"}
    sent = [row["car_value"] for request in runtime.requests for row in json.loads(request["Body"])["instances"]]
    assert sent == loans.rows["car_value"].tolist()
    assert "InferenceId" not in runtime.requests[0]


def test_csv_bodies_carry_the_planted_fault_and_own_ids(loans: DataSet) -> None:
    runtime = Runtime()
    play_live(
        loans,
        endpoint="loans",
        runtime_client=runtime,
        requests_per_second=1e6,
        rows=10,
        faults=[Nulls("car_value", 5, 1.0)],
        inference_ids=True,
        workers=1,
    )
    assert [request["Body"].startswith(b",") for request in runtime.requests] == [False] * 5 + [True] * 5
    assert len({request["InferenceId"] for request in runtime.requests}) == 10


def test_errors_are_counted_by_code_and_stop_nothing(loans: DataSet) -> None:
    def fail(number: int) -> Exception | None:
        if number % 5 == 0:
            return ClientError({"Error": {"Code": "ModelError"}}, "InvokeEndpoint")
        return EndpointConnectionError(endpoint_url="http://localhost") if number == 3 else None

    seen: list[str | None] = []
    result = play_live(loans, endpoint="e", runtime_client=Runtime(fail), requests_per_second=1e6, progress=seen.append)
    assert result.requests == len(seen) == 50
    assert result.errors == {"ModelError": 10, "EndpointConnectionError": 1}
    assert result.messages["EndpointConnectionError"] == 'Could not connect to the endpoint URL: "http://localhost"'


def test_keeps_the_pace(loans: DataSet) -> None:
    result = play_live(loans, endpoint="e", runtime_client=Runtime(), requests_per_second=100, rows=21)
    assert result.requests == 21
    assert result.seconds >= 0.2


def test_an_unforeseen_error_is_raised(loans: DataSet) -> None:
    with pytest.raises(ZeroDivisionError):
        play_live(loans, endpoint="e", runtime_client=Runtime(lambda _: ZeroDivisionError()), requests_per_second=1e6)


def test_refuses_faults_of_files_and_senseless_rates(loans: DataSet) -> None:
    with pytest.raises(FaultError, match="only a replay"):
        play_live(loans, endpoint="e", runtime_client=Runtime(), requests_per_second=1, faults=[Reordered()])
    with pytest.raises(ValueError, match="not positive"):
        play_live(loans, endpoint="e", runtime_client=Runtime(), requests_per_second=0)
