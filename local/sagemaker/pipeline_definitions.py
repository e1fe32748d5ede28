"""What a pipeline's definition says: its parameters, its steps, which of them need which, and what their values are.

The schema is "SageMaker Pipelines: JSON schema for pipeline definitions", version 2020-12-01, as far as it goes here.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.sagemaker.errors import RefusedError, invalid

DONE = ("Training", "RegisterModel", "Fail")
"""Types of steps that do what they say."""
PASSED = ("Processing", "Transform", "Model", "Lambda", "QualityCheck", "ClarifyCheck")
"""Types of steps that only take their time."""
MOST_PARAMETERS = 200
LONGEST_VALUE = 1024


@dataclass(frozen=True, slots=True)
class StepDefinition:
    """A step, and the names of the steps that must have succeeded before it begins."""

    name: str
    kind: str
    arguments: Mapping[str, Any]
    needs: frozenset[str]
    display_name: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """A pipeline's definition."""

    parameters: Mapping[str, Mapping[str, Any]]
    steps: tuple[StepDefinition, ...]


# Gives the value that a reference such as `Parameters.Endpoint` or `Steps.train.TrainingJobName` stands for.
type LookUp = Callable[[str], Any]


def parsed_definition(text: str) -> Definition:
    """Read a definition. Raises RefusedError for one that can't be run here."""
    try:
        document = json.loads(text)
        parameters = {parameter["Name"]: parameter for parameter in document.get("Parameters", [])}
        steps = tuple(_step(step) for step in document["Steps"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise invalid(f"Unable to parse pipeline definition. {type(error).__name__}: {error}") from error
    names = [step.name for step in steps]
    if len(set(names)) < len(names):
        raise invalid(f"Unable to parse pipeline definition. Step names must be unique: {', '.join(names)}")
    for step in steps:
        if step.kind not in (*DONE, *PASSED):
            raise invalid(f"The local cloud's pipelines have no steps of type {step.kind} (step {step.name})")
        if unknown := sorted(step.needs - set(names)):
            raise invalid(f"Unable to parse pipeline definition. Step {step.name} needs unknown step {unknown[0]}")
    _require_no_cycle(steps)
    return Definition(parameters, steps)


def _step(step: Mapping[str, Any]) -> StepDefinition:
    arguments = step.get("Arguments", {})
    references = {reference.split(".")[1] for reference in _references(arguments) if reference.startswith("Steps.")}
    return StepDefinition(
        step["Name"],
        step["Type"],
        arguments,
        frozenset(step.get("DependsOn", [])) | references,
        step.get("DisplayName", ""),
        step.get("Description", ""),
    )


def _require_no_cycle(steps: Sequence[StepDefinition]) -> None:
    ready: set[str] = set()
    while left := [step for step in steps if step.name not in ready]:
        next_ones = {step.name for step in left if step.needs <= ready}
        if not next_ones:
            raise invalid(f"Unable to parse pipeline definition. Steps need each other: {left[0].name}")
        ready |= next_ones


def parameter_values(definition: Definition, given: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The values of a pipeline's parameters in an execution that was started with these.

    Raises RefusedError for a parameter that the pipeline has not, a value that its type does not allow, and one that
    is needed but not given.
    """
    if len(given) > MOST_PARAMETERS:
        raise invalid(f"PipelineParameters must have at most {MOST_PARAMETERS} items, not {len(given)}")
    texts = {parameter["Name"]: parameter["Value"] for parameter in given}
    if unknown := sorted(set(texts) - set(definition.parameters)):
        raise invalid(f"Pipeline parameters {unknown} are not defined in the pipeline definition.")
    values = {}
    for name, parameter in definition.parameters.items():
        if name in texts:
            values[name] = _value(parameter, texts[name])
        elif "DefaultValue" in parameter:
            values[name] = parameter["DefaultValue"]
        else:
            raise invalid(f"Pipeline parameter {name} has no default value and must be given.")
    return values


def _value(parameter: Mapping[str, Any], text: str) -> Any:
    name, kind = parameter["Name"], parameter.get("Type", "String")
    if len(text) > LONGEST_VALUE:
        raise invalid(f"The value of pipeline parameter {name} has more than {LONGEST_VALUE} characters.")
    if text == "":
        raise invalid('[string "" is too short (length: 0, required minimum: 1)]')
    read: dict[str, Callable[[str], Any]] = {"Integer": int, "Float": float, "Boolean": _boolean}
    try:
        value = read.get(kind, str)(text)
    except ValueError as error:
        raise invalid(f"The value of pipeline parameter {name} is no {kind}: {text!r}.") from error
    if "EnumValues" in parameter and value not in parameter["EnumValues"]:
        raise invalid(f"The value of pipeline parameter {name} is none of {parameter['EnumValues']}: {text!r}.")
    return value


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def resolved(value: Any, look_up: LookUp) -> Any:
    """A step's arguments, with what stands in for references and joined texts. Raises RefusedError."""
    if isinstance(value, list):
        return [resolved(item, look_up) for item in value]
    if not isinstance(value, Mapping):
        return value
    if set(value) == {"Get"}:
        try:
            return look_up(value["Get"])
        except (KeyError, IndexError, TypeError) as error:
            raise RefusedError("ClientError", f"Unable to resolve {value['Get']}") from error
    if set(value) == {"Std:Join"}:
        join = value["Std:Join"]
        return str(join.get("On", "")).join(str(item) for item in resolved(join["Values"], look_up))
    return {key: resolved(item, look_up) for key, item in value.items()}


def member_of(document: Mapping[str, Any], path: Sequence[str]) -> Any:
    """The member that a reference's path leads to. Raises KeyError or TypeError when it leads to none."""
    found: Any = document
    for name in path:
        found = found[name]
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _references(item)
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if key == "Get" and isinstance(item, str):
                yield item
            else:
                yield from _references(item)
