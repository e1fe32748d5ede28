import json
from datetime import UTC, datetime, timedelta

import botocore.client
import pytest
from botocore.exceptions import ClientError

from trimtab.aws import price_lists
from trimtab.aws.cost_documents import read_trainings
from trimtab.aws.price_lists import PriceLists
from trimtab.aws.training_costs import count_trainings
from trimtab.cost.settings import PriceSettings

pytestmark = pytest.mark.usefixtures("aws")
NOW = datetime(2026, 11, 20, 8, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
call_aws = botocore.client.BaseClient._make_api_call


class Jobs:
    """Training jobs, listed two a page, and the calls that were made for them."""

    def __init__(self):
        self.jobs = {}
        self.described = []
        self.usd = {"ml.m5.xlarge": 0.36}

    def add(
        self, name, ended=NOW - HOUR, status="Completed", instance_type="ml.m5.xlarge", spot=True, seconds=(500, 100)
    ):
        self.jobs[name] = {
            "TrainingJobName": name,
            "TrainingJobArn": f"arn:aws:sagemaker:us-east-1:123456789012:training-job/{name}",
            "TrainingJobStatus": status,
            "CreationTime": ended - HOUR,
            "LastModifiedTime": ended,
            "TrainingStartTime": ended - HOUR,
            "TrainingEndTime": ended,
            "EnableManagedSpotTraining": spot,
            "TrainingTimeInSeconds": seconds[0],
            "BillableTimeInSeconds": seconds[1],
            "ResourceConfig": {"InstanceType": instance_type, "InstanceCount": 1, "VolumeSizeInGB": 5},
        }

    def call(self, client, operation, parameters):
        if operation == "DescribeTrainingJob":
            self.described.append(parameters["TrainingJobName"])
            return self.jobs[parameters["TrainingJobName"]]
        if operation != "ListTrainingJobs":
            return call_aws(client, operation, parameters)
        after, start = parameters["LastModifiedTimeAfter"], int(parameters.get("NextToken", 0))
        listed = [job for job in self.jobs.values() if job["LastModifiedTime"] > after]
        more = {"NextToken": str(start + 2)} if len(listed) > start + 2 else {}
        return {"TrainingJobSummaries": listed[start : start + 2], **more}

    def read_price_list(self, _service, filters):
        rows = []
        for name, usd in self.usd.items():
            attributes = {**filters, "locationType": "AWS Region", "instanceName": name}
            dimension = {"unit": "Hrs", "pricePerUnit": {"USD": str(usd)}}
            terms = {"OnDemand": {"t": {"priceDimensions": {"d": dimension}}}}
            rows.append(json.dumps({"product": {"productFamily": "ML", "attributes": attributes}, "terms": terms}))
        return rows


@pytest.fixture
def jobs(monkeypatch):
    made = Jobs()
    monkeypatch.setattr(price_lists, "read_price_list", made.read_price_list)
    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", lambda *arguments: made.call(*arguments))
    return made


def count(at=NOW, **settings):
    return count_trainings("state", PriceLists("state", "us-east-1", PriceSettings(**settings), at))


def kept(month="2026-11"):
    return read_trainings("state", [month])[month]


def test_jobs_of_this_month_are_counted_at_the_first_look_from_every_page(jobs):
    for number in range(5):
        jobs.add(f"churn-{number}", NOW - number * HOUR)
    jobs.add("old", datetime(2026, 10, 30, tzinfo=UTC))
    jobs.add("running", status="InProgress")
    assert {row["name"] for row in count()} == {f"churn-{number}" for number in range(5)}
    assert kept()["total"] == {
        "cost_usd": pytest.approx(0.05),
        "on_demand_usd": pytest.approx(0.25),
        "saved_usd": pytest.approx(0.2),
        "unknown": [],
    }


def test_each_job_is_told_and_described_once(jobs):
    jobs.add("churn-1")
    assert len(count()) == 1
    assert count() == []
    jobs.add("churn-2", NOW + HOUR / 2)
    assert [row["name"] for row in count(NOW + HOUR)] == ["churn-2"]
    assert jobs.described == ["churn-1", "churn-2"]
    assert [row["name"] for row in kept()["jobs"]] == ["churn-1", "churn-2"]


def test_a_job_that_is_listed_late_is_counted(jobs):
    count()
    jobs.add("late", NOW - 2 * HOUR)
    assert [row["name"] for row in count(NOW + HOUR / 2)] == ["late"]


def test_a_job_that_runs_into_the_next_month_belongs_to_that(jobs):
    count()
    jobs.add("november", datetime(2026, 11, 30, 23, 50, tzinfo=UTC))
    jobs.add("december", datetime(2026, 12, 1, 0, 5, tzinfo=UTC))
    count(datetime(2026, 12, 1, 0, 12, tzinfo=UTC))
    assert [[row["name"] for row in kept(month)["jobs"]] for month in ("2026-11", "2026-12")] == [
        ["november"],
        ["december"],
    ]


def test_what_nobody_can_price_is_named_and_priced_once_it_is_known(jobs):
    jobs.add("odd", instance_type="ml.x9.large")
    assert count() == []
    assert (kept()["total"]["unknown"], kept()["jobs"][0]["cost_usd"]) == (["odd"], None)
    [row] = count(NOW + HOUR, overrides={"Training/ml.x9.large": 3.6})
    assert row["saved_usd"] == pytest.approx(0.4)
    assert kept()["total"]["unknown"] == []
    assert jobs.described == ["odd"]


def test_of_very_many_jobs_the_rest_is_counted_at_the_next_look(jobs, monkeypatch):
    monkeypatch.setattr("trimtab.aws.training_costs._MOST", 2)
    for number in range(5):
        jobs.add(f"churn-{number}", NOW - 5 * DAY + number * HOUR)
    assert [len(count(NOW + number * HOUR)) for number in range(4)] == [2, 2, 1, 0]
    assert len(kept()["jobs"]) == 5


def test_a_run_that_is_killed_loses_no_job(jobs, monkeypatch):
    jobs.add("churn-1")

    def killed(*_, **__):
        raise ClientError({"Error": {"Code": "InternalServerError", "Message": ""}}, "PutItem")

    with monkeypatch.context() as patched:
        patched.setattr("trimtab.aws.training_costs.write_state", killed)
        with pytest.raises(ClientError):
            count()
    count()
    assert [row["name"] for row in kept()["jobs"]] == ["churn-1"]
