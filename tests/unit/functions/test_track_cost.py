import gzip
import itertools
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from botocore.exceptions import ClientError

from functions.track_cost import app
from trimtab.aws import cost_documents, cost_metrics, cost_observations, outcome_files, price_lists
from trimtab.aws.cloudwatch_metrics import Series
from trimtab.aws.quality_rows import write_rows
from trimtab.aws.sagemaker import Endpoint
from trimtab.aws.sagemaker_deployments import NotFoundError
from trimtab.cost.components import Reservation
from trimtab.quality.kept import answers_prefix, hour_folder
from trimtab.quality.keyed_rows import keyed_rows, row_keys
from trimtab.rollout.request import CANARY

EVENTS = Path(__file__).parents[3] / "events" / "track_cost"
HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
NOW = datetime.now(UTC).replace(minute=12, second=0, microsecond=0) - HOUR
THIS_HOUR = NOW.replace(minute=0)
CREATED = THIS_HOUR - 9 * HOUR
M5 = 0.23  # ml.m5.xlarge in the list below
MODELS = {"ModelName": "m", "InitialVariantWeight": 1.0}


class Clock(datetime):
    """The time of the run; tests move it."""

    shown = NOW

    @classmethod
    def now(cls, tz=None):
        return cls.shown.astimezone(tz)


@dataclass
class Aws:
    """What SageMaker shows, CloudWatch counted and the Pricing API answers."""

    endpoints: dict = field(default_factory=dict)
    configs: dict = field(default_factory=dict)
    samples: dict = field(default_factory=dict)  # (endpoint, variant) -> {minute: instances}
    requests: dict = field(default_factory=dict)  # (endpoint, variant) -> {hour: requests}
    latency: dict = field(default_factory=dict)
    withheld: set = field(default_factory=set)  # metrics that CloudWatch does not tell whole
    broken: set = field(default_factory=set)  # endpoints that cannot be described
    prices: dict | None = field(default_factory=lambda: {"ml.m5.xlarge": M5, "ml.c5.xlarge": 0.204})
    asked: int = 0
    queries: list = field(default_factory=list)
    trainings: list | None = field(default_factory=list)  # rows whose cost became known

    def add(self, name, instance_type="ml.m5.xlarge", *, tags=None, created=CREATED, config=None, **variant):
        config = config or f"{name}-1"
        self.configs[config] = description(
            config,
            created,
            [
                {
                    **MODELS,
                    "VariantName": "blue",
                    **({"InstanceType": instance_type, "InitialInstanceCount": 1} if instance_type else {}),
                    **variant,
                }
            ],
        )
        self.endpoints[name] = Endpoint(
            name=name,
            captures_data=False,
            tags=tags or {},
            changed=created,
            variants=("blue",),
            capture_status="",
            sampling=0.0,
            destination="",
            created=created,
            configuration=config,
            pending="",
        )

    def run(self, name, start, end, instances=1, variant="blue"):
        points = self.samples.setdefault((name, variant), {})
        while start < end:
            points[start] = points.get(start, 0) + instances
            start += MINUTE

    def serve(self, name, hour, requests, variant="blue"):
        self.requests.setdefault((name, variant), {})[hour] = requests

    def describe_endpoint(self, name):
        if name in self.broken:
            raise ClientError({"Error": {"Code": "InternalFailure", "Message": ""}}, "DescribeEndpoint")
        return self.endpoints.get(name)

    def describe_config(self, name):
        if name not in self.configs:
            raise NotFoundError(name)
        return self.configs[name]

    def read_metrics(self, queries, start, end):
        self.queries.append((queries, start, end))
        return [self._series(query, start, end) for query in queries]

    def _series(self, query, start, end):
        of = dict(query.dimensions)
        tables = {"CPUUtilization": self.samples, "Invocations": self.requests, "ModelLatency": self.latency}
        points = tables.get(query.metric, {}).get((of["EndpointName"], of["VariantName"]), {})
        within = {moment: value for moment, value in points.items() if start <= moment < end}
        if query.metric in self.withheld:
            return Series(dict(list(within.items())[::2]), is_complete=False)
        return Series(within, is_complete=True)

    def count_trainings(self, _table, _prices):
        if self.trainings is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "ListTrainingJobs")
        return self.trainings

    def read_price_list(self, _service, filters):
        self.asked += 1
        if self.prices is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetProducts")
        return [price_row(filters, name, usd) for name, usd in self.prices.items()]


def description(name, created, variants, **more):
    return {"EndpointConfigName": name, "CreationTime": created, "ProductionVariants": variants, **more}


def price_row(filters, name, usd):
    attributes = {**filters, "locationType": "AWS Region", "instanceName": name}
    dimension = {"unit": "Hrs", "pricePerUnit": {"USD": str(usd)}}
    return json.dumps(
        {
            "product": {"productFamily": "ML Instance", "attributes": attributes},
            "terms": {"OnDemand": {"t": {"priceDimensions": {"d": dimension}}}},
            "publicationDate": "2026-11-01T00:00:00Z",
        }
    )


@pytest.fixture
def aws(stack, monkeypatch):
    made = Aws()
    monkeypatch.setenv("COST_TAGS", "team, project")
    monkeypatch.setenv("POWERTOOLS_METRICS_NAMESPACE", "Trimtab")
    monkeypatch.setattr(app.sagemaker, "endpoint_names", lambda: iter(list(made.endpoints)))
    monkeypatch.setattr(app.sagemaker, "describe_endpoint", made.describe_endpoint)
    monkeypatch.setattr(cost_observations, "describe_config", made.describe_config)
    monkeypatch.setattr(cost_metrics, "read_metrics", made.read_metrics)
    monkeypatch.setattr(price_lists, "read_price_list", made.read_price_list)
    monkeypatch.setattr(app, "count_trainings", made.count_trainings)
    monkeypatch.setattr(app, "publish_findings", lambda _, findings: stack.findings.extend(findings))
    monkeypatch.setattr(app, "datetime", Clock)
    monkeypatch.setattr(Clock, "shown", NOW)
    return made


@pytest.fixture
def churn(aws):
    """One endpoint of one m5.xlarge since nine hours, with 1,000 predictions an hour, but for one idle hour."""
    aws.add("churn", tags={"Team": "growth", "secret": "x"})
    aws.run("churn", CREATED, THIS_HOUR + 12 * MINUTE)
    for i in range(1, 9):
        aws.serve("churn", THIS_HOUR - i * HOUR, 1000)
    return aws


def track(context, event="hour_passed", at=NOW, **payload):
    Clock.shown = at
    return app.lambda_handler(payload or json.loads((EVENTS / f"{event}.json").read_text()), context)


def stored(stack, endpoint="churn"):
    """The stored hours of all months by their starts."""
    listed = boto3.client("s3").list_objects_v2(Bucket=stack.state, Prefix=f"costs/{endpoint}/").get("Contents", [])
    documents = [cost_documents._read(stack.state, each["Key"]) for each in listed]
    return {datetime.fromisoformat(hour["start"]): hour for each in documents for hour in each["hours"]}


def usd(hour):
    parts = [spent for part in ("serving", "deployment") for _, spent in hour[part].values()]
    return None if None in parts else sum(parts)


def summary(stack):
    return cost_documents.read_summary(stack.state)


def told(capsys):
    """The metrics of endpoints in the log by the hour they are of."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"EndpointName"' in line]
    hours = {}
    for line in lines:
        [about] = line["_aws"]["CloudWatchMetrics"]
        assert (about["Namespace"], about["Dimensions"]) == ("Trimtab", [["EndpointName"]])
        values = {each["Name"]: line[each["Name"]] for each in about["Metrics"]}
        moment = datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC)
        assert moment not in hours
        hours[moment] = values
    return hours


@pytest.mark.usefixtures("churn")
def test_hours_cost_instances_times_price(stack, context):
    outcome = track(context)
    hours = stored(stack)
    assert list(hours) == [CREATED + i * HOUR for i in range(9)]
    assert [usd(hour) for hour in hours.values()] == pytest.approx([M5] * 9)
    assert hours[CREATED]["invocations"] == 0
    assert hours[THIS_HOUR - HOUR]["invocations"] == 1000
    assert outcome["endpoints"]["churn"]["verdict"] == "INSUFFICIENT_DATA"  # no earlier weeks
    assert stack.findings == []


@pytest.mark.usefixtures("churn")
def test_the_metrics_have_the_names_of_the_issue_and_idle_is_not_free(context, capsys):
    track(context)
    hours = told(capsys)
    busy = {"EndpointCostPerHour": M5, "CostPerThousandPredictions": M5, "IdleCostPerHour": 0}
    assert hours[THIS_HOUR - HOUR] == pytest.approx(busy)
    assert hours[CREATED] == pytest.approx({"EndpointCostPerHour": M5, "IdleCostPerHour": M5})


def test_each_hour_is_published_once(churn, context, capsys):
    track(context)
    assert len(told(capsys)) == 9
    track(context)
    assert told(capsys) == {}
    churn.run("churn", THIS_HOUR + 12 * MINUTE, THIS_HOUR + HOUR)
    track(context, at=NOW + HOUR)
    assert set(told(capsys)) == {THIS_HOUR}


@pytest.mark.usefixtures("churn")
def test_a_repeated_run_changes_nothing(stack, context):
    track(context)
    before, view = stored(stack), summary(stack)
    track(context)
    assert (stored(stack), summary(stack)) == (before, view)


@pytest.mark.usefixtures("churn")
def test_a_lost_run_is_made_up_for(stack, context):
    track(context, at=NOW - 6 * HOUR)
    assert len(stored(stack)) == 3
    track(context)
    assert len(stored(stack)) == 9


@pytest.mark.usefixtures("churn")
def test_a_past_moment_can_be_asked_for_and_leaves_the_later_view(stack, context):
    track(context)
    view = summary(stack)
    answer = track(context, endpoint="churn", until=(THIS_HOUR - 4 * HOUR).isoformat())
    assert answer["until"] == (THIS_HOUR - 4 * HOUR).isoformat()
    assert answer["endpoints"]["churn"]["last_hour"]["start"] == (THIS_HOUR - 5 * HOUR).isoformat()
    assert summary(stack) == view
    assert len(stored(stack)) == 9


def test_late_datapoints_are_counted(stack, churn, context):
    late = churn.requests["churn", "blue"].pop(THIS_HOUR - 2 * HOUR)
    track(context)
    assert stored(stack)[THIS_HOUR - 2 * HOUR]["invocations"] == 0
    churn.serve("churn", THIS_HOUR - 2 * HOUR, late)
    track(context)
    assert stored(stack)[THIS_HOUR - 2 * HOUR]["invocations"] == late


def test_what_cloudwatch_withholds_is_unknown_and_asked_for_again(stack, churn, context, capsys):
    churn.withheld = {"CPUUtilization"}
    track(context)
    assert {usd(hour) for hour in stored(stack).values()} == {None}
    assert "EndpointCostPerHour" not in {name for values in told(capsys).values() for name in values}
    view = summary(stack)
    assert view["endpoints"]["churn"]["month"]["known_hours"] == 0
    churn.withheld = set()
    track(context)
    assert [usd(hour) for hour in stored(stack).values()] == pytest.approx([M5] * 9)
    # hours that were given up waiting for are not published later; those that were waited for are
    assert set(told(capsys)) == {THIS_HOUR - i * HOUR for i in (1, 2, 3)}


def test_what_was_known_is_not_given_up_for_a_partial_reading(stack, churn, context):
    track(context)
    before = stored(stack)
    churn.withheld = {"CPUUtilization", "Invocations"}
    track(context)
    assert stored(stack) == before


def test_withheld_predictions_are_no_zero(stack, churn, context, capsys):
    churn.withheld = {"Invocations"}
    track(context)
    assert {hour["invocations"] for hour in stored(stack).values()} == {None}
    assert {name for values in told(capsys).values() for name in values} == {"EndpointCostPerHour"}


def test_an_instance_that_cannot_rest_and_gave_no_sample_is_unknown(stack, churn, context):
    hour = THIS_HOUR - 3 * HOUR
    for minute in range(20, 24):  # four minutes were lost on the way
        del churn.samples["churn", "blue"][hour + minute * MINUTE]
    gap = THIS_HOUR - 5 * HOUR
    for minute in range(10, 30):
        del churn.samples["churn", "blue"][gap + minute * MINUTE]
    track(context)
    assert usd(stored(stack)[hour]) == pytest.approx(M5)
    assert usd(stored(stack)[gap]) is None


def test_an_endpoint_just_created_costs_from_its_first_instance_on(stack, aws, context):
    created = THIS_HOUR - 30 * MINUTE
    aws.add("young", created=created)
    aws.run("young", created + 5 * MINUTE, THIS_HOUR)
    track(context)
    [hour] = stored(stack, "young").values()
    assert usd(hour) == pytest.approx(M5 * 25 / 60)


def test_instances_that_come_and_go_are_counted(stack, churn, context):
    churn.run("churn", THIS_HOUR - 40 * MINUTE, THIS_HOUR - 10 * MINUTE, instances=2)
    track(context)
    assert usd(stored(stack)[THIS_HOUR - HOUR]) == pytest.approx(2 * M5)


def test_an_unknown_price_is_no_zero_and_told_once(stack, aws, context, capsys):
    aws.add("odd", "ml.x9.large")
    aws.run("odd", CREATED, THIS_HOUR)
    track(context)
    track(context)
    assert {usd(hour) for hour in stored(stack, "odd").values()} == {None}
    assert stored(stack, "odd")[CREATED]["serving"] == {"ml.x9.large": [1.0, None]}
    assert told(capsys) == {}
    [finding] = stack.findings
    assert (finding.kind, finding.state) == ("cost", "raised")
    assert "no price for Hosting/ml.x9.large" in finding.title
    row = summary(stack)["endpoints"]["odd"]
    assert row["unpriced"] == ["ml.x9.large"]
    assert row["month"]["forecast_usd"] is None
    assert summary(stack)["total"]["to_date_unknown"] == ["odd"]


def test_a_price_that_is_given_later_counts_for_the_hours_before(stack, aws, context):
    aws.add("odd", "ml.x9.large")
    aws.run("odd", CREATED, THIS_HOUR)
    track(context)
    put_prices("overrides: {ml.x9.large: 2}")
    track(context)
    assert {usd(hour) for hour in stored(stack, "odd").values()} == {2.0}


def test_prices_are_read_once_a_day(stack, churn, context):
    track(context)
    track(context, at=NOW + HOUR)
    assert churn.asked == 1
    row = summary(stack)["endpoints"]["churn"]
    assert row["prices"]["Hosting/ml.m5.xlarge"] == {"usd": M5, "source": "pricing_api", "as_of": "2026-11-01"}
    churn.prices["ml.m5.xlarge"] = 0.25
    track(context, at=NOW + 25 * HOUR)
    assert churn.asked == 2
    assert summary(stack)["endpoints"]["churn"]["prices"]["Hosting/ml.m5.xlarge"]["usd"] == 0.25


def test_without_permission_the_bundled_prices_serve_and_the_view_says_so(stack, churn, context):
    churn.prices = None
    track(context)
    view = summary(stack)
    assert view["endpoints"]["churn"]["prices"]["Hosting/ml.m5.xlarge"]["source"] == "bundled"
    assert "AccessDeniedException" in view["prices"]["problem"]
    assert usd(stored(stack)[THIS_HOUR - HOUR]) > 0


def put_prices(text):
    boto3.client("ssm").put_parameter(Name="/trimtab/prices", Type="String", Value=text, Overwrite=True)


def test_what_the_account_pays_comes_before_lists(stack, churn, context):
    put_prices("overrides: {ml.m5.xlarge: 0.1}\ndiscount: 0.5")
    churn.add("second", "ml.c5.xlarge")
    churn.run("second", CREATED, THIS_HOUR)
    track(context)
    assert usd(stored(stack)[CREATED]) == pytest.approx(0.1)
    assert usd(stored(stack, "second")[CREATED]) == pytest.approx(0.102)


@pytest.mark.usefixtures("churn")
def test_wrong_prices_are_told_once_and_leave_the_last_good_ones(stack, context):
    put_prices("overrides: {ml.m5.xlarge: 0.1}")
    track(context)
    put_prices("overrides: {ml.m5.xlarge: -1}\ndiscout: 0.5")
    track(context)
    track(context, at=NOW + HOUR)
    [finding] = stack.findings
    assert (finding.kind, finding.state) == ("settings", "raised")
    assert "overrides.ml.m5.xlarge: " in finding.reason
    assert "discout: " in finding.reason
    assert usd(stored(stack)[THIS_HOUR - HOUR]) == pytest.approx(0.1)
    put_prices("discount: 0.1")
    track(context)
    assert stack.told() == [("settings", "raised"), ("settings", "cleared")]


@pytest.mark.usefixtures("churn")
def test_wrong_endpoint_settings_are_told_once(stack, context):
    boto3.client("ssm").put_parameter(Name="/trimtab/endpoints/churn", Type="String", Value="cost: {deviation: 1}")
    track(context)
    track(context)
    [finding] = stack.findings
    assert "cost.deviation: " in finding.reason


def deploy(aws, config, instance_type, *, at, name="churn", **more):
    """Another config serves since then."""
    variant = {**MODELS, "VariantName": "blue", "InstanceType": instance_type, "InitialInstanceCount": 1}
    aws.configs[config] = description(config, at - 20 * MINUTE, [variant], **more)
    aws.endpoints[name] = replace(aws.endpoints[name], configuration=config, changed=at, pending="")


def test_a_config_that_changes_within_the_hour_is_priced_by_the_minute(stack, churn, context):
    track(context, at=NOW - HOUR)
    switch = THIS_HOUR - 30 * MINUTE
    deploy(churn, "churn-2", "ml.c5.xlarge", at=switch)
    churn.run("churn", switch - 15 * MINUTE, switch)  # both fleets run before the old one goes
    track(context)
    hour = stored(stack)[THIS_HOUR - HOUR]
    assert hour["serving"] == {
        "ml.c5.xlarge": [pytest.approx(0.5), pytest.approx(0.5 * 0.204)],
        "ml.m5.xlarge": [pytest.approx(0.5), pytest.approx(0.5 * M5)],
    }
    assert hour["deployment"] == {"ml.c5.xlarge": [pytest.approx(0.25), pytest.approx(0.25 * 0.204)]}
    assert stored(stack)[THIS_HOUR - 2 * HOUR]["serving"].keys() == {"ml.m5.xlarge"}
    track(context)
    assert stored(stack)[THIS_HOUR - HOUR] == hour


def test_a_deployment_in_progress_is_the_deployments_cost(stack, churn, context):
    track(context, at=NOW - 2 * HOUR)
    variant = {**MODELS, "VariantName": "blue", "InstanceType": "ml.c5.xlarge", "InitialInstanceCount": 1}
    churn.configs["churn-2"] = description("churn-2", NOW - 2 * HOUR, [variant])
    churn.endpoints["churn"] = replace(churn.endpoints["churn"], pending="churn-2")
    churn.run("churn", THIS_HOUR - 40 * MINUTE, THIS_HOUR)
    track(context, at=NOW - HOUR)
    track(context)
    hour = stored(stack)[THIS_HOUR - HOUR]
    assert hour["serving"] == {"ml.m5.xlarge": [pytest.approx(1), pytest.approx(M5)]}
    assert hour["deployment"] == {"ml.c5.xlarge": [pytest.approx(2 / 3), pytest.approx(0.204 * 2 / 3)]}
    assert summary(stack)["endpoints"]["churn"]["month"]["deployment_usd"] == pytest.approx(0.204 * 2 / 3)


def test_a_canary_is_the_deployments_cost(stack, churn, context):
    blue, canary = (
        {**MODELS, "VariantName": name, "InstanceType": "ml.m5.xlarge", "InitialInstanceCount": 1}
        for name in ("blue", "Canary")
    )
    churn.configs["churn-1"] = description("churn-1", CREATED, [blue, canary])
    churn.run("churn", THIS_HOUR - HOUR, THIS_HOUR, variant="Canary")
    track(context)
    hour = stored(stack)[THIS_HOUR - HOUR]
    assert hour["serving"] == {"ml.m5.xlarge": [pytest.approx(1), pytest.approx(M5)]}


def test_a_config_that_was_deleted_is_remembered(stack, churn, context):
    track(context, at=NOW - HOUR)
    del churn.configs["churn-1"]
    track(context)
    assert usd(stored(stack)[THIS_HOUR - HOUR]) == pytest.approx(M5)


def test_a_config_that_nobody_knows_makes_the_cost_unknown(stack, churn, context):
    del churn.configs["churn-1"]
    track(context)
    assert {usd(hour) for hour in stored(stack).values()} == {None}
    assert stack.findings == []


def test_an_endpoint_that_is_gone_keeps_its_last_hours_and_its_month(stack, churn, context):
    track(context, at=NOW - HOUR)
    del churn.endpoints["churn"]
    samples = churn.samples["churn", "blue"]
    for moment in [moment for moment in samples if moment >= THIS_HOUR - 30 * MINUTE]:
        del samples[moment]
    for hours in range(6):
        track(context, at=NOW + hours * HOUR)
    hours = stored(stack)
    assert max(hours) == THIS_HOUR - HOUR
    assert usd(hours[THIS_HOUR - HOUR]) == pytest.approx(M5 / 2)
    row = summary(stack)["endpoints"].get("churn")
    if row:  # a month may have begun in between
        assert row["ended"]
        assert row["month"]["forecast_usd"] == row["month"]["to_date_usd"]


def test_serverless_costs_what_was_computed(stack, aws, context):
    put_prices("overrides: {ServerlessInf/Mem-2GB: 0.00004}")
    aws.add("small", "", ServerlessConfig={"MemorySizeInMB": 2048, "MaxConcurrency": 5})
    aws.latency["small", "blue"] = {THIS_HOUR - HOUR: 500 * 1e6}
    aws.serve("small", THIS_HOUR - HOUR, 1000)
    track(context)
    hours = stored(stack, "small")
    assert usd(hours[THIS_HOUR - HOUR]) == pytest.approx(0.02)
    assert usd(hours[THIS_HOUR - 2 * HOUR]) == 0
    assert hours[THIS_HOUR - 2 * HOUR]["invocations"] == 0


def test_an_asynchronous_endpoint_may_rest(stack, aws, context):
    put_prices("overrides: {AsyncInf/ml.m5.xlarge: 0.3}")
    aws.add("batch")
    aws.configs["batch-1"]["AsyncInferenceConfig"] = {"OutputConfig": {}}
    aws.run("batch", THIS_HOUR - HOUR, THIS_HOUR - 30 * MINUTE)
    track(context)
    hours = stored(stack, "batch")
    assert usd(hours[THIS_HOUR - HOUR]) == pytest.approx(0.15)
    assert usd(hours[THIS_HOUR - 2 * HOUR]) == 0
    assert hours[THIS_HOUR - HOUR]["invocations"] is None


def test_one_endpoint_that_fails_does_not_stop_the_others(stack, churn, context):
    churn.add("fraud")
    churn.run("fraud", CREATED, THIS_HOUR)
    track(context, at=NOW - HOUR)
    churn.broken = {"churn"}
    with pytest.raises(app.EndpointsFailedError, match="not told: churn; told: fraud"):
        track(context)
    assert THIS_HOUR - HOUR in stored(stack, "fraud")
    assert set(summary(stack)["endpoints"]) == {"churn", "fraud"}


def test_without_time_the_rest_is_left_to_the_next_try(churn, context):
    churn.add("fraud")
    context.remaining = (300_000, 30_000)
    with pytest.raises(app.EndpointsFailedError, match="not told: fraud"):
        track(context)


def test_an_endpoint_whose_tags_opt_out_is_left_alone(stack, churn, context):
    churn.add("mine", tags={"trimtab:monitor": "off"})
    track(context)
    assert set(summary(stack)["endpoints"]) == {"churn"}


def test_cost_is_divided_by_tag(stack, churn, context):
    churn.add("fraud", tags={"team": "risk"})
    churn.run("fraud", CREATED, THIS_HOUR, instances=2)
    track(context, at=NOW)
    view = summary(stack)
    hours = len([hour for hour in stored(stack) if hour.month == THIS_HOUR.month])
    assert view["by_tag"]["team"]["growth"] == {
        "usd": pytest.approx(hours * M5),
        "endpoints": ["churn"],
        "unknown": [],
    }
    assert view["by_tag"]["team"]["risk"]["usd"] == pytest.approx(2 * hours * M5)
    assert view["by_tag"]["project"][""]["endpoints"] == ["churn", "fraud"]
    assert view["total"]["to_date_usd"] == pytest.approx(3 * hours * M5)
    assert view["endpoints"]["churn"]["tags"] == {"Team": "growth"}


def weeks_of_history(stack, aws, context, weeks=4):
    """Hours of the past weeks as earlier runs left them, one of them tracked."""
    aws.add("churn", created=THIS_HOUR - weeks * 7 * DAY)
    months = {}
    for back in range(1, weeks * 168 + 1):
        start = THIS_HOUR - back * HOUR
        hour = {
            "start": start.isoformat(),
            "invocations": 1000,
            "serving": {"ml.m5.xlarge": [1.0, M5]},
            "deployment": {},
            "storage_usd": 0.0,
            "data_usd": 0.0,
        }
        months.setdefault(f"{start:%Y-%m}", []).insert(0, hour)
    for month, hours in months.items():
        cost_documents.write_month(stack.state, "churn", month, {"hours": hours})
    aws.run("churn", THIS_HOUR - 4 * HOUR, THIS_HOUR)
    for back in (1, 2, 3, 4):
        aws.serve("churn", THIS_HOUR - back * HOUR, 1000)
    track(context)
    assert stack.findings == []
    assert summary(stack)["endpoints"]["churn"]["verdict"]["verdict"] == "OK"


def test_an_anomaly_is_raised_with_its_cause_and_cleared(stack, aws, context):
    weeks_of_history(stack, aws, context)
    for i in range(14):
        hour = THIS_HOUR + i * HOUR
        aws.run("churn", hour, hour + HOUR, instances=3 if i < 7 else 1)
        aws.serve("churn", hour, 1000)
        track(context, at=NOW + (i + 1) * HOUR)
    raised, cleared = stack.findings
    assert (raised.kind, raised.state, cleared.state) == ("cost", "raised", "cleared")
    assert "more instances" in raised.title
    assert raised.evidence["since"] == cleared.evidence["since"] == THIS_HOUR.isoformat()
    assert raised.evidence["usd"] == pytest.approx(3 * M5)
    assert summary(stack)["endpoints"]["churn"]["anomaly"]["state"] == "cleared"


def test_a_month_is_forecast(stack, aws, context):
    weeks_of_history(stack, aws, context)
    month = summary(stack)["endpoints"]["churn"]["month"]
    first = THIS_HOUR.replace(day=1, hour=0)
    whole = ((first + 32 * DAY).replace(day=1) - first) / HOUR
    assert month["forecast_usd"] == pytest.approx(whole * M5)
    assert month["to_date_usd"] == pytest.approx((THIS_HOUR - first) / HOUR * M5)
    assert summary(stack)["total"]["forecast_usd"] == pytest.approx(whole * M5)


@pytest.mark.usefixtures("churn")
def test_what_a_canary_earned_is_published_with_its_interval(context, capsys):
    payload = json.loads((EVENTS / "outcomes_told.json").read_text())
    payload["outcomes"] |= {"since": (THIS_HOUR - 8 * HOUR).isoformat(), "until": THIS_HOUR.isoformat()}
    payload["outcomes"]["canary"]["variant"] = "blue"
    answer = track(context, **payload)["revenue_impact"]
    assert answer["predictions"] == 8000
    assert answer["mid"] == pytest.approx(8000 * 0.03)
    assert answer["low"] < answer["mid"] < answer["high"]
    assert told(capsys)[THIS_HOUR].keys() == {"RevenueImpact", "RevenueImpactLow", "RevenueImpactHigh"}


@pytest.mark.usefixtures("churn")
def test_without_enough_outcomes_no_revenue_is_claimed(context, capsys):
    payload = json.loads((EVENTS / "outcomes_told.json").read_text())
    payload["outcomes"] |= {"since": (THIS_HOUR - 8 * HOUR).isoformat(), "until": THIS_HOUR.isoformat()}
    payload["outcomes"]["canary"] |= {"variant": "blue", "count": 199}
    assert track(context, **payload)["revenue_impact"]["mid"] is None
    assert "RevenueImpact" not in capsys.readouterr().out


def spot_savings(capsys):
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"SpotSaving"' in line]
    assert all(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"] == [[]] for line in lines)
    return {datetime.fromtimestamp(line["_aws"]["Timestamp"] / 1000, UTC): line["SpotSaving"] for line in lines}


def test_what_spot_saved_is_published_as_of_each_jobs_end(churn, context, capsys):
    row = {"name": "t", "spot": True, "ended": (NOW - HOUR).isoformat(), "saved_usd": 1.25}
    churn.trainings = [
        row,
        row | {"spot": False, "ended": (NOW - 2 * HOUR).isoformat(), "saved_usd": 0.0},
        row | {"ended": (NOW - 20 * DAY).isoformat()},  # CloudWatch takes nothing that old
    ]
    track(context)
    assert spot_savings(capsys) == {NOW - HOUR: 1.25}


def test_trainings_that_cannot_be_counted_do_not_stop_the_endpoints(stack, churn, context):
    churn.trainings = None
    with pytest.raises(app.EndpointsFailedError, match="not told: training jobs; told: churn"):
        track(context)
    assert len(stored(stack)) == 9
    assert track(context, endpoint="churn")["endpoints"]


@pytest.mark.usefixtures("aws")
def test_what_nobody_knows_by_name_is_no_error(context):
    assert track(context, endpoint="unheard-of")["endpoints"] == {}


@pytest.mark.parametrize("event", ["past_moment_asked", "outcomes_told"])
def test_the_sample_events_are_understood(event):
    request = app.Request.model_validate_json((EVENTS / f"{event}.json").read_text())
    assert request.endpoint == "churn"


# --- the bill


REFRESHES = itertools.count()
FOCUS = "ResourceId,ChargePeriodStart,ChargeCategory,BillingCurrency,EffectiveCost\r\n"


def bill(stack, days, *, name="churn", extension="csv.gz", text=None):
    """Deliver a report of this month and the last one in the place of the one before, given what was billed by day."""
    s3, months = boto3.client("s3"), {}
    for each in s3.list_objects_v2(Bucket=stack.captures).get("Contents", []):
        s3.delete_object(Bucket=stack.captures, Key=each["Key"])
    for day, amount in days.items():
        arn = f"arn:aws:sagemaker:eu-west-1:123456789012:endpoint/{name}"
        months.setdefault(f"{day:%Y-%m}", []).append(f"{arn},{day:%Y-%m-%d} 00:00:00,Usage,USD,{amount}\r\n")
    for month, lines in months.items():
        body = text or gzip.compress((FOCUS + "".join(lines)).encode())
        # S3 tells times by the second: a refresh in the same one is known by its name
        key = f"bills/focus/data/billing_period={month}/{next(REFRESHES)}.{extension}"
        s3.put_object(Bucket=stack.captures, Key=key, Body=body)


@pytest.fixture
def billed(aws, stack, monkeypatch):
    """An endpoint of eleven days whose bills lie in a bucket; gives the days."""
    monkeypatch.setenv("BILLING_REPORTS", f"{stack.captures}/bills/")
    first = THIS_HOUR.replace(hour=0) - 11 * DAY
    aws.add("churn", created=first)
    aws.run("churn", first, THIS_HOUR + 12 * MINUTE)
    return [first + i * DAY for i in range(11)]


def compared(stack):
    """What the view says of each month of churn."""
    return summary(stack)["billing"]["endpoints"]["churn"]


def test_a_bill_that_agrees_is_in_the_view_and_nobody_is_told(stack, billed, context):
    bill(stack, dict.fromkeys(billed, 24 * M5))
    track(context)
    found = compared(stack)
    assert sum(month["days"] for month in found.values()) >= 8
    assert all(month["difference"] == pytest.approx(0, abs=1e-9) for month in found.values() if month["days"])
    assert stack.findings == []
    assert summary(stack)["billing"]["problem"] == ""
    assert "files" not in summary(stack)["billing"]


def test_a_bill_that_differs_is_told_once_and_once_when_it_agrees_again(stack, billed, context):
    bill(stack, dict.fromkeys(billed, 24 * M5 * 1.2))
    track(context)
    raised = stack.told()
    assert raised
    assert set(raised) == {("cost", "raised")}
    assert "billed more" in stack.findings[0].title
    track(context)
    bill(stack, dict.fromkeys(billed, 24 * M5 * 1.2))  # a refresh that says the same
    track(context)
    assert stack.told() == raised
    bill(stack, dict.fromkeys(billed, 24 * M5))
    track(context)
    assert stack.told()[len(raised) :] == [("cost", "cleared")] * len(raised)


def test_reports_are_read_again_only_when_they_are_new(stack, billed, context, monkeypatch):
    bill(stack, dict.fromkeys(billed, 24 * M5))
    track(context)
    monkeypatch.setattr(app, "read_bills", lambda *_, **__: pytest.fail("read again"))
    track(context)
    assert compared(stack)


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ({"extension": "snappy.parquet"}, "only CSV with gzip is read"),
        ({"text": b"ResourceId"}, "Not a gzipped file"),
        ({"text": gzip.compress(b"a,b\r\n1,2\r\n")}, "include resource IDs"),
    ],
    ids=["parquet", "no gzip", "other columns"],
)
def test_a_report_that_cannot_be_used_is_said_in_the_view_and_stops_nothing(stack, billed, context, how, words):
    bill(stack, dict.fromkeys(billed, 24 * M5), **how)
    assert track(context)["endpoints"]["churn"]
    assert words in summary(stack)["billing"]["problem"]
    assert summary(stack)["billing"]["endpoints"] == {}


def test_endpoints_that_are_billed_and_not_counted_are_named(stack, billed, context):
    bill(stack, dict.fromkeys(billed, 1.0), name="nobodys")
    track(context)
    assert summary(stack)["billing"]["not_counted_usd"] == {"nobodys": 11.0}


@pytest.mark.usefixtures("billed")
def test_without_reports_the_view_says_so(stack, context):
    track(context)
    assert "no reports" in summary(stack)["billing"]["problem"]


@pytest.mark.usefixtures("churn")
def test_where_nothing_names_reports_none_are_looked_for(stack, context):
    track(context)
    assert summary(stack)["billing"] is None


@pytest.mark.usefixtures("billed")
def test_reports_that_cannot_be_listed_fail_the_run_at_its_end(stack, context, monkeypatch):
    monkeypatch.setenv("BILLING_REPORTS", "nobodys-bucket/bills")
    with pytest.raises(app.EndpointsFailedError, match="not told: billing reports; told: churn"):
        track(context)
    assert summary(stack)["endpoints"]["churn"]


# --- inference components


def test_the_cost_of_shared_instances_is_divided_among_inference_components(stack, aws, context, monkeypatch):
    aws.add("llm", "ml.c5.xlarge")
    del aws.configs["llm-1"]["ProductionVariants"][0]["ModelName"]
    aws.run("llm", CREATED, THIS_HOUR + 12 * MINUTE)
    held = [Reservation("small", 1, cpus=1.0), Reservation("large", 1, cpus=2.0)]
    monkeypatch.setattr(cost_observations, "read_reservations", lambda _: held)
    monkeypatch.setattr(
        cost_observations,
        "count_component_requests",
        lambda names, *_: {name: {CREATED + i * HOUR: 100.0 for i in range(9)} for name in names},
    )
    outcome = track(context, endpoint="llm")["endpoints"]["llm"]
    found = outcome["components"]
    assert found["hours"] == 9
    assert found["by_component"]["large"]["usd"] == pytest.approx(9 * 0.204 / 2)
    assert found["by_component"]["small"]["usd_per_thousand_predictions"] == pytest.approx(1000 * 0.204 / 4 / 100)
    assert found["unallocated_usd"] == pytest.approx(9 * 0.204 / 4)
    assert outcome["last_hour"]["predictions"] == 200
    assert stored(stack, "llm")[CREATED]["components"] == {"small": [0.25, 100.0], "large": [0.5, 100.0]}


@pytest.mark.usefixtures("churn")
def test_an_endpoint_with_a_model_of_its_own_is_asked_for_no_components(context, monkeypatch):
    monkeypatch.setattr(cost_observations, "read_reservations", lambda _: pytest.fail("asked"))
    assert track(context, endpoint="churn")["endpoints"]["churn"]["components"] is None


# --- outcomes


@pytest.fixture
def judged_day(aws, stack):
    """A day, five days ago, on which a canary and production each answered 300 requests of 1,000."""
    day = THIS_HOUR.replace(hour=0) - 5 * DAY
    aws.add("churn", created=day - DAY)
    aws.serve("churn", day + 3 * HOUR, 1000, variant=CANARY)
    for variant in (CANARY, "blue"):
        keys = row_keys([f"{variant}-{i}" for i in range(300)], [0] * 300)
        folder = hour_folder(answers_prefix("churn", variant), day + 3 * HOUR)
        write_rows(stack.state, folder, keyed_rows(keys, int(day.timestamp())))
    name = "/trimtab/endpoints/churn"
    boto3.client("ssm").put_parameter(
        Name=name, Type="String", Value=f"cost: {{outcomes: 's3://{stack.captures}/worth/'}}"
    )
    return day


def worth(stack, canary=1.25, production=1.0, text=None):
    lines = [
        f"{variant}-{i},{mean + i % 2}"
        for variant, mean in ((CANARY, canary), ("blue", production))
        for i in range(300)
    ]
    body = text or "\n".join(["inference_id,value", *lines])
    boto3.client("s3").put_object(Bucket=stack.captures, Key="worth/today.csv.gz", Body=gzip.compress(body.encode()))


def impacts(capsys):
    """What was published of revenue, by the moment it is of."""
    return {at: values for at, values in told(capsys).items() if "RevenueImpact" in values}


def test_what_a_canary_earned_is_joined_from_files_and_published_once(stack, context, capsys, judged_day):
    worth(stack)
    row = track(context, endpoint="churn")["endpoints"]["churn"]["revenue_impact"]
    assert row["day"] == judged_day.date().isoformat()
    assert row["mid"] == pytest.approx(250)
    assert 0 < row["low"] < 250 < row["high"]
    assert row["outcomes"] == {"canary": 300, "production": 300}
    [(at, values)] = impacts(capsys).items()
    assert at == judged_day + DAY
    assert values == {"RevenueImpact": row["mid"], "RevenueImpactLow": row["low"], "RevenueImpactHigh": row["high"]}
    assert track(context, endpoint="churn")["endpoints"]["churn"]["revenue_impact"] == row
    assert impacts(capsys) == {}


def test_a_file_that_cannot_be_read_is_said_and_tried_again(stack, context, capsys, judged_day):
    worth(stack, text="inference_id,value\na,much\n")
    row = track(context, endpoint="churn")["endpoints"]["churn"]["revenue_impact"]
    assert f"s3://{stack.captures}/worth/today.csv.gz, line 2" in row["problem"]
    worth(stack)
    row = track(context, endpoint="churn")["endpoints"]["churn"]["revenue_impact"]
    assert row["mid"] == pytest.approx(250)
    assert list(impacts(capsys)) == [judged_day + DAY]


@pytest.mark.usefixtures("judged_day")
def test_a_file_too_large_for_memory_is_said(stack, context, monkeypatch):
    worth(stack)
    monkeypatch.setattr(outcome_files, "MOST_BYTES", 100)
    row = track(context, endpoint="churn")["endpoints"]["churn"]["revenue_impact"]
    assert f"s3://{stack.captures}/worth/today.csv.gz: has " in row["problem"]


@pytest.mark.usefixtures("judged_day")
def test_without_files_there_are_too_few_outcomes(context, capsys):
    row = track(context, endpoint="churn")["endpoints"]["churn"]["revenue_impact"]
    assert (row["mid"], row["reason"]) == (None, "fewer than 200 outcomes")
    assert impacts(capsys) == {}


@pytest.mark.usefixtures("churn")
def test_where_nothing_says_where_outcomes_lie_none_are_looked_for(context, monkeypatch):
    monkeypatch.setattr(app, "read_outcomes", lambda *_: pytest.fail("looked"))
    assert track(context, endpoint="churn")["endpoints"]["churn"]["revenue_impact"] is None
