"""The SageMaker side's HTTP server: what the modules beside it answer themselves, and moto for the rest.

Run by `local.cloud` as `python -m local.sagemaker.server --port N`, with MiniStack's address and keys in the usual AWS
variables and the account's number in MOTO_ACCOUNT_ID. Standard input is a pipe that the starter holds: when it closes,
open captures are written and the server ends. Control requests: see `controls`.
"""

import argparse
import json
import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import boto3
from botocore.config import Config
from moto.applicationautoscaling.models import applicationautoscaling_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sagemaker.models import sagemaker_backends
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

from local.sagemaker import (
    endpoints,
    model_cards,
    packages,
    pipelines,
    pricing,
    registry,
    scaling,
    training,
    updates,
    weights,
)
from local.sagemaker.authorization import Authorize, ServiceName, by_policy
from local.sagemaker.captures import Captures
from local.sagemaker.changes import Changes
from local.sagemaker.clock import Clock
from local.sagemaker.control_faults import PlantedFaults
from local.sagemaker.controls import ControlError, Controls, UnknownControlError
from local.sagemaker.errors import IN_PROGRESS, RefusedError, invalid
from local.sagemaker.events import EventSender
from local.sagemaker.executions import Executions
from local.sagemaker.invocations import Invocation, Replaced, invoke
from local.sagemaker.job_events import execution_event, training_event
from local.sagemaker.metrics import NAMESPACE, EndpointMetrics
from local.sagemaker.object_store import S3Store
from local.sagemaker.service import Operation, Parameters, Service
from local.sagemaker.training_jobs import TrainingJobs

LOG = logging.getLogger(__name__)
INVOCATIONS = re.compile(r"/endpoints/([^/]+)/invocations")
CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/")
STATUS = {"ModelError": 424, "ServiceUnavailable": 503}
TARGETS: dict[str, ServiceName] = {
    "SageMaker": "sagemaker",
    "AnyScaleFrontendService": "application-autoscaling",
    "AWSPriceListService": "pricing",
}
OPERATIONS: dict[ServiceName, dict[str, Operation]] = {
    "sagemaker": {
        **endpoints.OPERATIONS,
        **updates.OPERATIONS,
        **weights.OPERATIONS,
        **registry.OPERATIONS,
        **packages.OPERATIONS,
        **model_cards.OPERATIONS,
        **training.OPERATIONS,
        **pipelines.OPERATIONS,
    },
    "application-autoscaling": scaling.OPERATIONS,
    "pricing": pricing.OPERATIONS,
}
LOOK_SECONDS = 0.25

type Environ = dict[str, Any]
type Wsgi = Callable[[Environ, Any], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Side:
    """What the requests share."""

    account: str
    moto: Wsgi
    authorize: Authorize
    controls: Controls

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one HTTP request (WSGI)."""
        request = HttpRequest(environ)
        try:
            response = self._response(request)
        except RefusedError as error:
            body = {"__type": error.code, "message": error.args[0], "Message": error.args[0], **error.members}
            response = _json(body, STATUS.get(error.code, 400), {"x-amzn-ErrorType": error.code})
        return response(environ, start_response)

    def _response(self, request: HttpRequest) -> Wsgi:
        if request.path.startswith("/_local/"):
            return self._control(request)
        if match := INVOCATIONS.fullmatch(request.path):
            return self._invocation(request, match[1])
        target, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
        return self._operation(request, TARGETS[target], operation) if target in TARGETS else self.moto

    def _operation(self, request: HttpRequest, service_name: ServiceName, operation: str) -> Wsgi:
        parameters = json.loads(request.get_data() or b"{}")
        service = self._prepared_service(request, service_name, operation, parameters)
        known = OPERATIONS[service_name].get(operation)
        answer = known(service, parameters) if known else None
        body = json.dumps(parameters).encode()
        request.environ.update({"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        response = self.moto if answer is None else _json(answer)
        if service.faults.happens("lose_answers", operation):
            Response.from_app(response, request.environ)
            raise RefusedError("ServiceUnavailable", "The answer was lost.")
        return response

    def _invocation(self, request: HttpRequest, endpoint: str) -> Response:
        service = self._prepared_service(request, "sagemaker", "InvokeEndpoint", {"EndpointName": endpoint})
        header = request.headers
        asked = Invocation(
            endpoint=endpoint,
            body=request.get_data(),
            content_type=header.get("Content-Type", ""),
            accept=header.get("Accept", ""),
            target_variant=header.get("X-Amzn-SageMaker-Target-Variant", ""),
            custom_attributes=header.get("X-Amzn-SageMaker-Custom-Attributes", ""),
            inference_id=header.get("X-Amzn-SageMaker-Inference-Id", ""),
        )
        controls = self.controls
        answer = invoke(service, controls.replaced, controls.captures, controls.metrics, asked)
        headers = {"x-Amzn-Invoked-Production-Variant": answer.variant}
        return Response(answer.body, headers=headers, content_type=answer.content_type)

    def _prepared_service(
        self, request: HttpRequest, service_name: ServiceName, operation: str, parameters: Parameters
    ) -> Service:
        """The service that a request is for, when the caller may call it and no planted fault keeps it."""
        match = CREDENTIAL.search(request.headers.get("Authorization", ""))
        if not match:
            raise RefusedError("MissingAuthenticationTokenException", "Missing Authentication Token")
        access_key, region = match.groups()
        self.authorize(access_key, service_name, operation, parameters, self.account, region)
        service = in_region(self.controls.service, self.account, region)
        if service.faults.happens("throttle", operation):
            raise RefusedError("ThrottlingException", "Rate exceeded")
        if service.faults.happens("in_progress", operation):
            raise invalid(IN_PROGRESS.format(service.arn("endpoint", parameters.get("EndpointName", ""))))
        service.advance()
        return service

    def _control(self, request: HttpRequest) -> Response:
        path = request.path.split("/")[2:]
        try:
            return _json(self.controls.answer(request.method, path, request.get_data()))
        except UnknownControlError as error:
            return _json({"message": str(error)}, 404)
        except ControlError as error:
            return _json({"message": str(error)}, 400)


def in_region(service: Service, account: str, region: str) -> Service:
    """The same in another region: SageMaker and its scaling there."""
    backends = sagemaker_backends[account][region], applicationautoscaling_backends[account][region]
    return replace(service, backend=backends[0], scaling=backends[1])


class QuietHandler(WSGIRequestHandler):
    """No line in the log per request; small answers leave at once."""

    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


def main() -> None:
    """Serve until standard input closes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    logging.basicConfig(level=logging.WARNING)
    side = _side(os.environ["MOTO_ACCOUNT_ID"], os.environ["AWS_REGION"])
    server = make_server("127.0.0.1", port, side, threaded=True, request_handler=QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    threading.Thread(target=_look_regularly, args=(side.controls,), daemon=True).start()
    sys.stdin.read()
    server.shutdown()
    server.server_close()
    side.controls.captures.flush()


def _side(account: str, region: str) -> Side:
    # One try: at the end MiniStack may be gone, and nobody waits for captures then.
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=2)
    s3, cloudwatch = boto3.client("s3", config=once), boto3.client("cloudwatch", config=once)
    bus: Any = boto3.client("events", config=once)
    clock, faults = Clock(), PlantedFaults()
    events = EventSender(lambda entry: bus.put_events(Entries=[entry]), faults)
    changes = Changes(clock, events.tell)
    captures = Captures(
        lambda bucket, key, body: s3.put_object(Bucket=bucket, Key=key, Body=body),
        float(os.environ.get("TRIMTAB_LOCAL_CAPTURE_SECONDS", "60")),
    )
    metrics = EndpointMetrics(
        lambda data: cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data),
        clock.now,
        lambda: timedelta(minutes=faults.present.metric_delay_minutes),
    )

    def ringing(names: list[str]) -> frozenset[str]:
        described = cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=["MetricAlarm", "CompositeAlarm"])
        alarms = [*described.get("MetricAlarms", []), *described.get("CompositeAlarms", [])]
        return frozenset(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM")

    training_jobs = TrainingJobs(clock, lambda job: events.send([training_event(job)]))
    executions = Executions(clock, faults, training_jobs, lambda *told: events.send([execution_event(*told)]))
    service = Service(
        sagemaker_backends[account][region],
        applicationautoscaling_backends[account][region],
        changes,
        faults,
        training_jobs,
        executions,
        S3Store(s3),
        events.send,
    )
    controls = Controls(service, changes, faults, Replaced(), captures, metrics, events, ringing)
    authorize = by_policy(os.environ["AWS_ENDPOINT_URL"], boto3.client("iam"))
    return Side(account, DomainDispatcherApplication(create_backend_app), authorize, controls)


def _look_regularly(controls: Controls) -> None:
    while True:
        time.sleep(LOOK_SECONDS)
        try:
            controls.carry_on()
        except Exception:  # MiniStack may not answer for a moment
            LOG.exception("what takes its time could not be carried on")


def _json(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(body, default=_seconds)
    return Response(text, status, headers, content_type="application/x-amz-json-1.1")


def _seconds(value: object) -> float:
    if isinstance(value, datetime):
        # moto's times name no time zone and are in UTC
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    raise TypeError(f"not JSON: {value!r}")


if __name__ == "__main__":
    main()
