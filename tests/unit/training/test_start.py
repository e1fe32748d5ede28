import re

import boto3
import pytest
from botocore.stub import Stubber
from hypothesis import given
from hypothesis import strategies as st

from trimtab.training.settings import SpotSettings, TrainingJobSettings
from trimtab.training.spot import training_limits
from trimtab.training.start import (
    StartError,
    is_same_start,
    job_name_prefix,
    pipeline_parameters,
    start_token,
    training_facts,
    training_job_name,
    training_job_request,
)

TOKEN = start_token("p", "churn", "w", "drift")
JOB = TrainingJobSettings(
    image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/churn:1",
    role="arn:aws:iam::123456789012:role/training",
    data={"train": "s3://data/churn/train/"},
    content_type="text/csv",
    output="s3://models/churn/",
    hyperparameters={"eta": "0.1"},
    environment={"STAGE": "prod"},
)
FACTS = training_facts(
    endpoint="churn", window="w", report="s3://r", data_version="v7", parent_model="churn/6", reason="drift"
)


@given(st.tuples(*[st.text(max_size=20)] * 4), st.tuples(*[st.text(max_size=20)] * 4))
def test_tokens_tell_facts_apart(one, other):
    assert (start_token(*one) == start_token(*other)) == (one == other) or "\x1f" in "".join(one + other)
    assert re.fullmatch(r"[0-9a-f]{64}", start_token(*one))  # ClientRequestToken has 32 to 128 characters


@given(st.text(max_size=80), st.booleans())
def test_job_names_are_names_that_sagemaker_takes(endpoint, on_demand):
    name = training_job_name(endpoint, TOKEN, on_demand=on_demand)
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", name)
    assert name == training_job_name(endpoint, TOKEN, on_demand=on_demand)
    assert name != training_job_name(endpoint, TOKEN, on_demand=not on_demand)


@given(st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", fullmatch=True), st.booleans())
def test_every_job_of_an_endpoint_as_sagemaker_names_them_has_its_prefix(endpoint, on_demand):
    assert training_job_name(endpoint, TOKEN, on_demand=on_demand).startswith(job_name_prefix(endpoint))


def test_a_pipeline_gets_the_parameters_it_declares():
    assert pipeline_parameters(FACTS, {"DriftReport", "ParentModel", "Else"}) == [
        {"Name": "DriftReport", "Value": "s3://r"},
        {"Name": "ParentModel", "Value": "churn/6"},
    ]
    assert len(pipeline_parameters(FACTS, None)) == len(FACTS)


def test_parameters_that_are_too_long_or_too_many_are_refused_by_name():
    with pytest.raises(StartError, match="DriftReport has 1025"):
        pipeline_parameters({"DriftReport": "x" * 1025}, None)
    with pytest.raises(StartError, match="201"):
        pipeline_parameters({str(n): "" for n in range(201)}, None)


def request(limits, checkpoints=None):
    return training_job_request(training_job_name("churn", TOKEN), TOKEN, JOB, limits, checkpoints, FACTS)


@pytest.mark.parametrize("on_demand", [False, True])
def test_the_request_is_one_that_the_api_takes(on_demand):
    limits = training_limits(SpotSettings(checkpoints=True), [100.0], on_demand=on_demand)
    arguments = request(limits, "s3://b/checkpoints/churn/v7/")
    client = boto3.client("sagemaker", region_name="eu-west-1")
    with Stubber(client) as stubber:
        answer = {"TrainingJobArn": "arn:aws:sagemaker:eu-west-1:123456789012:training-job/x"}
        stubber.add_response("create_training_job", answer, arguments)
        client.create_training_job(**arguments)
    assert arguments["EnableManagedSpotTraining"] is not on_demand
    assert ("MaxWaitTimeInSeconds" in arguments["StoppingCondition"]) is not on_demand
    assert arguments["CheckpointConfig"]["LocalPath"] == "/opt/ml/checkpoints"


def test_a_job_knows_why_it_runs_and_whose_start_it_is():
    arguments = request(training_limits(SpotSettings(), []))
    assert "CheckpointConfig" not in arguments
    variables = arguments["Environment"]
    assert variables["STAGE"] == "prod"
    assert variables["TRIMTAB_TRAINING_DATA_VERSION"] == "v7"
    assert is_same_start({"Environment": variables}, TOKEN)
    assert not is_same_start({"Environment": variables}, "another")
    assert not is_same_start({}, TOKEN)
