from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.stub import Stubber

from trimtab.aws.clients import cloudwatch
from trimtab.aws.rollout_metrics import read_variants, usual_latency

pytestmark = pytest.mark.usefixtures("aws")

START = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(hours=2)
MINUTE = timedelta(minutes=1)


def put(metric, variant, minute, value):
    dimensions = [{"Name": "EndpointName", "Value": "churn"}, {"Name": "VariantName", "Value": variant}]
    datum = {"MetricName": metric, "Dimensions": dimensions, "Timestamp": START + minute * MINUTE, "Value": value}
    boto3.client("cloudwatch").put_metric_data(Namespace="AWS/SageMaker", MetricData=[datum])


def read(latency_ms=None, error_metric="InvocationModelErrors"):
    end = START + 5 * MINUTE
    return read_variants("churn", "AllTraffic", START, end, error_metric=error_metric, latency_ms=latency_ms)


def test_both_variants_are_read_minute_by_minute():
    put("Invocations", "Canary", 0, 10)
    put("Invocations", "AllTraffic", 1, 90)
    put("InvocationModelErrors", "Canary", 0, 1)
    readings = read()
    assert readings.canary.requests == {START: 10}
    assert readings.canary.errors == {START: 1}
    assert readings.production.requests == {START + MINUTE: 90}
    assert (readings.canary.slow, readings.problem) == (None, "")


def asked(answer, **options):
    with Stubber(cloudwatch()) as stub:
        stub.add_response("get_metric_data", answer)
        sent = []
        cloudwatch().meta.events.register(
            "provide-client-params.cloudwatch.GetMetricData", lambda params, **_: sent.append(params), unique_id="sent"
        )
        try:
            return read(**options), sent[0]["MetricDataQueries"]
        finally:
            cloudwatch().meta.events.unregister("provide-client-params.cloudwatch.GetMetricData", unique_id="sent")


def result(number, status="Complete"):
    return {"Id": f"q{number}", "Timestamps": [START], "Values": [3.0], "StatusCode": status}


def test_slow_requests_are_counted_by_cloudwatch_above_the_limit_in_microseconds():
    readings, queries = asked({"MetricDataResults": [result(i) for i in range(6)]}, latency_ms=200)
    stats = [(query["MetricStat"]["Metric"]["MetricName"], query["MetricStat"]["Stat"]) for query in queries]
    assert stats[:3] == [("Invocations", "Sum"), ("InvocationModelErrors", "Sum"), ("ModelLatency", "TC(200000:)")]
    assert readings.canary.slow == {START: 3.0}


def test_partial_data_are_a_problem():
    readings, _ = asked({"MetricDataResults": [result(0, "PartialData"), *(result(i) for i in range(1, 4))]})
    assert readings.problem == "CloudWatch withheld 1 of 4 series"


def test_a_call_that_fails_is_a_problem_not_an_error():
    with Stubber(cloudwatch()) as stub:
        stub.add_client_error("get_metric_data", "AccessDenied", "no")
        assert "CloudWatch did not answer" in read().problem


@pytest.mark.parametrize(("values", "latency"), [([], None), ([40_000.0, 60_000.0, 900_000.0], 60.0)])
def test_the_usual_latency_is_the_median_of_the_days(values, latency):
    days = [START - timedelta(days=i) for i in range(len(values))]
    answer = {"Id": "q0", "Timestamps": days, "Values": values, "StatusCode": "Complete"}
    with Stubber(cloudwatch()) as stub:
        stub.add_response("get_metric_data", {"MetricDataResults": [answer]})
        assert usual_latency("churn", "AllTraffic", START) == latency
