"""Models that the endpoints of the local cloud can serve, each a callable named like `local.models:car_loan`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import import_module

from local.dataset import load_dataset
from local.payloads import PayloadError
from local.recorded import Recorded, recorded

MODEL_VARIABLE = "LOCAL_MODEL"
"""Key in the `Environment` of a SageMaker model's container that names the callable to serve."""


@dataclass(frozen=True, slots=True)
class Request:
    """What `InvokeEndpoint` hands to a model; texts are empty where the caller gave none."""

    body: bytes
    content_type: str = ""
    accept: str = ""
    custom_attributes: str = ""
    inference_id: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model answers. A status other than 200 is a failed request."""

    body: bytes
    content_type: str
    status: int = 200


type Model = Callable[[Request], Answer]


class UnknownModelError(LookupError):
    """A name is no callable's; the message says what is wrong with it."""


@cache
def model_named(name: str) -> Model:
    """The callable of a name such as `local.models:car_loan`. Raises UnknownModelError."""
    module, _, attribute = name.partition(":")
    try:
        model = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnknownModelError(f"no model {name!r} (module:callable): {error}") from error
    if not callable(model):
        raise UnknownModelError(f"{name!r} is not callable")
    return model  # type: ignore[no-any-return]


def echo(request: Request) -> Answer:
    """Answer with the request."""
    return Answer(request.body, request.content_type)


def car_loan(request: Request) -> Answer:
    """Answer with the probability and class that the car-loan data set recorded for each row (see `recorded`).

    A body that can't be read is answered with status 400 and the reason.
    """
    try:
        return Answer(*_car_loan()(request.body, request.content_type, request.accept))
    except PayloadError as error:
        return Answer(str(error).encode(), "text/plain; charset=utf-8", 400)


@cache
def _car_loan() -> Recorded:
    return recorded(load_dataset("car_loan:reference"), load_dataset("car_loan:analysis"))
