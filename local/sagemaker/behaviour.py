"""How a model's container behaves, as its Environment declares: how often it fails, and how long it takes.

The same declaration rules requests that are served and traffic that is only counted, so both give the same series.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat

from local.sagemaker.containers import UnknownModelError

ERROR_RATE_VARIABLE = "TRIMTAB_LOCAL_ERROR_RATE"
LATENCY_VARIABLE = "TRIMTAB_LOCAL_LATENCY_MS"
LATENCY_CV_VARIABLE = "TRIMTAB_LOCAL_LATENCY_CV"


class Behaviour(BaseModel):
    """A probability to fail, and a log-normal latency by its mean and coefficient of variation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    error_rate: float = Field(0.0, ge=0, le=1)
    latency_ms: NonNegativeFloat = 0.0
    latency_cv: NonNegativeFloat = 0.3


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of some requests: how many failed, and how long each took (µs)."""

    errors: int
    latencies: NDArray[np.float64]


def behaviour_of(environment: Mapping[str, str]) -> Behaviour:
    """What a container's Environment declares. Raises UnknownModelError for a value that is none."""
    variables = {
        "error_rate": ERROR_RATE_VARIABLE,
        "latency_ms": LATENCY_VARIABLE,
        "latency_cv": LATENCY_CV_VARIABLE,
    }
    given = {field: environment[variable] for field, variable in variables.items() if variable in environment}
    try:
        return Behaviour.model_validate(given)
    except ValueError as error:
        raise UnknownModelError(f"the container's Environment declares no behaviour: {error}") from error


def drawn(behaviour: Behaviour, requests: int, random: np.random.Generator) -> Outcome:
    """Draw what becomes of so many requests."""
    errors = int(random.binomial(requests, behaviour.error_rate))
    if behaviour.latency_ms == 0:
        return Outcome(errors, np.zeros(requests))
    variance = math.log1p(behaviour.latency_cv**2)
    center = math.log(behaviour.latency_ms * 1000) - variance / 2
    return Outcome(errors, random.lognormal(center, math.sqrt(variance), requests))
