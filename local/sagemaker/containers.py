"""What stands for a model's container: a plain callable, named `module:callable`, and how it behaves.

A SageMaker model, or the model package that it is made from, names the callable in its container's
`Environment[MODEL_VARIABLE]`; a control request of the SageMaker side can replace it while the endpoint serves. See
`local.models` for those there are. Other variables there say how often it fails and how long it takes: see `behaviour`.

A container that names none answers as its artifact says: the file `LOADER_FILE` in `model.tar.gz` names a callable that
makes a model of the artifact's files, as `code/inference.py` does in SageMaker's own containers.
"""

import importlib
import io
import tarfile
from collections.abc import Callable, Mapping
from typing import Any

from local.sagemaker.object_store import Store, StoreError, bucket_and_prefix
from local.sagemaker.service import Backend

MODEL_VARIABLE = "TRIMTAB_LOCAL_MODEL"
LOADER_FILE = "trimtab-local-loader"

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


def container_of(backend: Backend, model: str) -> Mapping[str, Any]:
    """The first container of a SageMaker model, or of the model package that it is made from.

    Raises UnknownModelError when the model or its package is not there.
    """
    there = backend._models.get(model)
    if there is None:
        raise UnknownModelError(f"there is no model {model!r}")
    container: Mapping[str, Any] = there.primary_container or next(iter(there.containers), {})
    if package_name := container.get("ModelPackageName"):
        return package_containers(backend, package_name)[0] | dict(container)
    return container


def package_containers(backend: Backend, name: str) -> list[dict[str, Any]]:
    """The containers of a model package, by its name or ARN. Raises UnknownModelError when there are none."""
    package = backend.model_packages.get(backend.model_package_name_mapping.get(name, name))
    containers = ((package and package.inference_specification) or {}).get("Containers")
    if not containers:
        raise UnknownModelError(f"there is no model package {name!r} with containers")
    return list(containers)


def named_callable(container: Mapping[str, Any]) -> str | None:
    """The name of the callable that a container gives, if it gives one."""
    name: str | None = container.get("Environment", {}).get(MODEL_VARIABLE)
    return name


def model_of(model: str, container: Mapping[str, Any], store: Store) -> Model:
    """What answers for a SageMaker model with this container. Raises UnknownModelError when nothing does."""
    if name := named_callable(container):
        return model_named(name)
    if not (uri := container.get("ModelDataUrl")):
        raise UnknownModelError(f"model {model!r} names no callable in its Environment[{MODEL_VARIABLE!r}]")
    try:
        files = _unpacked(store.read(*bucket_and_prefix(uri)))
        load: Any = model_named(files[LOADER_FILE].decode().strip())
        loaded: Model = load(files)
    except UnknownModelError:
        raise
    except KeyError as error:
        raise UnknownModelError(f"model {model!r}: there is no {LOADER_FILE} in {uri}") from error
    except (StoreError, ValueError, tarfile.TarError) as error:
        raise UnknownModelError(f"model {model!r}: {uri} can't be loaded: {error}") from error
    return loaded


def _unpacked(body: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(body), mode="r:gz") as archive:
        found = ((member.name, archive.extractfile(member)) for member in archive.getmembers())
        return {name.removeprefix("./"): file.read() for name, file in found if file}
