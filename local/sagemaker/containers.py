"""What stands for a model's container: a plain callable, named `module:callable`.

A SageMaker model names it in its container's `Environment[MODEL_VARIABLE]`; a control request of the SageMaker side can
replace it while the endpoint serves. See `local.models` for those there are.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any

MODEL_VARIABLE = "TRIMTAB_LOCAL_MODEL"

# Called with a request's body, its content type and what the caller accepts; gives a body and its content type.
type Model = Callable[[bytes, str, str], tuple[bytes, str]]


class UnknownModelError(ValueError):
    """A name leads to no callable."""


def model_named(name: str) -> Model:
    """Import the callable named `module:callable`. Raises UnknownModelError with the reason when there is none."""
    module, _, attribute = name.partition(":")
    try:
        model: Model = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise UnknownModelError(f"no local model {name!r}: {error}") from error
    return model


def callable_of(model: str, container: Mapping[str, Any]) -> str:
    """The name that a SageMaker model's primary container gives. Raises UnknownModelError when it gives none."""
    name = container.get("Environment", {}).get(MODEL_VARIABLE)
    if not name:
        raise UnknownModelError(f"model {model!r} names no callable in its Environment[{MODEL_VARIABLE!r}]")
    return str(name)
