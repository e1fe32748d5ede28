"""Models that the endpoints of the local cloud can serve, each a callable named like `local.models:car_loan`.

A model is called with a request's body, its content type and what the caller accepts, and gives a body and its content
type; what it raises becomes the endpoint's ModelError. How often it fails and how long it takes can be declared beside
its name, whichever it is: see `local.sagemaker.behaviour`.
"""

from functools import cache
from threading import Lock

from local.dataset import load_dataset
from local.recorded import Recorded, recorded

_LOADING = Lock()


def echo(body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
    """Answer with the request, whatever is accepted."""
    del accept
    return body, content_type


def car_loan(body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
    """Answer with the probability and class that the car-loan data set recorded for each row (see `recorded`).

    Raises PayloadError for a body that can't be read.
    """
    with _LOADING:  # or the first requests, which come at once, would each load the data
        model = _car_loan()
    return model(body, content_type, accept)


@cache
def _car_loan() -> Recorded:
    return recorded(load_dataset("car_loan:reference"), load_dataset("car_loan:analysis"))
