from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.training.costs import finished_job, job_row, month_document, priced, unpriced_types

ENDED = datetime(2026, 11, 19, 9, 30, tzinfo=UTC)
USD = {"ml.m5.xlarge": 0.36, "ml.g5.xlarge": 1.8}


def described(**others):
    return {
        "TrainingJobName": "churn-7",
        "TrainingJobStatus": "Completed",
        "CreationTime": ENDED,
        "LastModifiedTime": ENDED,
        "TrainingStartTime": ENDED,
        "TrainingEndTime": ENDED,
        "TrainingTimeInSeconds": 500,
        "BillableTimeInSeconds": 100,
        "EnableManagedSpotTraining": True,
        "ResourceConfig": {"InstanceType": "ml.m5.xlarge", "InstanceCount": 2, "VolumeSizeInGB": 30},
    } | others


def row(**others):
    return job_row(finished_job(described(**others)))


def without(*keys, **others):
    return {key: value for key, value in described(**others).items() if key not in keys}


def test_spot_saves_the_seconds_that_are_not_billed():
    """The 80 % are the example of BillableTimeInSeconds in the reference of DescribeTrainingJob."""
    found = priced(row(), USD)
    assert found["usd_per_hour"] == pytest.approx(0.72)
    assert found["cost_usd"] == pytest.approx(0.02)
    assert found["on_demand_usd"] == pytest.approx(0.1)
    assert found["saved_usd"] / found["on_demand_usd"] == pytest.approx(0.8)


def test_a_job_on_demand_saves_nothing():
    found = priced(row(EnableManagedSpotTraining=False), USD)
    assert (found["saved_usd"], found["cost_usd"]) == (0, pytest.approx(0.02))
    assert found["on_demand_usd"] == found["cost_usd"]


def test_an_unknown_price_is_unknown_until_it_is_known():
    unknown = priced(row(), {"ml.g5.xlarge": 1.8})
    assert (unknown["cost_usd"], unknown["on_demand_usd"], unknown["saved_usd"]) == (None, None, None)
    assert unpriced_types([unknown]) == ["ml.m5.xlarge"]
    assert priced(unknown, USD) == priced(row(), USD)


def test_a_cost_that_is_known_stays():
    assert priced(priced(row(), USD), {"ml.m5.xlarge": 99.0}) == priced(row(), USD)


def test_a_job_that_never_came_onto_instances_costs_nothing():
    gone = ("TrainingStartTime", "TrainingEndTime", "TrainingTimeInSeconds", "BillableTimeInSeconds")
    found = priced(job_row(finished_job(without(*gone, TrainingJobStatus="Stopped"))), {})
    assert (found["cost_usd"], found["ended"]) == (0.0, ENDED.isoformat())


def test_seconds_that_were_not_told_are_unknown():
    assert priced(job_row(finished_job(without("BillableTimeInSeconds"))), USD)["cost_usd"] is None


@pytest.mark.parametrize(
    ("resources", "instances"),
    [
        ({"InstanceType": "ml.m5.xlarge", "InstanceCount": 3}, {"ml.m5.xlarge": 3}),
        (
            {
                "InstanceGroups": [
                    {"InstanceGroupName": "a", "InstanceType": "ml.m5.xlarge", "InstanceCount": 1},
                    {"InstanceGroupName": "b", "InstanceType": "ml.g5.xlarge", "InstanceCount": 2},
                    {"InstanceGroupName": "c", "InstanceType": "ml.m5.xlarge", "InstanceCount": 4},
                ]
            },
            {"ml.m5.xlarge": 5, "ml.g5.xlarge": 2},
        ),
        (
            {
                "InstancePreferences": [{"InstanceType": "ml.p4d.24xlarge"}],
                "SelectedInstanceType": "ml.g5.xlarge",
                "SelectedInstanceCount": 2,
            },
            {"ml.g5.xlarge": 2},
        ),
        ({"InstanceType": "ml.g5.xlarge", "InstanceCount": 1, "TrainingPlanArn": "arn"}, {}),
        ({}, {}),
    ],
)
def test_instances_of_every_kind_of_cluster(resources, instances):
    job = finished_job(described(ResourceConfig=resources))
    assert job.instances == instances
    expected = sum(USD[name] * count for name, count in instances.items()) * 100 / 3600 if instances else None
    assert priced(job_row(job), USD)["cost_usd"] == (None if expected is None else pytest.approx(expected))


def test_a_month_adds_up_what_is_known_and_names_the_rest():
    rows = [
        priced(row(), USD),
        priced(row(TrainingJobName="odd", ResourceConfig={"InstanceType": "ml.x9.large", "InstanceCount": 1}), USD),
        priced(row(TrainingEndTime=ENDED.replace(month=10)), USD),
    ]
    document = month_document("2026-11", rows)
    assert [each["name"] for each in document["jobs"]] == ["churn-7", "odd"]
    assert document["total"] == {
        "cost_usd": pytest.approx(0.02),
        "on_demand_usd": pytest.approx(0.1),
        "saved_usd": pytest.approx(0.08),
        "unknown": ["odd"],
    }


@given(training=st.integers(1, 10**6), share=st.floats(0, 1), count=st.integers(1, 50), usd=st.floats(0.01, 100))
def test_cost_and_saving_add_up_to_the_price_on_demand(training, share, count, usd):
    job = described(
        TrainingTimeInSeconds=training,
        BillableTimeInSeconds=int(training * share),
        ResourceConfig={"InstanceType": "ml.m5.xlarge", "InstanceCount": count},
    )
    found = priced(job_row(finished_job(job)), {"ml.m5.xlarge": usd})
    assert found["on_demand_usd"] == pytest.approx(training * count * usd / 3600)
    assert found["cost_usd"] + found["saved_usd"] == pytest.approx(found["on_demand_usd"])
