"""The SageMaker side's HTTP server: what `endpoints` and `invocations` answer themselves, and moto for the rest.

Run by `local.cloud` as `python -m local.sagemaker.server --port N`, with MiniStack's address and keys in the usual AWS
variables and the account's number in MOTO_ACCOUNT_ID. Standard input is a pipe that the starter holds: when it closes,
open captures are written and the server ends.

Control requests, for the player and the tests: `POST /_local/flush` writes all open capture files, publishes all
metrics and answers with the files' addresses; `PUT /_local/models/NAME` with a body `module:callable` replaces what
answers for the SageMaker model NAME.
"""

import argparse
import json
import logging
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from io import BytesIO
from typing import Any

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.sagemaker.models import sagemaker_backends
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Request as HttpRequest
from werkzeug.wrappers import Response

from local.sagemaker.authorization import Authorize, by_policy
from local.sagemaker.captures import Captures
from local.sagemaker.containers import UnknownModelError, model_named
from local.sagemaker.endpoints import OPERATIONS, RefusedError
from local.sagemaker.invocations import Invocation, invoke
from local.sagemaker.metrics import NAMESPACE, EndpointMetrics

INVOCATIONS = re.compile(r"/endpoints/([^/]+)/invocations")
CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/")
STATUS = {"ModelError": 424}

type Environ = dict[str, Any]
type Wsgi = Callable[[Environ, Any], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class Side:
    """What the requests share."""

    account: str
    moto: Wsgi
    authorize: Authorize
    captures: Captures
    metrics: EndpointMetrics
    replaced_models: dict[str, str] = field(default_factory=dict)

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        """Answer one HTTP request (WSGI)."""
        request = HttpRequest(environ)
        try:
            response = self._response(request)
        except RefusedError as error:
            body = {"__type": error.code, "message": error.args[0], "Message": error.args[0], **error.members}
            response = _json(body, STATUS.get(error.code, 400), {"x-amzn-ErrorType": error.code})
        return (response or self.moto)(environ, start_response)

    def _response(self, request: HttpRequest) -> Response | None:
        if request.path.startswith("/_local/"):
            return self._control(request)
        if match := INVOCATIONS.fullmatch(request.path):
            return self._invocation(request, match[1])
        service, _, operation = request.headers.get("X-Amz-Target", "").partition(".")
        return self._operation(request, operation) if service == "SageMaker" else None

    def _operation(self, request: HttpRequest, operation: str) -> Response | None:
        parameters = json.loads(request.get_data() or b"{}")
        backend = self._authorized_backend(request, operation, parameters)
        known = OPERATIONS.get(operation)
        answer = known(backend, parameters) if known else None
        if answer is not None:
            return _json(answer)
        body = json.dumps(parameters).encode()
        request.environ.update({"wsgi.input": BytesIO(body), "CONTENT_LENGTH": str(len(body))})
        return None

    def _invocation(self, request: HttpRequest, endpoint: str) -> Response:
        backend = self._authorized_backend(request, "InvokeEndpoint", {"EndpointName": endpoint})
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
        answer = invoke(backend, self.replaced_models, self.captures, self.metrics, asked)
        headers = {"x-Amzn-Invoked-Production-Variant": answer.variant}
        return Response(answer.body, headers=headers, content_type=answer.content_type)

    def _authorized_backend(self, request: HttpRequest, operation: str, parameters: dict[str, Any]) -> Any:
        match = CREDENTIAL.search(request.headers.get("Authorization", ""))
        if not match:
            raise RefusedError("MissingAuthenticationTokenException", "Missing Authentication Token")
        access_key, region = match.groups()
        self.authorize(access_key, operation, parameters, self.account, region)
        return sagemaker_backends[self.account][region]

    def _control(self, request: HttpRequest) -> Response:
        match request.method, request.path.split("/")[2:]:
            case "GET", ["health"]:
                return _json({"status": "ok"})
            case "POST", ["flush"]:
                self.metrics.flush()
                return _json({"files": self.captures.flush()})
            case "PUT", ["models", name]:
                callable_name = request.get_data(as_text=True)
                try:
                    model_named(callable_name)
                except UnknownModelError as error:
                    return _json({"message": str(error)}, 400)
                self.replaced_models[name] = callable_name
                return _json({})
        return _json({"message": "no such control request"}, 404)


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
    # One try: at the end MiniStack may be gone, and nobody waits for captures then.
    once = Config(retries={"total_max_attempts": 1}, connect_timeout=2)
    s3, cloudwatch = boto3.client("s3", config=once), boto3.client("cloudwatch", config=once)
    captures = Captures(
        lambda bucket, key, body: s3.put_object(Bucket=bucket, Key=key, Body=body),
        float(os.environ.get("TRIMTAB_LOCAL_CAPTURE_SECONDS", "60")),
    )
    side = Side(
        os.environ["MOTO_ACCOUNT_ID"],
        DomainDispatcherApplication(create_backend_app),
        by_policy(os.environ["AWS_ENDPOINT_URL"], boto3.client("iam")),
        captures,
        EndpointMetrics(lambda data: cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)),
    )
    server = make_server("127.0.0.1", port, side, threaded=True, request_handler=QuietHandler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    server.shutdown()
    server.server_close()
    captures.flush()


def _json(body: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    text = json.dumps(body, default=_seconds)
    return Response(text, status, headers, content_type="application/x-amz-json-1.1")


def _seconds(value: object) -> float:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"not JSON: {value!r}")


if __name__ == "__main__":
    main()
