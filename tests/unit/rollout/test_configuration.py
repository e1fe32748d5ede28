from datetime import UTC, datetime

import botocore.session
import pytest

from trimtab.rollout.configuration import canary_config, copied, final_config, model_of_package
from trimtab.rollout.observed import EndpointState, VariantState

MODEL = botocore.session.get_session().get_service_model("sagemaker")
CREATE = MODEL.operation_model("CreateEndpointConfig").input_shape
DESCRIBE = MODEL.operation_model("DescribeEndpointConfig").output_shape
MADE_BY_AWS = {"EndpointConfigName", "EndpointConfigArn", "CreationTime"}


def filled(shape, seen=()):
    """A value of a shape with every member set, by the service's own model."""
    if shape.name in seen:
        return None
    match shape.type_name:
        case "structure":
            return {name: filled(member, (*seen, shape.name)) for name, member in shape.members.items()}
        case "list":
            return [filled(shape.member, (*seen, shape.name))]
        case "map":
            return {"key": filled(shape.value, (*seen, shape.name))}
        case "timestamp":
            return datetime(2026, 11, 20, tzinfo=UTC)
        case "boolean":
            return True
        case "integer" | "long":
            return 1
        case "float" | "double":
            return 1.0
        case _:
            return shape.enum[0] if getattr(shape, "enum", None) else "text"


def described():
    config = filled(DESCRIBE)
    config["ProductionVariants"][0]["VariantName"] = "AllTraffic"
    return config


def endpoint(**variants):
    states = {name: VariantState(name, weight, weight, count, count) for name, (weight, count) in variants.items()}
    return EndpointState("churn", "InService", "old", "", states)


def test_every_member_that_sagemaker_describes_and_takes_is_copied():
    copy = copied(described(), CREATE.members)
    assert copy.keys() == DESCRIBE.members.keys() - MADE_BY_AWS
    assert copy.keys() <= CREATE.members.keys()
    assert all(copy[name] == described()[name] for name in copy)


def test_a_member_added_tomorrow_is_copied_and_one_that_is_only_shown_is_not():
    shown = described() | {"QuantumConfig": {"Qubits": 3}, "LastUsed": 1}
    copy = copied(shown, {*CREATE.members, "QuantumConfig"})
    assert copy["QuantumConfig"] == {"Qubits": 3}
    assert "LastUsed" not in copy


def test_tags_are_copied_but_for_those_of_aws():
    copy = copied(described(), CREATE.members, {"team": "growth", "aws:cloudformation:stack-name": "x"})
    assert copy["Tags"] == [{"Key": "team", "Value": "growth"}]


@pytest.mark.parametrize("with_canary", [True, False])
def test_all_but_the_variants_stays_as_it_was(with_canary):
    base = copied(described(), CREATE.members)
    seen = endpoint(AllTraffic=(1.0, 4))
    config = (
        canary_config(base, "AllTraffic", "v2", seen, "id")
        if with_canary
        else final_config(base, "AllTraffic", "v2", seen, "id", 1.0, 4)
    )
    assert {name: value for name, value in config.items() if name not in {"ProductionVariants", "Tags"}} == {
        name: value for name, value in base.items() if name != "ProductionVariants"
    }
    assert config["Tags"] == [{"Key": "trimtab:rollout", "Value": "id"}]


def test_the_canary_differs_from_production_in_name_model_weight_and_instances_alone():
    base = copied(described(), CREATE.members)
    production, canary = canary_config(base, "AllTraffic", "v2", endpoint(AllTraffic=(0.7, 4)), "id")[
        "ProductionVariants"
    ]
    assert (production["InitialVariantWeight"], production["InitialInstanceCount"]) == (0.7, 4)
    different = {name for name in production if production[name] != canary[name]}
    assert different == {"VariantName", "ModelName", "InitialVariantWeight", "InitialInstanceCount"}
    assert (canary["VariantName"], canary["ModelName"]) == ("Canary", "v2")
    assert (canary["InitialVariantWeight"], canary["InitialInstanceCount"]) == (0.0, 1)
    assert base["ProductionVariants"][0]["InitialInstanceCount"] == 1  # nothing is changed in place


def test_other_variants_keep_the_traffic_and_instances_they_have_now():
    base = {
        "ProductionVariants": [
            {"VariantName": "A", "ModelName": "a", "InitialVariantWeight": 1.0, "InitialInstanceCount": 1},
            {"VariantName": "B", "ModelName": "b", "InitialVariantWeight": 1.0, "InitialInstanceCount": 1},
        ]
    }
    seen = endpoint(A=(0.0, 2), B=(0.3, 5), Canary=(0.7, 6))
    first, second = final_config(base, "A", "a2", seen, "id", 0.7, 6)["ProductionVariants"]
    assert first == {"VariantName": "A", "ModelName": "a2", "InitialVariantWeight": 0.7, "InitialInstanceCount": 6}
    assert second == {"VariantName": "B", "ModelName": "b", "InitialVariantWeight": 0.3, "InitialInstanceCount": 5}


def test_a_model_of_a_package_runs_with_the_present_models_role_and_network():
    present = {
        "ExecutionRoleArn": "role",
        "VpcConfig": {"Subnets": ["s"]},
        "EnableNetworkIsolation": True,
        "ModelArn": "x",
    }
    made = model_of_package("arn:package", present, "id")
    assert made["PrimaryContainer"] == {"ModelPackageName": "arn:package"}
    assert {name: made[name] for name in ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")} == {
        name: present[name] for name in ("ExecutionRoleArn", "VpcConfig", "EnableNetworkIsolation")
    }
    assert made.keys() <= MODEL.operation_model("CreateModel").input_shape.members.keys()
