"""Asking one variant of an endpoint, on Amazon SageMaker Runtime."""

from functools import cache
from time import perf_counter
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ReadTimeoutError

from trimtab.rollout.smoke import OK, Answer

_ANSWERED = frozenset(
    {
        "ModelError",
        "ValidationError",
        "ServiceUnavailable",
        "InternalFailure",
        "ModelNotReadyException",
        "InternalDependencyException",
    }
)


def invoke_variant(endpoint: str, variant: str, body: bytes, content_type: str) -> Answer:
    """What a variant answers to a request, whatever its traffic weight, and how long it takes, seen from here.

    A model's failure is an answer. Raises ClientError for what is no answer: throttling, permissions.
    """
    started = perf_counter()
    try:
        answer = _client().invoke_endpoint(
            EndpointName=endpoint,
            TargetVariant=variant,
            Body=body,
            **({"ContentType": content_type} if content_type else {}),
        )
        content = answer["Body"].read()
    except ClientError as error:
        if error.response["Error"]["Code"] not in _ANSWERED:
            raise
        return _failure(error, _milliseconds(started))
    except (ReadTimeoutError, ConnectionClosedError) as error:
        return Answer(status=504, milliseconds=_milliseconds(started), error=str(error))
    return Answer(OK, content, answer.get("ContentType", ""), _milliseconds(started))


@cache
def _client() -> Any:
    """Asks once: what a model does not answer within SageMaker's own limit of a minute is an answer too."""
    return boto3.client("sagemaker-runtime", config=Config(retries={"total_max_attempts": 1}, read_timeout=65))


def _failure(error: ClientError, milliseconds: float) -> Answer:
    """What failed: the model, with the status it gave itself, or SageMaker before it."""
    told = error.response
    status = told.get("OriginalStatusCode") or told["ResponseMetadata"]["HTTPStatusCode"]
    why = told.get("OriginalMessage") or told["Error"].get("Message", "")
    return Answer(int(status), milliseconds=milliseconds, error=f"{told['Error']['Code']}: {why}"[:300])  # type: ignore[call-overload]


def _milliseconds(started: float) -> float:
    return (perf_counter() - started) * 1000
