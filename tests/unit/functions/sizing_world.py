"""An account in memory with endpoints whose traffic, load and latency are known, as CloudWatch would have counted them.

`churn` has three ml.m5.xlarge for traffic that two to three of them carry: 20 requests a second by day, fewer by night,
50 ms each. GetMetricData answers in pages of at most 100,800 datapoints.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import botocore.client
import numpy as np

from functions.rightsize_endpoints import app
from tests.unit.functions.aws_in_memory import ACCOUNT, MINUTE, Aws, Endpoint, error
from trimtab.aws import clients
from trimtab.sizing.queueing import p95_latency

NOW = datetime(2026, 10, 19, 5, 40, tzinfo=UTC)
DAY = timedelta(days=1)
EPOCH = NOW - 40 * DAY
TARGET = "endpoint/churn/variant/AllTraffic"
POINTS_PER_PAGE = 100_800
CONFIG = {
    "ProductionVariants": [
        {
            "VariantName": "AllTraffic",
            "ModelName": "churn-v1",
            "InstanceType": "ml.m5.xlarge",
            "InitialInstanceCount": 3,
            "InitialVariantWeight": 1.0,
        }
    ]
}


ANSWERS: dict[tuple, tuple[list, list]] = {}
"""Series that were made once: most tests ask for the same."""
RATES = np.arange(0, 72, 0.5)
QUEUE = np.array([p95_latency(4, float(rate), 0.05, 0.0973, 0.25) for rate in RATES])


class Shared(list):
    """Datapoints that nobody changes: they need not be copied."""

    def __deepcopy__(self, memo):
        return self


class Clock(datetime):
    """What the function takes for now."""

    shown = NOW

    @classmethod
    def now(cls, tz=None):
        return cls.shown.astimezone(tz)


def wave(minute: np.ndarray) -> np.ndarray:
    """Requests per second of minutes since EPOCH: a day's wave with noise that is the same each time."""
    hour = (minute / 60 + EPOCH.hour + EPOCH.minute / 60) % 24
    noise = 1 + 0.08 * np.sin(minute * 12.9898) * np.cos(minute * 78.233)
    return 20 * (1 + 0.6 * np.sin((hour - 9) / 24 * 2 * np.pi)) * noise


@dataclass
class World(Aws):
    """What the sizing function needs besides. `rps`, `instances`, `p99_ms`: of minutes since EPOCH, by endpoint or for
    all; `partial`: metrics that CloudWatch withholds some of; `created`: when the endpoints and configs were made.
    `blank`: CloudWatch has no minutes of many days (a quick answer, for tests that have read them before)."""

    rps: Callable[[np.ndarray], np.ndarray] = wave
    instances: Callable[[np.ndarray], np.ndarray] = lambda minute: np.full(len(minute), 3.0)
    p99_ms: float = 130.0
    cpu_per_rps: float = 7.0
    partial: set[str] = field(default_factory=set)
    refused_metrics: set[str] = field(default_factory=set)
    blank: bool = False
    created: datetime = EPOCH
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    schedules: dict[str, dict[str, dict]] = field(default_factory=dict)
    activities: list[dict] = field(default_factory=list)
    jobs: list[dict] = field(default_factory=list)
    prices: list[str] = field(default_factory=list)
    pages: int = 0

    # --- SageMaker

    def ListEndpoints(self, **_):  # noqa: N802
        return {"Endpoints": [
            {"EndpointName": name, "EndpointArn": f"{ACCOUNT}:endpoint/{name}", "CreationTime": self.created,
             "LastModifiedTime": self.created, "EndpointStatus": each.status}
            for name, each in sorted(self.endpoints.items())
        ]}  # fmt: skip

    def DescribeEndpoint(self, EndpointName):  # noqa: N802, N803
        shown = super().DescribeEndpoint(EndpointName)
        return {**shown, "CreationTime": self.created, "LastModifiedTime": self.created}

    def DescribeEndpointConfig(self, EndpointConfigName):  # noqa: N802, N803
        return {**super().DescribeEndpointConfig(EndpointConfigName), "CreationTime": self.created}

    def ListTags(self, ResourceArn):  # noqa: N802, N803
        given = self.tags.get(ResourceArn.rpartition("/")[2], {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in given.items()]}

    def ListInferenceRecommendationsJobs(self, **_):  # noqa: N802
        return {"InferenceRecommendationsJobs": [{"JobName": str(i)} for i in range(len(self.jobs))]}

    def DescribeInferenceRecommendationsJob(self, JobName):  # noqa: N802, N803
        return self.jobs[int(JobName)]

    # --- Application Auto Scaling

    def DescribeScheduledActions(self, ResourceId, **_):  # noqa: N802, N803
        return {"ScheduledActions": list(self.schedules.get(ResourceId, {}).values())}

    def PutScheduledAction(self, ResourceId, ScheduledActionName, **action):  # noqa: N802, N803
        assert ResourceId in self.targets
        kept = {name: action[name] for name in ("Schedule", "ScalableTargetAction", "Timezone") if name in action}
        self.schedules.setdefault(ResourceId, {})[ScheduledActionName] = {
            "ScheduledActionName": ScheduledActionName, **kept,
        }  # fmt: skip

    def DeleteScheduledAction(self, ResourceId, ScheduledActionName, **_):  # noqa: N802, N803
        if not self.schedules.get(ResourceId, {}).pop(ScheduledActionName, None):
            raise error("ObjectNotFoundException", "No scheduled action found")

    def DeleteScalingPolicy(self, ResourceId, PolicyName, **_):  # noqa: N802, N803
        if not self.policies.get(ResourceId, {}).pop(PolicyName, None):
            raise error("ObjectNotFoundException", "No scaling policy found")

    def DeregisterScalableTarget(self, ResourceId, **others):  # noqa: N802, N803
        super().DeregisterScalableTarget(ResourceId, **others)
        self.schedules.pop(ResourceId, None)

    def DescribeScalingActivities(self, **_):  # noqa: N802
        return {"ScalingActivities": self.activities}

    # --- prices

    def GetProducts(self, **_):  # noqa: N802
        return {"PriceList": self.prices, "FormatVersion": "aws_v1"}

    # --- CloudWatch

    def GetMetricData(self, MetricDataQueries, StartTime, EndTime, NextToken="0"):  # noqa: N802, N803
        self.pages += 1
        names = {query["MetricStat"]["Metric"]["MetricName"] for query in MetricDataQueries}
        if names & self.refused_metrics:
            raise error("InternalServiceFault", "try later")
        skip, room, results, token = int(NextToken), POINTS_PER_PAGE, [], None
        for query in MetricDataQueries:
            times, values = self.answer_to(query["MetricStat"], StartTime, EndTime)
            if skip >= len(times) and skip:
                skip -= len(times)
                continue
            times, values, skip = times[skip : skip + room], values[skip : skip + room], 0
            room -= len(times)
            is_partial = query["MetricStat"]["Metric"]["MetricName"] in self.partial
            status = "PartialData" if is_partial else "Complete"
            results.append({"Id": query["Id"], "Timestamps": times, "Values": values, "StatusCode": status})
            if room == 0:
                token = str(int(NextToken) + POINTS_PER_PAGE)
                break
        return {"MetricDataResults": Shared(results), **({"NextToken": token} if token else {})}

    def answer_to(self, stat, start, end):
        """Times and values of one series, oldest first."""
        dimensions = {each["Name"]: each["Value"] for each in stat["Metric"]["Dimensions"]}
        name, period = stat["Metric"]["MetricName"], stat["Period"]
        if (self.blank and end - start > 5 * DAY and period == 60) or dimensions["EndpointName"] not in self.endpoints:
            return [], []
        known = (name, stat["Stat"], period, start, end, self.rps, self.instances, self.p99_ms, self.cpu_per_rps)
        if known not in ANSWERS:
            ANSWERS[known] = self.datapoints(name, stat["Stat"], period, start, end)
        return ANSWERS[known]

    def datapoints(self, name, statistic, period, start, end):
        step = timedelta(seconds=period)
        first = start - (start - EPOCH.replace(minute=0)) % step if period > 60 else start
        times = [first + i * step for i in range(int((end - first) / step + 0.999999))]
        minutes = np.array([(time - EPOCH) / MINUTE for time in times])
        values = self.values(name, statistic, minutes, period)
        shown = np.isfinite(values)
        return [time for time, is_shown in zip(times, shown, strict=True) if is_shown], values[shown].tolist()

    def values(self, metric, statistic, minutes, period):
        rps = np.maximum(self.rps(minutes), 0)
        count = self.instances(minutes)
        each = rps / count
        if metric == "Invocations":
            return np.where(rps > 0, np.round(rps * period), np.nan)
        if metric == "InvocationsPerInstance":
            return np.where(rps > 0, np.round(rps * period) / count, np.nan)
        if metric == "CPUUtilization":
            return count * period / 60 if statistic == "SampleCount" else 6 + self.cpu_per_rps * each
        if metric == "MemoryUtilization":
            return np.full(len(minutes), 15.6)
        if metric == "ConcurrentRequestsPerModel":
            return np.full(len(minutes), 3.0)
        if metric == "ModelLatency":
            queue = np.interp(each, RATES, QUEUE)
            ms = {"Average": 50.0, "p95": 1000 * queue, "p99": self.p99_ms}[statistic]
            return np.where(rps > 0, ms * 1000.0, np.nan)
        return np.full(len(minutes), np.nan)

    # --- for tests

    def put(self, name: str, config: dict = CONFIG) -> None:
        """An endpoint with a config and a model of its own."""
        self.configs[name] = json.loads(json.dumps(config).replace("churn", name))
        self.models[f"{name}-v1"] = {"PrimaryContainer": {"Image": "image"}, "ExecutionRoleArn": "arn"}
        self.endpoints[name] = Endpoint(name, {"AllTraffic": {"weight": 1.0, "instances": 3}})
        self.weights.append((EPOCH, self.routing(self.endpoints[name])))

    def settings(self, text: str, name: str = "churn") -> None:
        self.parameters[f"/trimtab/endpoints/{name}"] = text

    def document(self, partition: str, name: str) -> dict:
        item = self.items.get((partition, name))
        return json.loads(item["content"]["S"]) if item else {}

    def titles(self) -> list[str]:
        return [finding["title"] for finding in self.told().values()]

    def working(self, name: str = "churn", day: str = "2026-10-19") -> dict:
        return json.loads(self.objects["state", f"sizing/{name}/{day}.json"])["variants"]["AllTraffic"]


def install(monkeypatch, context, aws: World) -> SimpleNamespace:
    """The function's world: `size(**payload)`, `follow()`, `later(…)`."""
    clients.client.cache_clear()
    for name, value in {
        "NAME": "trimtab", "STATE_BUCKET_NAME": "state", "STATE_TABLE_NAME": "table", "FINDINGS_BUS_NAME": "findings",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(app, "datetime", Clock)
    monkeypatch.setattr(Clock, "shown", NOW)
    held = SimpleNamespace(aws=aws)

    def call(client, operation, parameters):
        return held.aws.call(client, operation, parameters)

    monkeypatch.setattr(botocore.client.BaseClient, "_make_api_call", call)

    def later(**span):
        Clock.shown = Clock.shown + timedelta(**span)
        held.aws.now = Clock.shown

    def invoke(**payload):
        return app.lambda_handler(payload, context)

    held.later, held.invoke = later, invoke
    held.follow = lambda: invoke(command="follow")
    held.size = lambda name="churn": invoke(endpoint=name)["endpoints"][name].get("AllTraffic")
    return held
