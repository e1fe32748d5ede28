"""AWS as far as rollouts use it, in memory: fast enough to kill a run at each of its calls, and as strict as SageMaker.

Installed in the place of botocore's own calls; the parameters of each are checked against the service's model. Time is
what `now` says: an update takes minutes, during which SageMaker refuses others.
"""

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import md5
from io import BytesIO
from typing import Any

from botocore.exceptions import ClientError
from botocore.response import StreamingBody
from botocore.validate import ParamValidator

MINUTE = timedelta(minutes=1)
ACCOUNT = "arn:aws:sagemaker:eu-west-1:123456789012"


class Killed(BaseException):
    """The process is gone: nothing may catch this."""


@dataclass
class Endpoint:
    """An endpoint and what becomes of it when the update in progress ends."""

    config: str
    variants: dict[str, dict[str, Any]]
    status: str = "InService"
    failure: str = ""
    ready: datetime | None = None
    after: dict[str, Any] = field(default_factory=dict)
    deployment: dict[str, Any] = field(default_factory=dict)


@dataclass
class Aws:
    """The account. `traffic`: requests a minute; `error_rates` by model. `calls`: what was called, with what.

    `kill`: the number of the call at which the process dies, and whether `before` or `after` AWS has done it.
    `update_minutes`: how long UpdateEndpoint takes. `fails`: configs whose deployment falls back silently.
    """

    now: datetime
    traffic: float = 6000
    error_rates: dict[str, float] = field(default_factory=dict)
    endpoints: dict[str, Endpoint] = field(default_factory=dict)
    configs: dict[str, dict[str, Any]] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    packages: dict[str, dict[str, Any]] = field(default_factory=dict)
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    policies: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    alarms: list[dict[str, Any]] = field(default_factory=list)
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    items: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    parameters: dict[str, str] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    started: list[tuple[str, Any]] = field(default_factory=list)
    published: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    weights: list[tuple[datetime, dict[str, tuple[str, float]]]] = field(default_factory=list)
    calls: list[tuple[str, Any]] = field(default_factory=list)
    kill: tuple[int, str] | None = None
    update_minutes: int = 2
    fails: set[str] = field(default_factory=set)
    refused: dict[str, tuple[str, str]] = field(default_factory=dict)
    is_partial: bool = False
    answer: Callable[[str, bytes], tuple[int, bytes]] = lambda *_: (200, b"[0.5]")

    def call(self, client: Any, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """In the place of BaseClient._make_api_call."""
        shape = client.meta.service_model.operation_model(operation).input_shape
        report = ParamValidator().validate(parameters, shape) if shape else None
        assert not (report and report.has_errors()), report.generate_report()
        number, when = len(self.calls), self.kill
        self.calls.append((operation, parameters))
        if when == (number, "before"):
            raise Killed
        self.settle()
        try:
            if operation in self.refused:
                raise error(*self.refused[operation])
            answer = getattr(self, operation)(**copy.deepcopy(parameters))
        except ClientError as refusal:
            if when == (number, "after"):
                raise Killed from None
            kind = client.exceptions.from_code(refusal.response["Error"]["Code"])
            raise kind(refusal.response, operation) from None
        if when == (number, "after"):
            raise Killed
        return {"ResponseMetadata": {"HTTPStatusCode": 200}, **copy.deepcopy(answer or {})}

    def names(self) -> list[str]:
        return [operation for operation, _ in self.calls]

    # --- SageMaker

    def settle(self) -> None:
        """End the updates whose time has come."""
        for endpoint in self.endpoints.values():
            if endpoint.ready and endpoint.ready <= self.now:
                for name, value in endpoint.after.items():
                    setattr(endpoint, name, value)
                self.weights.append((endpoint.ready, self.routing(endpoint)))
                endpoint.status, endpoint.ready, endpoint.after = "InService", None, {}

    def routing(self, endpoint: Endpoint) -> dict[str, tuple[str, float]]:
        models = {
            each["VariantName"]: each["ModelName"] for each in self.configs[endpoint.config]["ProductionVariants"]
        }
        return {name: (models[name], each["weight"]) for name, each in endpoint.variants.items()}

    def host(self, name: str, config: str) -> None:
        """An endpoint that serves a config."""
        endpoint = Endpoint(config, variants_of(self.configs[config]))
        self.endpoints[name] = endpoint
        self.weights.append((self.now - timedelta(days=30), self.routing(endpoint)))

    def free(self, name: str) -> Endpoint:
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            raise error("ValidationException", f'Could not find endpoint "{ACCOUNT}:endpoint/{name}".')
        if endpoint.status != "InService":
            raise error("ValidationException", f'Cannot update in-progress endpoint "{ACCOUNT}:endpoint/{name}".')
        return endpoint

    def DescribeEndpoint(self, EndpointName):  # noqa: N802, N803
        endpoint = self.endpoints.get(EndpointName)
        if endpoint is None:
            raise error("ValidationException", f'Could not find endpoint "{ACCOUNT}:endpoint/{EndpointName}".')
        shown = {
            "EndpointName": EndpointName,
            "EndpointArn": f"{ACCOUNT}:endpoint/{EndpointName}",
            "EndpointConfigName": endpoint.config,
            "EndpointStatus": endpoint.status,
            "CreationTime": self.now,
            "LastModifiedTime": self.now,
            "ProductionVariants": [
                {
                    "VariantName": name,
                    "CurrentWeight": each["weight"],
                    "DesiredWeight": each["weight"],
                    "CurrentInstanceCount": each["instances"],
                    "DesiredInstanceCount": each["instances"],
                }
                for name, each in endpoint.variants.items()
            ],
        }
        if endpoint.failure:
            shown["FailureReason"] = endpoint.failure
        if "config" in endpoint.after:
            shown["PendingDeploymentSummary"] = {"EndpointConfigName": endpoint.after["config"]}
        return shown

    def DescribeEndpointConfig(self, EndpointConfigName):  # noqa: N802, N803
        if EndpointConfigName not in self.configs:
            raise error("ValidationException", f'Could not find endpoint configuration "{EndpointConfigName}".')
        config = {name: value for name, value in self.configs[EndpointConfigName].items() if name != "Tags"}
        arn = f"{ACCOUNT}:endpoint-config/{EndpointConfigName}"
        return {
            "EndpointConfigName": EndpointConfigName, "EndpointConfigArn": arn, "CreationTime": self.now, **config
        }  # fmt: skip

    def CreateEndpointConfig(self, EndpointConfigName, **document):  # noqa: N802, N803
        if EndpointConfigName in self.configs:
            raise error(
                "ValidationException", f'Cannot create already existing endpoint configuration "{EndpointConfigName}".'
            )
        self.configs[EndpointConfigName] = document

    def ListTags(self, ResourceArn):  # noqa: N802, N803
        return {"Tags": self.configs[ResourceArn.rpartition("/")[2]].get("Tags", [])}

    def DescribeModel(self, ModelName):  # noqa: N802, N803
        if ModelName not in self.models:
            raise error("ValidationException", f'Could not find model "{ModelName}".')
        return {"ModelName": ModelName, "ModelArn": "arn", "CreationTime": self.now, **self.models[ModelName]}

    def CreateModel(self, ModelName, **document):  # noqa: N802, N803
        if ModelName in self.models:
            raise error("ValidationException", f'Cannot create already existing model "{ModelName}".')
        self.models[ModelName] = document

    def DescribeModelPackage(self, ModelPackageName):  # noqa: N802, N803
        if ModelPackageName not in self.packages:
            raise error("ValidationException", f"ModelPackage {ModelPackageName} does not exist.")
        return self.packages[ModelPackageName]

    def UpdateEndpoint(  # noqa: N802
        self, EndpointName, EndpointConfigName, RetainAllVariantProperties=False,  # noqa: N803
        ExcludeRetainedVariantProperties=(), DeploymentConfig=None,  # noqa: N803
    ):  # fmt: skip
        endpoint = self.free(EndpointName)
        if EndpointConfigName not in self.configs:
            raise error("ValidationException", f'Could not find endpoint configuration "{EndpointConfigName}".')
        wanted = variants_of(self.configs[EndpointConfigName])
        for name in endpoint.variants.keys() - wanted.keys():
            if f"endpoint/{EndpointName}/variant/{name}" in self.targets:
                raise error("ValidationException", f"Variant {name} is a scalable target: deregister it first.")
        excluded = {each["VariantPropertyType"] for each in ExcludeRetainedVariantProperties}
        if RetainAllVariantProperties:
            for name, present in endpoint.variants.items():
                for key, member in (("weight", "DesiredWeight"), ("instances", "DesiredInstanceCount")):
                    if name in wanted and member not in excluded:
                        wanted[name][key] = present[key]
        endpoint.status, endpoint.failure, endpoint.ready = "Updating", "", self.now + self.update_minutes * MINUTE
        endpoint.deployment = DeploymentConfig or {}
        if EndpointConfigName in self.fails:
            endpoint.after = {"failure": "The container did not pass the ping health check."}
        else:
            endpoint.after = {"config": EndpointConfigName, "variants": wanted}

    def UpdateEndpointWeightsAndCapacities(self, EndpointName, DesiredWeightsAndCapacities):  # noqa: N802, N803
        endpoint = self.free(EndpointName)
        counted = [each for each in DesiredWeightsAndCapacities if "DesiredInstanceCount" in each]
        assert len(counted) <= 1, "capacity of one variant per call"
        after = copy.deepcopy(endpoint.variants)
        for each in DesiredWeightsAndCapacities:
            changed = after[each["VariantName"]]
            changed["weight"] = each.get("DesiredWeight", changed["weight"])
            changed["instances"] = each.get("DesiredInstanceCount", changed["instances"])
        endpoint.status, endpoint.ready, endpoint.after = "Updating", self.now + MINUTE / 2, {"variants": after}

    def InvokeEndpoint(self, EndpointName, TargetVariant, Body, **_):  # noqa: N802, N803
        model, _ = self.routing(self.endpoints[EndpointName])[TargetVariant]
        status, body = self.answer(model, Body)
        if status != 200:
            told = {"OriginalStatusCode": status, "OriginalMessage": "no", "LogStreamArn": "arn"}
            raise error("ModelError", "Received error from model", http=424, **told)
        return {"Body": StreamingBody(BytesIO(body), len(body)), "ContentType": "application/json"}

    # --- Application Auto Scaling

    def DescribeScalableTargets(self, ResourceIds, **_):  # noqa: N802, N803
        found = [self.targets[name] for name in ResourceIds if name in self.targets]
        return {"ScalableTargets": found}

    def DescribeScalingPolicies(self, ResourceId, **_):  # noqa: N802, N803
        return {"ScalingPolicies": list(self.policies.get(ResourceId, {}).values())}

    def RegisterScalableTarget(self, ServiceNamespace, ResourceId, ScalableDimension, **target):  # noqa: N802, N803
        del ServiceNamespace, ScalableDimension
        present = self.targets.get(ResourceId, {"ResourceId": ResourceId, "SuspendedState": {}})
        suspended = {**present["SuspendedState"], **target.get("SuspendedState", {})}
        self.targets[ResourceId] = {**present, **target, "SuspendedState": suspended}

    def PutScalingPolicy(self, ResourceId, PolicyName, **policy):  # noqa: N802, N803
        assert ResourceId in self.targets
        self.policies.setdefault(ResourceId, {})[PolicyName] = {"PolicyName": PolicyName, **policy}

    def DeregisterScalableTarget(self, ResourceId, **_):  # noqa: N802, N803
        if ResourceId not in self.targets:
            raise error("ObjectNotFoundException", "No scalable target found")
        del self.targets[ResourceId]
        self.policies.pop(ResourceId, None)

    # --- CloudWatch

    def GetMetricData(self, MetricDataQueries, StartTime, EndTime):  # noqa: N802, N803
        return {"MetricDataResults": [self.series(query, StartTime, EndTime) for query in MetricDataQueries]}

    def series(self, query, start, end):
        stat = query["MetricStat"]
        dimensions = {each["Name"]: each["Value"] for each in stat["Metric"]["Dimensions"]}
        points = {}
        if stat["Stat"] == "p95":
            points = {start: 40_000.0}
        elif self.traffic and "EndpointConfigName" not in dimensions:
            minute = start
            while minute < end:
                value = self.datum(stat["Metric"]["MetricName"], dimensions["VariantName"], minute)
                if value is not None:
                    points[minute] = value
                minute += MINUTE
        return {
            "Id": query["Id"], "Timestamps": list(points), "Values": list(points.values()),
            "StatusCode": "PartialData" if self.is_partial else "Complete",
        }  # fmt: skip

    def datum(self, metric, variant, minute):
        """What a variant counts in a minute, by the weights at its start."""
        routing = [each for moment, each in self.weights if moment <= minute][-1]
        total = sum(weight for _, weight in routing.values())
        if variant not in routing or not routing[variant][1]:
            return None
        model, weight = routing[variant]
        requests = self.traffic * weight / total
        return float(round(requests * {"Invocations": 1.0, "ModelLatency": 0.05}.get(metric, self.error_rates[model])))

    def PutMetricData(self, Namespace, MetricData):  # noqa: N802, N803
        self.published += [(Namespace, datum) for datum in MetricData]

    def DescribeAlarms(self, **_):  # noqa: N802
        return {"MetricAlarms": self.alarms, "CompositeAlarms": []}

    def PutMetricAlarm(self, AlarmName, **_):  # noqa: N802, N803
        self.alarm = AlarmName

    # --- what is kept and told

    def GetItem(self, Key, **_):  # noqa: N802, N803
        item = self.items.get((Key["pk"]["S"], Key["sk"]["S"]))
        return {"Item": item} if item else {}

    def PutItem(self, Item, ExpressionAttributeValues, **_):  # noqa: N802, N803
        key = (Item["pk"]["S"], Item["sk"]["S"])
        if key in self.items and self.items[key]["version"] != ExpressionAttributeValues[":read"]:
            raise error("ConditionalCheckFailedException", "The conditional request failed")
        self.items[key] = Item

    def Query(self, ExpressionAttributeValues, **_):  # noqa: N802, N803
        partition = ExpressionAttributeValues[":partition"]["S"]
        return {"Items": [item for (pk, _), item in sorted(self.items.items()) if pk == partition]}

    def GetParameter(self, Name, **_):  # noqa: N802, N803
        if Name not in self.parameters:
            raise error("ParameterNotFound", "")
        return {"Parameter": {"Value": self.parameters[Name]}}

    def PutObject(self, Bucket, Key, Body, IfMatch=None, IfNoneMatch=None, **_):  # noqa: N802, N803
        present = self.objects.get((Bucket, Key))
        if IfMatch is not None and present is None:
            raise error("NoSuchKey", "The specified key does not exist.")
        if (IfNoneMatch and present is not None) or (IfMatch is not None and etag(present) != f'"{IfMatch}"'):
            raise error("PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        self.objects[Bucket, Key] = Body
        return {"ETag": etag(Body)}

    def GetObject(self, Bucket, Key):  # noqa: N802, N803
        if (Bucket, Key) not in self.objects:
            raise error("NoSuchKey", "The specified key does not exist.")
        body = self.objects[Bucket, Key]
        stream = StreamingBody(BytesIO(body), len(body))
        return {"Body": stream, "ETag": etag(body), "LastModified": self.now, "ContentLength": len(body)}

    def ListObjectsV2(self, Bucket, Prefix, StartAfter="", Delimiter="", **_):  # noqa: N802, N803
        keys = sorted(
            key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix) and key > StartAfter
        )
        folders = {}
        if Delimiter:
            tails = [key.removeprefix(Prefix).partition(Delimiter) for key in keys]
            folders = dict.fromkeys(Prefix + head + mark for head, mark, _ in tails if mark)
            keys = [key for key, (_, mark, _) in zip(keys, tails, strict=True) if not mark]
        return {
            "Contents": [
                {"Key": key, "LastModified": self.now, "Size": len(self.objects[Bucket, key])} for key in keys
            ],
            "CommonPrefixes": [{"Prefix": folder} for folder in folders],
            "IsTruncated": False,
        }

    def DeleteObjects(self, Bucket, Delete):  # noqa: N802, N803
        for each in Delete["Objects"]:
            self.objects.pop((Bucket, each["Key"]), None)

    def PutEvents(self, Entries):  # noqa: N802, N803
        self.events += [json.loads(entry["Detail"]) for entry in Entries]
        return {"Entries": [{"EventId": "1"} for _ in Entries], "FailedEntryCount": 0}

    def Invoke(self, FunctionName, Payload, **_):  # noqa: N802, N803
        self.started.append((FunctionName, json.loads(Payload)))

    # --- for tests

    def change(self, endpoint: str = "churn") -> dict[str, Any]:
        """What is being done to an endpoint."""
        return json.loads(self.items["change", endpoint]["content"]["S"])

    def told(self) -> dict[str, dict[str, Any]]:
        """The findings by their ids: told twice is told once."""
        return {finding["id"]: finding for finding in self.events}


def etag(body: bytes) -> str:
    """What S3 calls the content of an object that was written at once."""
    return f'"{md5(body, usedforsecurity=False).hexdigest()}"'


def error(code: str, message: str, http: int = 400, **members: Any) -> ClientError:
    """A refusal."""
    told = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": http}, **members}
    return ClientError(told, "Operation")


def variants_of(config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The variants of a config as an endpoint has them when it starts."""
    return {
        each["VariantName"]: {
            "weight": each.get("InitialVariantWeight", 1.0),
            "instances": each["InitialInstanceCount"],
        }
        for each in config["ProductionVariants"]
    }


def moment_ago(days: int) -> datetime:
    """A whole minute some days ago."""
    return datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=days)
