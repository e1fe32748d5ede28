"""Model cards against SageMaker's schema, as CloudFormation publishes it (it comes with cfn-lint).

The schema of `AWS::SageMaker::ModelCard` is that of the API, with names in title case: a card is renamed, then judged.
"""

import json
from importlib.util import find_spec
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber
from jsonschema import Draft7Validator

from tests.unit.training.builders import ARN, record
from trimtab.training.model_card import (
    CardFacts,
    ModelCardError,
    card_content,
    card_json,
    card_name,
    package_card_content,
)
from trimtab.training.registration import client_token, model_package_request, parent_record, registered_hashes
from trimtab.training.version_record import record_sha256

FACTS = CardFacts(
    problem="binary_classification",
    purpose="Tell which customers leave.",
    owner="retention",
    algorithm="xgboost",
    risk="Medium",
    caveats="Not for new markets.",
)
LONG = record(
    hyperparameters={f"p{n}": "x" * 400 for n in range(150)} | {"empty": ""},
    metrics={f"m{n}": float(n) for n in range(80)},
    training_data=tuple(f"s3://data/{n}/" for n in range(30)),
    drift_report="s3://state/" + "r" * 2000,
    gates=tuple(
        {"gate": "noise", "dataset": name, "metric": "m" * 300, "value": value, "passed": False, "reason": "r" * 3000}
        for name in ("d" * 100, "e" * 100, "")
        for value in (1, None, 0.5) * 7
    ),
)
OWN_KEYS = {"custom_details", "metadata"}


@pytest.fixture(scope="module")
def schema():
    found = find_spec("cfnlint")  # its files are enough; importing it takes seconds
    if found is None:
        pytest.skip("cfn-lint is not installed")
    schemas = Path(found.origin).parent / "data" / "schemas"
    names = json.loads((schemas / "providers" / "us-east-1.json").read_text())
    whole = json.loads((schemas / "resources" / f"{names['AWS::SageMaker::ModelCard']}.json").read_text())
    return {"definitions": whole["definitions"], **whole["definitions"]["Content"]}


def in_title_case(value, is_own=False):
    if isinstance(value, dict):
        return {
            key if is_own else key.title().replace("_", ""): in_title_case(each, key in OWN_KEYS)
            for key, each in value.items()
        }
    return [in_title_case(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("made", [card_content, package_card_content])
@pytest.mark.parametrize("of", [record(), LONG, record(gates=(), metrics={}, hyperparameters={}, training_job="")])
@pytest.mark.parametrize("facts", [FACTS, CardFacts("regression", purpose="p" * 5000, caveats="c" * 5000)])
def test_cards_are_as_sagemakers_schema_wants_them(schema, made, of, facts):
    content = made(of, facts)
    errors = [error.message for error in Draft7Validator(schema).iter_errors(in_title_case(content))]
    assert errors == []
    assert json.loads(card_json(content)) == content


def test_the_schema_would_refuse_what_it_does_not_know(schema):
    content = in_title_case(card_content(record(), FACTS))
    assert not Draft7Validator(schema).is_valid({**content, "Surprise": 1})
    content["ModelOverview"]["ModelOwner"] = "x" * 1025
    assert not Draft7Validator(schema).is_valid(content)


def test_the_card_of_a_package_names_only_creator_and_artifact():
    # "Model package model card schema": model_overview knows no other key
    assert package_card_content(record(), FACTS)["model_overview"].keys() == {"model_creator", "model_artifact"}
    overview = card_content(record(), FACTS)["model_overview"]
    assert (overview["model_name"], overview["model_version"]) == ("churn", 1)
    assert overview["problem_type"] == "Binary Classification"


def test_a_card_shows_the_gates():
    evaluations = card_content(record(), FACTS)["evaluation_details"]
    assert [each["name"] for each in evaluations] == ["service and data", "holdout"]
    [unknown] = evaluations[0]["metric_groups"][0]["metric_data"]
    assert (unknown["type"], unknown["value"]) == ("string", "not known")
    assert "latency was not measured" in evaluations[0]["evaluation_observation"]
    assert evaluations[1]["evaluation_observation"] == "all 1 gates passed"


def test_a_card_that_is_too_long_is_refused():
    with pytest.raises(ModelCardError, match="100,000"):
        card_json({"x": "y" * 100_001})


def test_each_version_has_its_own_card():
    assert card_name("churn", 3) == "churn-v3"
    assert len(card_name("c" * 63, 123)) == 63
    assert card_name("c" * 58 + "-" * 5, 12) == "c" * 58 + "-v12"


def request(of):
    return model_package_request(
        of,
        record_uri="s3://state/versions/churn/1.json",
        evaluation_uri="s3://state/evaluations/churn/1.json",
        evaluation_sha256="a" * 64,
        card=package_card_content(of, FACTS),
        approval="PendingManualApproval",
        constraints_uri="s3://baselines/churn/constraints.json",
    )


@pytest.mark.parametrize("of", [record(), LONG])
def test_the_registration_is_one_that_the_api_takes(of):
    arguments = request(of)
    client = boto3.client("sagemaker", region_name="eu-west-1")
    with Stubber(client) as stubber:
        stubber.add_response("create_model_package", {"ModelPackageArn": f"{ARN}model-package/churn/1"}, arguments)
        client.create_model_package(**arguments)
    assert "Tags" not in arguments  # refused together with a group
    metadata = arguments["CustomerMetadataProperties"]
    assert len(metadata) <= 50
    assert all(0 < len(key) <= 128 and len(value) <= 256 for key, value in metadata.items())
    assert len(arguments["ClientToken"]) == 36
    assert len(arguments["ModelPackageDescription"]) <= 1024


def test_registering_again_has_the_same_token():
    assert client_token(record()) == client_token(record(created=LONG.created))
    assert client_token(record()) != client_token(record(2, record()))
    assert client_token(record(training_job="")) != client_token(record(training_job="", code_commit="0"))


def test_the_registry_tells_the_hashes_of_records():
    packages = [
        {"CustomerMetadataProperties": request(record())["CustomerMetadataProperties"]},
        {"CustomerMetadataProperties": {"team": "x"}},
        {},
    ]
    assert registered_hashes(packages) == {1: record_sha256(record())}


@pytest.mark.parametrize(
    ("package", "expected"),
    [
        ({"ModelPackageGroupName": "churn", "CustomerMetadataProperties": {"record_version": "2"}}, 2),
        ({"ModelPackageGroupName": "churn", "CustomerMetadataProperties": {"record_version": "3"}}, None),
        ({"ModelPackageGroupName": "churn", "CustomerMetadataProperties": {"record_version": "two"}}, None),
        ({"ModelPackageGroupName": "other", "CustomerMetadataProperties": {"record_version": "2"}}, None),
        ({"ModelPackageGroupName": "churn"}, None),
        (None, None),
    ],
    ids=["older", "not older", "no number", "of another group", "registered by others", "nothing serves"],
)
def test_the_parent_is_an_older_record_of_the_same_group(package, expected):
    assert parent_record(package, "churn", 3) == expected
