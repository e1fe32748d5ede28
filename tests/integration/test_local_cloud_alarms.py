"""The local cloud's CloudWatch: metrics, statistics, alarms and what they set off."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

import pytest
from botocore.exceptions import ClientError

from local.cloud import Cloud
from local.inbox import Queue
from local.metric_history import MetricSeries

pytestmark = pytest.mark.integration

SPACE = "Probe"
REGION, ACCOUNT = "us-east-1", "000000000000"


@pytest.fixture(scope="module")
def cloudwatch(cloud: Cloud) -> Any:
    return cloud.client("cloudwatch")


@pytest.fixture(scope="module")
def events(cloud: Cloud) -> Queue:
    """Every alarm event of the default bus."""
    return log_of_events(cloud, "alarm-events", {"source": ["aws.cloudwatch"]})


@pytest.fixture(scope="module")
def topic(cloud: Cloud) -> tuple[str, Queue]:
    """A topic for alarms, and the mailbox behind it."""
    arn = cloud.client("sns").create_topic(Name="alarms")["TopicArn"]
    queue = Queue(cloud, "alarm-mails")
    cloud.client("sns").subscribe(TopicArn=arn, Protocol="sqs", Endpoint=queue.arn)
    return arn, queue


def log_of_events(cloud: Cloud, name: str, pattern: dict[str, Any]) -> Queue:
    queue = Queue(cloud, name)
    cloud.client("events").put_rule(Name=name, EventPattern=json.dumps(pattern))
    cloud.client("events").put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": queue.arn}])
    return queue


def minutes_ago(number: float) -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(minutes=number)


def dimensions(**named: str) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in named.items()]


def put(cloudwatch: Any, metric: str, *data: dict[str, Any], namespace: str = SPACE) -> None:
    cloudwatch.put_metric_data(Namespace=namespace, MetricData=[{"MetricName": metric} | datum for datum in data])


def query(metric: str, statistic: str, *, period: int = 60, named: str = "q", **of: str) -> dict[str, Any]:
    named_metric = {"Namespace": SPACE, "MetricName": metric, "Dimensions": dimensions(**of)}
    return {"Id": named, "MetricStat": {"Metric": named_metric, "Period": period, "Stat": statistic}}


def ask(cloudwatch: Any, *queries: dict[str, Any], start: float = 60.0, **more: Any) -> list[dict[str, Any]]:
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=list(queries), StartTime=minutes_ago(start), EndTime=minutes_ago(-1), **more
    )
    results: list[dict[str, Any]] = answer["MetricDataResults"]
    return results


def make_alarm(cloudwatch: Any, name: str, **settings: Any) -> None:
    usual = {
        "Namespace": SPACE,
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 5,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    if "Metrics" in settings:
        usual = {key: usual[key] for key in ("EvaluationPeriods", "Threshold", "ComparisonOperator")}
    if "ExtendedStatistic" in settings:
        del usual["Statistic"]
    cloudwatch.put_metric_alarm(AlarmName=name, **usual | settings)


def alarm(cloudwatch: Any, name: str) -> dict[str, Any]:
    found = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["MetricAlarm", "CompositeAlarm"])
    told: list[dict[str, Any]] = found["MetricAlarms"] + found["CompositeAlarms"]
    [only] = told
    return only


def reaches(cloudwatch: Any, name: str, state: str, seconds: float = 8) -> None:
    def there() -> bool:
        return bool(alarm(cloudwatch, name)["StateValue"] == state)

    wait_for(there, seconds=seconds)


def states(events: Queue, name: str) -> list[str]:
    return [event["detail"]["state"]["value"] for event in events.receive() if event["detail"]["alarmName"] == name]


def test_statistics_of_values_and_counts(cloudwatch: Any) -> None:
    values, older, newer = [float(each) for each in range(1, 151)], minutes_ago(3), minutes_ago(2)
    put(
        cloudwatch,
        "Latency",
        {"Values": values, "Counts": [2.0] * 150, "Timestamp": older, "Dimensions": dimensions(V="a")},
        {"Value": 1000, "Timestamp": newer, "Dimensions": dimensions(V="a")},
        {"Value": 9, "Timestamp": newer, "Dimensions": dimensions(V="b")},
        {"Value": 9, "Timestamp": newer},
    )
    expected = {
        "SampleCount": [1, 300],
        "Maximum": [1000, 150],
        "TC(100:)": [1, 100],
        "TC(10:20)": [0, 20],
        "PR(:75)": [0, 50],
        "p50": [1000, 75.5],
        "p100": [1000, 150],
        "tm50": [1000, 38],
    }
    queries = [query("Latency", name, named=f"q{number}", V="a") for number, name in enumerate(expected)]
    results = ask(cloudwatch, *queries)
    assert {name: result["Values"] for name, result in zip(expected, results, strict=True)} == expected
    assert results[0]["Timestamps"] == [newer, older]
    assert {result["StatusCode"] for result in results} == {"Complete"}
    assert results[0]["Label"] == "Latency"
    [oldest_first] = ask(cloudwatch, queries[0], ScanBy="TimestampAscending")
    assert oldest_first["Values"] == [300, 1]


def test_a_metric_is_found_under_exactly_its_dimensions(cloudwatch: Any) -> None:
    put(cloudwatch, "Exact", {"Value": 1, "Dimensions": dimensions(A="1", B="2")})
    combinations: list[dict[str, Any]] = [{"B": "2", "A": "1"}, {"A": "1"}, {}]
    found = [ask(cloudwatch, query("Exact", "Sum", **of))[0]["Values"] for of in combinations]
    assert found == [[1], [], []]


def test_statistic_sets_have_no_percentiles(cloudwatch: Any) -> None:
    spread = {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4}
    put(cloudwatch, "Sets", {"StatisticValues": spread})
    for name, expected in (("p95", []), ("TC(2:)", []), ("Average", [2.5]), ("Maximum", [4])):
        assert ask(cloudwatch, query("Sets", name))[0]["Values"] == expected
    both = cloudwatch.get_metric_statistics(
        Namespace=SPACE,
        MetricName="Sets",
        StartTime=minutes_ago(5),
        EndTime=minutes_ago(-1),
        Period=60,
        Statistics=["Sum", "SampleCount"],
        ExtendedStatistics=["p95", "TC(2:)"],
    )
    [datapoint] = both["Datapoints"]
    assert (datapoint["Sum"], datapoint["SampleCount"], datapoint["Unit"]) == (10, 4, "None")
    assert "ExtendedStatistics" not in datapoint


def test_get_metric_statistics_tells_each_unit_and_extended_statistics(cloudwatch: Any) -> None:
    put(cloudwatch, "Units", {"Values": [1, 2], "Unit": "Count"}, {"Value": 5, "Unit": "Seconds"})
    asked = {"Namespace": SPACE, "MetricName": "Units", "Period": 60, "EndTime": minutes_ago(-1)}
    answer = cloudwatch.get_metric_statistics(**asked, StartTime=minutes_ago(5), ExtendedStatistics=["p100", "TC(1:)"])
    told = {datapoint["Unit"]: datapoint["ExtendedStatistics"] for datapoint in answer["Datapoints"]}
    assert told == {"Count": {"p100": 2, "TC(1:)": 1}, "Seconds": {"p100": 5, "TC(1:)": 1}}
    with pytest.raises(ClientError, match=r"2,881 datapoints, which exceeds the limit of 1,440") as caught:
        cloudwatch.get_metric_statistics(**asked, StartTime=minutes_ago(2880), Statistics=["Sum"])
    assert caught.value.response["Error"]["Code"] == "InvalidParameterCombination"


def test_two_weeks_of_the_past_are_taken_and_told_in_pages(cloudwatch: Any) -> None:
    days = [{"Value": day, "Timestamp": minutes_ago(1440 * day)} for day in range(14)]
    put(cloudwatch, "Past", *days)
    put(cloudwatch, "Recent", {"Value": 7})
    pages = cloudwatch.get_paginator("get_metric_data").paginate(
        MetricDataQueries=[query("Past", "Sum", named="past"), query("Recent", "Sum", named="recent")],
        StartTime=minutes_ago(14 * 1440),
        EndTime=minutes_ago(-1),
        MaxDatapoints=5,
    )
    told: dict[str, list[float]] = {"past": [], "recent": []}
    status = []
    for page in pages:
        for result in page["MetricDataResults"]:
            told[result["Id"]] += result["Values"]
        status.append([result["StatusCode"] for result in page["MetricDataResults"]])
    assert told == {"past": [float(day) for day in range(14)], "recent": [7.0]}
    assert status == [["PartialData"] * 2, ["PartialData"] * 2, ["Complete", "Complete"]]
    with pytest.raises(ClientError, match="InvalidNextToken"):
        ask(cloudwatch, query("Past", "Sum"), NextToken="x")


def test_long_periods_begin_at_the_start_that_is_asked_for(cloudwatch: Any) -> None:
    start = minutes_ago(11)
    put(cloudwatch, "Long", *({"Value": 1, "Timestamp": start + timedelta(minutes=number)} for number in range(1, 11)))
    answer = cloudwatch.get_metric_data(
        MetricDataQueries=[query("Long", "Sum", period=300)],
        StartTime=start + timedelta(seconds=30),
        EndTime=start + timedelta(minutes=12),
        ScanBy="TimestampAscending",
    )
    [result] = answer["MetricDataResults"]
    assert result["Values"] == [4, 5, 1]
    assert result["Timestamps"] == [start + timedelta(minutes=number) for number in (0, 5, 10)]


def test_series_that_are_played_are_told_beside_what_was_put(cloud: Cloud, cloudwatch: Any) -> None:
    put(cloudwatch, "Played", {"Value": 9, "Dimensions": dimensions(A="1"), "Timestamp": minutes_ago(4)})
    minutes = [([1.0, 3.0], [3.0, 1.0]), None, ([5.0], [2.0])]
    series = MetricSeries(SPACE, "Played", "Count", minutes_ago(5), minutes)
    assert cloud.play_metrics([series.document({"A": "1"})]) == 2
    for statistic, newest_first in (("Sum", [10, 9, 6]), ("Average", [5, 9, 1.5]), ("p99", [5, 9, 3])):
        [told] = ask(cloudwatch, query("Played", statistic, A="1"))
        assert told["Values"] == pytest.approx(newest_first, rel=0.05)


def test_metric_math_divides_what_is_there(cloudwatch: Any) -> None:
    put(cloudwatch, "Requests", *({"Value": 50, "Timestamp": minutes_ago(number)} for number in (2, 3)))
    put(cloudwatch, "Errors", {"Value": 1, "Timestamp": minutes_ago(3)})
    parts = [query("Errors", "Sum", named="e"), query("Requests", "Sum", named="r")]
    parts = [part | {"ReturnData": False} for part in parts]
    [result] = ask(cloudwatch, {"Id": "rate", "Expression": "FILL(e, 0) / r * 100"}, *parts)
    assert (result["Id"], result["Values"]) == ("rate", [0, 2])
    with pytest.raises(ClientError, match=r"knows \+ - \* / and FILL"):
        ask(cloudwatch, {"Id": "x", "Expression": "ANOMALY_DETECTION_BAND(e)"}, *parts)


def test_what_cloudwatch_refuses_is_refused(cloudwatch: Any) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        put(cloudwatch, "Bad", {"Values": [1.0] * 151})
    for number in (float("nan"), float("inf")):
        with pytest.raises(ClientError, match="InvalidParameterValue"):
            put(cloudwatch, "Bad", {"Value": 1}, {"Value": number})
    assert ask(cloudwatch, query("Bad", "Sum"))[0]["Values"] == []
    with pytest.raises(ClientError, match="'p101' is not a statistic"):
        ask(cloudwatch, query("Bad", "p101"))
    with pytest.raises(ClientError, match="'Mean' is not a statistic"):
        make_alarm(cloudwatch, "bad", MetricName="Bad", Statistic="Mean")
    with pytest.raises(ClientError, match="DatapointsToAlarm must not be greater"):
        make_alarm(cloudwatch, "bad", MetricName="Bad", DatapointsToAlarm=2)
    metrics = [query("Bad", "Sum", named="b") | {"ReturnData": False}, {"Id": "x", "Expression": "RATE(b)"}]
    with pytest.raises(ClientError, match="knows"):
        make_alarm(cloudwatch, "bad", Metrics=metrics)


def test_data_of_150_values_of_an_endpoint_are_taken_compressed(cloudwatch: Any) -> None:
    of = dimensions(EndpointName="churn", VariantName="Canary")
    data = [
        {
            "Values": [float(v) for v in range(150)],
            "Timestamp": minutes_ago(number),
            "Dimensions": of,
            "Unit": "Microseconds",
        }
        for number in range(200)
    ]
    put(cloudwatch, "ModelLatency", *data, namespace="AWS/SageMaker")
    metric = query("ModelLatency", "TC(99:)", EndpointName="churn", VariantName="Canary")
    metric["MetricStat"]["Metric"]["Namespace"] = "AWS/SageMaker"
    assert sum(ask(cloudwatch, metric, start=300)[0]["Values"]) == 200 * 50
    listed = cloudwatch.list_metrics(Namespace="AWS/SageMaker", MetricName="ModelLatency")["Metrics"]
    assert of in [sorted(each["Dimensions"], key=lambda dimension: dimension["Name"]) for each in listed]


def test_query_strings_are_understood_as_well(cloud: Cloud, cloudwatch: Any) -> None:
    put(cloudwatch, "Spoken", {"Values": [1, 2, 3]})
    start, end = (at.strftime("%Y-%m-%dT%H:%M:%SZ") for at in (minutes_ago(5), minutes_ago(-1)))
    metric = "MetricDataQueries.member.1.MetricStat"
    form = (
        f"Action=GetMetricData&MetricDataQueries.member.1.Id=q&{metric}.Metric.Namespace={SPACE}"
        f"&{metric}.Metric.MetricName=Spoken&{metric}.Period=60&{metric}.Stat=TC(1:)&StartTime={start}&EndTime={end}"
    )
    text = post(cloud, form, {"Content-Type": "application/x-www-form-urlencoded"})
    assert "<Id>q</Id>" in text
    assert "<Values><member>2.0</member></Values>" in text
    document = {"MetricDataQueries": [query("Spoken", "TC(1:)")], "StartTime": start, "EndTime": end}
    target = {
        "X-Amz-Target": "GraniteServiceVersion20100801.GetMetricData",
        "Content-Type": "application/x-amz-json-1.0",
    }
    [result] = json.loads(post(cloud, json.dumps(document), target))["MetricDataResults"]
    assert (result["Values"], type(result["Timestamps"][0])) == ([2.0], int)


def test_an_alarm_looks_at_its_dimensions_and_tells_its_states(
    cloudwatch: Any, events: Queue, topic: tuple[str, Queue]
) -> None:
    arn, mails = topic
    of = dimensions(EndpointName="churn", VariantName="Canary")
    make_alarm(
        cloudwatch,
        "canary-errors",
        MetricName="Errors5XX",
        Dimensions=of,
        AlarmDescription="too many",
        TreatMissingData="notBreaching",
        AlarmActions=[arn],
        OKActions=[arn],
    )
    reaches(cloudwatch, "canary-errors", "OK")
    put(cloudwatch, "Errors5XX", {"Value": 50, "Dimensions": dimensions(EndpointName="churn", VariantName="Blue")})
    assert alarm(cloudwatch, "canary-errors")["StateValue"] == "OK"
    put(cloudwatch, "Errors5XX", {"Value": 6, "Dimensions": of})
    assert alarm(cloudwatch, "canary-errors")["StateValue"] == "ALARM"  # at once
    wait_for(lambda: states(events, "canary-errors") == ["OK", "ALARM"], seconds=5)
    event = events.bodies[-1]
    assert (event["source"], event["detail-type"]) == ("aws.cloudwatch", "CloudWatch Alarm State Change")
    assert event["resources"] == [f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:canary-errors"]
    detail = event["detail"]
    assert set(detail) == {"alarmName", "configuration", "previousState", "state"}
    assert detail["configuration"]["description"] == "too many"
    [metric] = detail["configuration"]["metrics"]
    assert metric["metricStat"] == {
        "metric": {
            "namespace": SPACE,
            "name": "Errors5XX",
            "dimensions": {"EndpointName": "churn", "VariantName": "Canary"},
        },
        "period": 60,
        "stat": "Sum",
    }
    state, previous = detail["state"], detail["previousState"]
    assert (state["value"], previous["value"]) == ("ALARM", "OK")
    assert "was greater than the threshold (5.0)" in state["reason"]
    data = json.loads(state["reasonData"])
    assert (data["recentDatapoints"], data["period"], data["statistic"], data["threshold"]) == ([6.0], 60, "Sum", 5.0)
    assert data["evaluatedDatapoints"][0]["sampleCount"] == 1.0
    for moment in (state["timestamp"], previous["timestamp"], data["queryDate"]):
        assert datetime.strptime(moment, "%Y-%m-%dT%H:%M:%S.%f%z").utcoffset() == timedelta(0)
    wait_for(lambda: len(mails.receive()) == 2, seconds=5)
    assert [mail["Subject"].partition(" in ")[0] for mail in mails.bodies] == [
        'OK: "canary-errors"',
        'ALARM: "canary-errors"',
    ]
    message = json.loads(mails.bodies[1]["Message"])
    assert (message["NewStateValue"], message["OldStateValue"]) == ("ALARM", "OK")
    assert {"name": "VariantName", "value": "Canary"} in message["Trigger"]["Dimensions"]


def test_m_of_n_and_percentiles_and_periods(cloudwatch: Any) -> None:
    settings = {"EvaluationPeriods": 3, "DatapointsToAlarm": 2, "Threshold": 100}
    for number, values in ((3, [1, 2, 500]), (2, [1, 1, 1]), (1, [1, 500, 500])):
        put(cloudwatch, "Slow", {"Values": values, "Timestamp": minutes_ago(number)})
    make_alarm(cloudwatch, "two-of-three", MetricName="Slow", ExtendedStatistic="p90", **settings)
    make_alarm(
        cloudwatch, "three-of-three", MetricName="Slow", ExtendedStatistic="p90", **settings | {"DatapointsToAlarm": 3}
    )
    make_alarm(cloudwatch, "count", MetricName="Slow", ExtendedStatistic="TC(100:)", Threshold=2, Period=300)
    assert [alarm(cloudwatch, name)["StateValue"] for name in ("two-of-three", "three-of-three", "count")] == [
        "ALARM",
        "OK",
        "ALARM",
    ]
    told = alarm(cloudwatch, "two-of-three")
    assert (told["ExtendedStatistic"], told["DatapointsToAlarm"], "Statistic" in told) == ("p90", 2, False)


def test_missing_data_are_treated_as_the_alarm_says(cloudwatch: Any, events: Queue) -> None:
    expected = {
        "breaching": "ALARM",
        "notBreaching": "OK",
        "missing": "INSUFFICIENT_DATA",
        "ignore": "INSUFFICIENT_DATA",
    }
    for treatment in expected:
        make_alarm(cloudwatch, f"silent-{treatment}", MetricName="Silent", TreatMissingData=treatment)
    for treatment, state in expected.items():
        reaches(cloudwatch, f"silent-{treatment}", state)
    assert states(events, "silent-missing") == []  # an alarm is born with insufficient data


def test_the_clock_sees_what_no_datum_tells(cloudwatch: Any, events: Queue) -> None:
    """A state that was set lasts until the next look, except where missing data are ignored."""
    for treatment in ("notBreaching", "ignore"):
        make_alarm(cloudwatch, f"set-{treatment}", MetricName="Never", TreatMissingData=treatment)
        cloudwatch.set_alarm_state(
            AlarmName=f"set-{treatment}", StateValue="ALARM", StateReason="a drill", StateReasonData='{"why": "drill"}'
        )
    reaches(cloudwatch, "set-notBreaching", "OK")
    wait_for(lambda: states(events, "set-notBreaching")[-2:] == ["ALARM", "OK"], seconds=5)
    assert states(events, "set-ignore") == ["ALARM"]
    [drill] = [event["detail"] for event in events.bodies if event["detail"]["alarmName"] == "set-ignore"]
    assert drill["state"]["reason"] == "a drill"
    assert json.loads(drill["state"]["reasonData"]) == {"why": "drill"}
    assert drill["previousState"]["value"] == "INSUFFICIENT_DATA"


def test_an_alarm_on_a_ratio(cloudwatch: Any, events: Queue) -> None:
    put(cloudwatch, "All", {"Value": 100, "Timestamp": minutes_ago(1), "Dimensions": dimensions(EndpointName="ratio")})
    metrics = [
        {"Id": "rate", "Expression": "FILL(e, 0) / r * 100", "Label": "error rate"},
        query("Failed", "Sum", named="e", EndpointName="ratio") | {"ReturnData": False},
        query("All", "Sum", named="r", EndpointName="ratio") | {"ReturnData": False},
    ]
    make_alarm(cloudwatch, "error-rate", Metrics=metrics)
    assert alarm(cloudwatch, "error-rate")["StateValue"] == "OK"
    put(cloudwatch, "Failed", {"Value": 6, "Timestamp": minutes_ago(1), "Dimensions": dimensions(EndpointName="ratio")})
    told = alarm(cloudwatch, "error-rate")
    assert told["StateValue"] == "ALARM"
    assert [metric["Id"] for metric in told["Metrics"]] == ["rate", "e", "r"]
    assert "MetricName" not in told
    wait_for(lambda: states(events, "error-rate") == ["OK", "ALARM"], seconds=5)
    first, second, _ = events.bodies[-1]["detail"]["configuration"]["metrics"]
    assert first == {
        "id": "rate",
        "expression": "FILL(e, 0) / r * 100",
        "label": "error rate",
        "returnData": True,
    }
    assert second["metricStat"]["metric"]["dimensions"] == {"EndpointName": "ratio"}


def test_a_composite_alarm_follows_its_children(cloudwatch: Any, events: Queue, topic: tuple[str, Queue]) -> None:
    for child in ("left", "right"):
        make_alarm(cloudwatch, child, MetricName="Child", Dimensions=dimensions(Side=child), TreatMissingData="ignore")
        put(cloudwatch, "Child", {"Value": 0, "Timestamp": minutes_ago(1), "Dimensions": dimensions(Side=child)})
    rule = 'ALARM("left") AND (ALARM(right) OR NOT OK(right))'
    cloudwatch.put_composite_alarm(AlarmName="both", AlarmRule=rule, AlarmActions=[topic[0]])
    assert alarm(cloudwatch, "both")["StateValue"] == "OK"
    for child in ("left", "right"):
        put(cloudwatch, "Child", {"Value": 9, "Dimensions": dimensions(Side=child)})
    assert alarm(cloudwatch, "both")["StateValue"] == "ALARM"
    wait_for(lambda: states(events, "both")[-1:] == ["ALARM"], seconds=5)
    detail = [event["detail"] for event in events.bodies if event["detail"]["alarmName"] == "both"][-1]
    assert detail["configuration"] == {"alarmRule": rule}
    triggering = json.loads(detail["state"]["reasonData"])["triggeringAlarms"]
    assert triggering[0]["arn"].endswith(":alarm:right")
    assert triggering[0]["state"]["value"] == "ALARM"
    wait_for(lambda: any("both" in mail["Subject"] for mail in topic[1].receive()), seconds=5)


def test_an_alarm_calls_a_function(cloud: Cloud, cloudwatch: Any) -> None:
    function = make_function(cloud, "on-alarm", "print('called', json.dumps(event))")
    make_alarm(cloudwatch, "calls", MetricName="Calls", AlarmActions=[function], TreatMissingData="ignore")
    put(cloudwatch, "Calls", {"Value": 9})
    logs = cloud.client("logs")

    def said() -> list[str]:
        if not logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/on-alarm")["logGroups"]:
            return []
        lines = logs.filter_log_events(logGroupName="/aws/lambda/on-alarm")["events"]
        return [line["message"] for line in lines if line["message"].startswith("called")]

    wait_for(lambda: len(said()) == 1, seconds=10)
    event = json.loads(said()[0].removeprefix("called "))
    assert set(event) == {"source", "alarmArn", "accountId", "time", "region", "alarmData"}
    assert (event["alarmData"]["alarmName"], event["alarmData"]["state"]["value"]) == ("calls", "ALARM")


def test_a_role_is_held_to_its_alarms_and_namespaces(cloud: Cloud, cloudwatch: Any) -> None:
    for name in ("role-own", "role-other"):
        make_alarm(cloudwatch, name, MetricName="Role")
    own, other = (f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:role-{name}" for name in ("own", "other"))
    actions = ["PutMetricAlarm", "ListTagsForResource", "TagResource", "DeleteAlarms"]
    make_function(
        cloud,
        "role",
        "return getattr(boto3.client('cloudwatch'), event['call'])(**event['with']) and None",
        allowed=[
            {"Action": [f"cloudwatch:{action}" for action in actions], "Resource": own},
            {
                "Action": "cloudwatch:PutMetricData",
                "Resource": "*",
                "Condition": {"StringEquals": {"cloudwatch:namespace": SPACE}},
            },
        ],
    )

    def refusal(call: str, **arguments: Any) -> str:
        payload = json.dumps({"call": call, "with": arguments})
        answer = json.load(cloud.client("lambda").invoke(FunctionName="role", Payload=payload)["Payload"])
        return str((answer or {}).get("errorMessage", ""))

    datum = {"MetricName": "Role", "Value": 1}
    assert refusal("put_metric_data", Namespace=SPACE, MetricData=[datum]) == ""
    assert "not authorized to perform: cloudwatch:PutMetricData" in refusal(
        "put_metric_data", Namespace="Else", MetricData=[datum]
    )
    for arn, names, allowed in ((own, ["role-own"], True), (other, ["role-other"], False)):
        for call, arguments in (
            ("list_tags_for_resource", {"ResourceARN": arn}),
            ("tag_resource", {"ResourceARN": arn, "Tags": []}),
            ("delete_alarms", {"AlarmNames": names}),
        ):
            assert ("not authorized" in refusal(call, **arguments)) != allowed


def test_tags_of_alarms(cloudwatch: Any) -> None:
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:tagged"
    make_alarm(cloudwatch, "tagged", MetricName="Tagged", Tags=[{"Key": "a", "Value": "1"}])
    cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "trimtab:rollback", "Value": "churn"}])
    make_alarm(cloudwatch, "tagged", MetricName="Tagged")
    cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "trimtab:rollback", "Value": "churn"}]


def test_metrics_in_a_function_s_log_are_published_and_judged(cloud: Cloud, cloudwatch: Any) -> None:
    of = dimensions(service="watch_self", Name="probe")
    make_alarm(
        cloudwatch,
        "heartbeat",
        MetricName="Heartbeat",
        Dimensions=of,
        Period=1800,
        Threshold=1,
        ComparisonOperator="LessThanThreshold",
        TreatMissingData="breaching",
    )
    reaches(cloudwatch, "heartbeat", "ALARM")
    line = {
        "_aws": {
            "Timestamp": int(time.time() * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": SPACE,
                    "Dimensions": [["service", "Name"]],
                    "Metrics": [{"Name": "Heartbeat", "Unit": "Count", "StorageResolution": 1}],
                }
            ],
        },
        "service": "watch_self",
        "Name": "probe",
        "Heartbeat": [1.0],
    }
    make_function(cloud, "prints", f"print({json.dumps(line)!r})")
    cloud.client("lambda").invoke(FunctionName="prints", Payload=b"{}")
    reaches(cloudwatch, "heartbeat", "OK")
    assert sum(ask(cloudwatch, query("Heartbeat", "Sum", service="watch_self", Name="probe"))[0]["Values"]) == 1


def test_a_template_s_alarms_are_judged_alike(cloud: Cloud, cloudwatch: Any) -> None:
    metric = {"Namespace": SPACE, "MetricName": "Templated", "Dimensions": dimensions(A="1")}
    ratio = {
        "EvaluationPeriods": 1,
        "Threshold": 1,
        "ComparisonOperator": "GreaterThanThreshold",
        "Metrics": [
            {"Id": "double", "Expression": "m * 2"},
            {"Id": "m", "MetricStat": {"Metric": metric, "Period": "60", "Stat": "Sum"}, "ReturnData": "false"},
        ],
    }
    template = {
        "Resources": {"Alarm": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"AlarmName": "double", **ratio}}}
    }
    cloud.client("cloudformation").create_stack(StackName="alarms", TemplateBody=json.dumps(template))
    wait_for(lambda: bool(cloudwatch.describe_alarms(AlarmNames=["double"])["MetricAlarms"]), seconds=10)
    put(cloudwatch, "Templated", {"Value": 1, "Dimensions": dimensions(A="1")})
    reaches(cloudwatch, "double", "ALARM")


def post(cloud: Cloud, body: str, headers: dict[str, str]) -> str:
    """An answer to a request that no boto3 of today sends."""
    credential = f"Credential=test/20260101/{REGION}/monitoring/aws4_request"
    signed = {"Authorization": f"AWS4-HMAC-SHA256 {credential}, SignedHeaders=host, Signature=0"}
    with urlopen(Request(cloud.endpoint_url, body.encode(), headers | signed), timeout=10) as answer:
        text: str = answer.read().decode()
        return text


def make_function(cloud: Cloud, name: str, statement: str, allowed: Sequence[dict[str, Any]] = ()) -> str:
    """A function of one statement, whose role is allowed so much. Gives its ARN."""
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = cloud.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]["Arn"]
    if allowed:
        policy = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **each} for each in allowed]})
        cloud.client("iam").put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=policy)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as code:
        code.writestr("app.py", f"import boto3, json\ndef handler(event, context):\n    {statement}\n")
    made = cloud.client("lambda").create_function(
        FunctionName=name, Runtime="python3.13", Role=role, Handler="app.handler", Code={"ZipFile": packed.getvalue()}
    )
    arn: str = made["FunctionArn"]
    return arn


def wait_for(condition: Callable[[], bool], *, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.1)
