"""Models, and those made from model packages."""

from inspect import signature
from typing import Any

import pytest

from local.sagemaker.containers import MODEL_VARIABLE, UnknownModelError, container_of, named_callable
from local.sagemaker.errors import RefusedError
from local.sagemaker.packages import describe_model_package
from local.sagemaker.registry import create_model, describe_model

type World = Any


def package(world: World) -> str:
    backend = world.service.backend
    backend.create_model_package_group("group", "")
    containers = [{"Image": "none", "Environment": {MODEL_VARIABLE: "local.models:echo"}}]
    specification = {"Containers": containers}
    fields: dict[str, Any] = dict.fromkeys(signature(backend.create_model_package).parameters)
    given = {"model_package_group_name": "group", "inference_specification": specification}
    return str(backend.create_model_package(**fields | given))


def test_a_model_from_a_package_answers_as_the_package_says(world: World) -> None:
    arn = package(world)
    asked = {"ModelName": "packaged", "ExecutionRoleArn": "r", "Containers": [{"ModelPackageName": arn}]}
    create_model(world.service, dict(asked))
    shown = describe_model(world.service, {"ModelName": "packaged"})
    assert shown["Containers"] == [{"ModelPackageName": arn}]
    assert named_callable(container_of(world.service.backend, "packaged")) == "local.models:echo"
    assert describe_model_package(world.service, {"ModelPackageName": arn})["ModelPackageArn"] == arn
    with pytest.raises(RefusedError, match=r"^Cannot create already existing model"):
        create_model(world.service, dict(asked))


def test_what_is_not_there_is_named(world: World) -> None:
    with pytest.raises(RefusedError, match=r'Could not find model "arn:.*model/none"'):
        describe_model(world.service, {"ModelName": "none"})
    with pytest.raises(RefusedError, match=r"ModelPackage arn:.*model-package/none does not exist"):
        describe_model_package(world.service, {"ModelPackageName": "none"})
    container = {"ModelPackageName": "none"}
    with pytest.raises(RefusedError, match="Could not find model package"):
        create_model(world.service, {"ModelName": "m", "ExecutionRoleArn": "r", "PrimaryContainer": container})
    with pytest.raises(UnknownModelError, match="there is no model 'none'"):
        container_of(world.service.backend, "none")
