"""What an endpoint answers, and what stands for its container."""

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any

import pytest

from local.sagemaker.behaviour import Behaviour
from local.sagemaker.captures import Captures
from local.sagemaker.containers import LOADER_FILE, MODEL_VARIABLE, UnknownModelError, model_named, model_of
from local.sagemaker.errors import RefusedError
from local.sagemaker.invocations import Answer, Invocation, Replaced, invoke
from local.sagemaker.registry import create_model
from local.sagemaker.training_runs import packed

type World = Any


def ask(world: World, replaced: Replaced | None = None, endpoint: str = "churn", **request: Any) -> Answer:
    captures = Captures(lambda *_: None, 60)
    metrics = world.metrics
    try:
        return invoke(world.service, replaced or Replaced(), captures, metrics, Invocation(endpoint, b"1", **request))
    finally:
        metrics.flush()


def errors(world: World) -> int:
    return sum(
        int(value * count)
        for datum in world.published
        if datum["MetricName"] == "InvocationModelErrors" and len(datum["Dimensions"]) == 2
        for value, count in zip(datum["Values"], datum["Counts"], strict=True)
    )


def test_the_model_answers_and_the_request_is_counted(world: World) -> None:
    assert ask(world, content_type="text/csv") == Answer("main", b"1", "text/csv")
    assert {datum["MetricName"] for datum in world.published} >= {"Invocations", "ModelLatency", "OverheadLatency"}
    assert errors(world) == 0


def test_a_variant_without_weight_answers_who_names_it(world: World, make_variant: Callable[..., Any]) -> None:
    world.config("both", make_variant("main", "old"), make_variant("canary", "new", InitialVariantWeight=0.0))
    world.endpoint("pair", "both")
    assert ask(world, endpoint="pair").variant == "main"
    assert ask(world, endpoint="pair", target_variant="canary").variant == "canary"


def test_a_model_fails_as_it_declares(world: World) -> None:
    always = Replaced(behaviours={"old": Behaviour(error_rate=1, latency_ms=1)})
    with pytest.raises(RefusedError, match=r"server error \(500\).*declares that it fails") as refused:
        ask(world, always)
    assert refused.value.code == "ModelError"
    assert refused.value.members["OriginalStatusCode"] == 500
    assert errors(world) == 1
    with pytest.raises(RefusedError, match="TypeError"):
        ask(world, Replaced(callables={"old": "json:loads"}))


def test_an_endpoint_serves_on_when_its_config_is_deleted(world: World) -> None:
    world.service.backend.delete_endpoint_config("one")
    assert ask(world).body == b"1"


@pytest.mark.parametrize("status", ["OutOfService", "Failed"])
def test_an_endpoint_out_of_service_is_not_found(world: World, status: str) -> None:
    world.service.changes.force_statuses({"churn": status})
    with pytest.raises(RefusedError, match="Endpoint churn of account 000000000000 not found"):
        ask(world)


def test_a_container_names_its_callable(world: World) -> None:
    assert model_of("m", {"Environment": {MODEL_VARIABLE: "json:dumps"}}, world.objects).__name__ == "dumps"
    assert model_named("json:dumps").__name__ == "dumps"
    with pytest.raises(UnknownModelError, match="model 'm' names no callable"):
        model_of("m", {}, world.objects)
    for name in ("json:nothing", "no.such.module:x", "", "json"):
        with pytest.raises(UnknownModelError, match="no local model"):
            model_named(name)


def artifact(files: dict[str, bytes]) -> bytes:
    with TemporaryDirectory() as folder:
        for name, body in files.items():
            (Path(folder) / name).write_bytes(body)
        return packed(Path(folder))


def shout(body: bytes, content_type: str, accept: str) -> tuple[bytes, str]:
    del accept
    return body + b"!", content_type


def test_an_artifact_answers_as_its_loader_says(
    world: World, make_variant: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    container = {"Image": "none", "ModelDataUrl": "s3://models/m.tar.gz"}
    with pytest.raises(UnknownModelError, match="can't be loaded"):
        model_of("m", {"ModelDataUrl": "s3://models/none.tar.gz"}, world.objects)
    world.objects.write("models", "empty.tar.gz", artifact({"model": b""}))
    with pytest.raises(UnknownModelError, match=f"there is no {LOADER_FILE} in s3://models/empty.tar.gz"):
        model_of("m", {"ModelDataUrl": "s3://models/empty.tar.gz"}, world.objects)
    world.objects.write("models", "broken.tar.gz", b"no archive")
    with pytest.raises(UnknownModelError, match="can't be loaded"):
        model_of("m", {"ModelDataUrl": "s3://models/broken.tar.gz"}, world.objects)
    monkeypatch.setitem(sys.modules, "shouting", SimpleNamespace(load=lambda _files: shout))
    world.objects.write("models", "m.tar.gz", artifact({LOADER_FILE: b"shouting:load\n"}))
    create_model(world.service, {"ModelName": "artifact", "ExecutionRoleArn": "r", "PrimaryContainer": container})
    world.config("two", make_variant("main", "artifact"))
    world.endpoint("loud", "two")
    assert ask(world, endpoint="loud").body == b"1!"
    world.objects.clear()
    assert ask(world, endpoint="loud").body == b"1!"  # it is loaded
