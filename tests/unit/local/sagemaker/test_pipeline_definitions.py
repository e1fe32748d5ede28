"""Definitions of pipelines: what they say, and what is refused."""

import json
from typing import Any

import pytest

from local.sagemaker.errors import RefusedError
from local.sagemaker.pipeline_definitions import Definition, parameter_values, parsed_definition, resolved

PARAMETERS = [
    {"Name": "Endpoint", "Type": "String"},
    {"Name": "Rows", "Type": "Integer", "DefaultValue": 5},
    {"Name": "Rate", "Type": "Float", "DefaultValue": 0.5},
    {"Name": "Spot", "Type": "Boolean", "DefaultValue": True},
    {"Name": "Size", "Type": "String", "DefaultValue": "small", "EnumValues": ["small", "large"]},
]


def definition(*steps: dict[str, Any]) -> Definition:
    return parsed_definition(json.dumps({"Version": "2020-12-01", "Parameters": PARAMETERS, "Steps": steps}))


def step(name: str, kind: str = "Processing", **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": kind, "Arguments": {}, **members}


def given(**values: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in values.items()]


def test_a_step_needs_what_it_depends_on_and_what_it_refers_to() -> None:
    reference = {"Data": [{"S3Uri": {"Get": "Steps.prepare.Output"}}]}
    _, _, last = definition(
        step("prepare"), step("other"), step("train", Arguments=reference, DependsOn=["other"])
    ).steps
    assert last.needs == {"prepare", "other"}


def test_parameters_have_types_and_defaults() -> None:
    values = parameter_values(definition(), given(Endpoint="churn", Rows="7", Spot="false"))
    assert values == {"Endpoint": "churn", "Rows": 7, "Rate": 0.5, "Spot": False, "Size": "small"}


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({}, "parameter Endpoint has no default value"),
        ({"Endpoint": "a", "Window": "b"}, r"\['Window'\] are not defined in the pipeline definition"),
        ({"Endpoint": ""}, "is too short"),
        ({"Endpoint": "a" * 1025}, "more than 1024"),
        ({"Endpoint": "a", "Rows": "many"}, "Rows is no Integer"),
        ({"Endpoint": "a", "Spot": "maybe"}, "Spot is no Boolean"),
        ({"Endpoint": "a", "Size": "huge"}, "Size is none of"),
        ({f"P{number}": "a" for number in range(201)}, "at most 200"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(values: dict[str, str], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        parameter_values(definition(), given(**values))


@pytest.mark.parametrize(
    ("steps", "reason"),
    [
        ([step("a"), step("a")], "must be unique"),
        ([step("a", DependsOn=["b"])], "needs unknown step b"),
        ([step("a", DependsOn=["b"]), step("b", DependsOn=["a"])], "need each other"),
        ([step("a", "Condition")], "no steps of type Condition"),
        ([{"Name": "a"}], "KeyError"),
    ],
)
def test_definitions_that_cannot_be_run_are_refused(steps: list[dict[str, Any]], reason: str) -> None:
    with pytest.raises(RefusedError, match=reason):
        definition(*steps)


@pytest.mark.parametrize("text", ["no", "[]", "{}", '{"Steps": 1}'])
def test_what_is_no_definition_is_refused(text: str) -> None:
    with pytest.raises(RefusedError, match="Unable to parse pipeline definition"):
        parsed_definition(text)


def test_references_and_joins_are_resolved() -> None:
    values = {"Parameters.A": "x", "Parameters.N": 3}
    uri = {"Std:Join": {"On": "/", "Values": ["s3:/", {"Get": "Parameters.A"}, {"Get": "Parameters.N"}]}}
    assert resolved({"u": [uri], "n": {"Get": "Parameters.N"}, "s": "as is"}, values.__getitem__) == {
        "u": ["s3://x/3"],
        "n": 3,
        "s": "as is",
    }
    with pytest.raises(RefusedError, match=r"Unable to resolve Parameters\.B"):
        resolved({"Get": "Parameters.B"}, values.__getitem__)
