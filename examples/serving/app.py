"""The model behind HTTP, as SageMaker asks for it: GET /ping and POST /invocations; /metrics for Prometheus.

Environment: MODEL_PATH (/opt/ml/model/model.json). CAPTURE_DIR: write captures there; leave it out on SageMaker, which
captures by itself. ENDPOINT_NAME, VARIANT_NAME: what captures are filed under. CAPTURE_PERCENT (100). One process a
container: metrics and captures are of the process.
"""

import os
import random
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from model.inference import BadRequestError, answer
from model.logistic import load
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, generate_latest

from serving.captures import Captures, capture_line

CSV = "text/csv"
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
REQUESTS = Counter("model_requests_total", "Requests to /invocations.", ("status",))
PREDICTIONS = Counter("model_predictions_total", "Rows that were answered.")
SECONDS = Histogram("model_request_seconds", "Time that the model takes for a request.", buckets=BUCKETS)
LOST_CAPTURES = Counter("model_captures_lost_total", "Captures that could not be written.")
IN_PROGRESS = Gauge("model_requests_in_progress", "Requests that wait for the model.")

MODEL = load(os.environ.get("MODEL_PATH", "/opt/ml/model/model.json"))
PERCENT = float(os.environ.get("CAPTURE_PERCENT", "100"))
CAPTURES = None
if "CAPTURE_DIR" in os.environ:
    names = os.environ.get("ENDPOINT_NAME", "model"), os.environ.get("VARIANT_NAME", "AllTraffic")
    CAPTURES = Captures(Path(os.environ["CAPTURE_DIR"]).joinpath(*names))

app = FastAPI(title="churn", docs_url=None, redoc_url=None, openapi_url=None)


@app.get("/ping")
def ping() -> Response:
    """The model is loaded: it was before the first request."""
    return Response()


@app.get("/metrics")
def metrics() -> Response:
    """What Prometheus scrapes."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@app.post("/invocations")
async def invocations(request: Request) -> Response:
    """Probabilities for rows of CSV. 400: the rows are none; 415: it is no CSV."""
    body = await request.body()
    content_type = request.headers.get("content-type", CSV).partition(";")[0].strip()
    if content_type != CSV:
        return refused(415, f"content type {content_type}: {CSV} is expected")
    try:
        with SECONDS.time(), IN_PROGRESS.track_inprogress():
            answered = await run_in_threadpool(answer, MODEL, body)
    except BadRequestError as error:
        return refused(400, str(error))
    except Exception:
        REQUESTS.labels("500").inc()
        raise
    REQUESTS.labels("200").inc()
    PREDICTIONS.inc(answered.count(b"\n"))
    if CAPTURES is not None and random.uniform(0, 100) < PERCENT:
        inference_id = request.headers.get("x-amzn-sagemaker-inference-id", "")
        await run_in_threadpool(capture, CAPTURES, body, answered, inference_id)
    return Response(answered, media_type=CSV)


def capture(captures: Captures, body: bytes, answered: bytes, inference_id: str) -> None:
    """Write a capture; that it cannot be written is counted and harms no request."""
    try:
        captures.write(capture_line(body.decode(), answered.decode(), CSV, inference_id))
    except OSError:
        LOST_CAPTURES.inc()


def refused(status: int, why: str) -> Response:
    """The caller's mistake."""
    REQUESTS.labels(str(status)).inc()
    return Response(f"{why}\n", status, media_type="text/plain")
