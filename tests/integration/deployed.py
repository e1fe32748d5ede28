"""The deployed stack as the tests see it, and what they do to it: play captures, ask for verdicts, look at the outcome.

Nothing sleeps for a fixed time: `wait_for` polls until a condition holds or its time is over.
"""

import json
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from local.capture_objects import CaptureObject, write
from local.cloud import Cloud
from local.dataset import DataSet, part
from local.deploy import STACK
from local.faults import Fault
from local.history import replay
from local.inbox import Mail, Queue, SlackChannel, mails, slack_text
from local.sagemaker.containers import MODEL_VARIABLE
from trimtab.capture.pack import ObjectProfile, decode_pack, parse_pack_key, union, variant_prefix

VARIANT = "AllTraffic"
HOUR = timedelta(hours=1)
ROWS_AN_HOUR = 1100  # a little more than a window needs
START = datetime(2026, 3, 2, tzinfo=UTC)
FEATURES, PREDICTION = ("amount", "age", "channel"), "score"


@dataclass(frozen=True)
class Deployed:
    """A deployed stack: its outputs by name, and everything that it told people."""

    cloud: Cloud
    outputs: Mapping[str, str]
    slack: SlackChannel
    mail: Queue
    finding_log: Queue

    @property
    def state_bucket(self) -> str:
        return self.outputs["StateBucketName"]

    @property
    def capture_bucket(self) -> str:
        return self.outputs["CaptureBucketName"]

    def function(self, folder: str) -> str:
        """The name in AWS of the function in this folder."""
        return self.outputs["".join(part.title() for part in folder.split("_")) + "FunctionName"]

    def findings(self, endpoint: str) -> list[dict[str, Any]]:
        """The findings about an endpoint that have been on the bus."""
        details = (body["detail"] for body in self.finding_log.receive())
        return [detail for detail in details if detail["endpoint"] == endpoint]

    def mails(self, endpoint: str) -> list[Mail]:
        """The mails about an endpoint."""
        self.mail.receive()
        return [mail for mail in mails(self.mail) if mail.attributes.get("endpoint") == endpoint]

    def slack_messages(self, endpoint: str) -> list[str]:
        """The Slack messages about an endpoint, as text."""
        return [text for text in map(slack_text, self.slack.messages) if endpoint in text]

    def invoke(self, function: str, payload: Mapping[str, Any]) -> Any:
        """The answer of a deployed function, by the name of its folder."""
        name, body = self.function(function), json.dumps(payload).encode()
        answer = self.cloud.client("lambda").invoke(FunctionName=name, Payload=body)
        body = json.loads(answer["Payload"].read())
        assert "FunctionError" not in answer, body
        return body

    def judge(self, endpoint: str, until: datetime) -> dict[str, Any]:
        """What detect_drift says about an endpoint at a past moment."""
        answer: dict[str, Any] = self.invoke("detect_drift", {"endpoint": endpoint, "until": until.isoformat()})
        return answer["endpoints"][endpoint]

    def judge_hours(self, endpoint: str, hours: Iterable[int]) -> None:
        """Ask for the verdicts at the end of each of these hours, as the schedule would have."""
        for hour in hours:
            self.judge(endpoint, START + (hour + 1) * HOUR)

    def windows(self, endpoint: str) -> dict[int, bytes]:
        """The stored verdicts of an endpoint as they lie in the bucket, by the hour they start with."""
        prefix = f"windows/{endpoint}/{VARIANT}/"
        return {
            round((datetime.strptime(key[len(prefix) :], "%Y-%m-%dT%H.json").replace(tzinfo=UTC) - START) / HOUR): body
            for key, body in self.objects(self.state_bucket, prefix)
        }

    def verdicts(self, endpoint: str) -> dict[int, str]:
        """The stored verdicts by the hour their windows start with."""
        return {hour: json.loads(body)["verdict"] for hour, body in self.windows(endpoint).items()}

    def profiled(self, endpoint: str, variant: str = VARIANT) -> list[ObjectProfile]:
        """What all packs of an endpoint hold, each object once per hour."""
        by_hour: dict[datetime, list[list[ObjectProfile]]] = defaultdict(list)
        for key, body in self.objects(self.state_bucket, variant_prefix(endpoint, variant)):
            pack = parse_pack_key(key)
            assert pack, f"{key} is no pack's"
            by_hour[pack.hour].append(decode_pack(body))
        return [entry for packs in by_hour.values() for entry in union(packs)]

    def objects(self, bucket: str, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Key and content of every object under a prefix."""
        s3 = self.cloud.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for entry in page.get("Contents", []):
                yield entry["Key"], s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()

    def quarantined(self) -> list[dict[str, Any]]:
        """All documents in quarantine."""
        return [json.loads(body) for _, body in self.objects(self.state_bucket, "quarantine/")]

    def put_settings(self, endpoint: str, settings: str) -> None:
        name = f"/trimtab/endpoints/{endpoint}"
        self.cloud.client("ssm").put_parameter(Name=name, Type="String", Value=settings, Overwrite=True)

    def captures(
        self, endpoint: str, dataset: DataSet, faults: Collection[Fault] = (), rotation: timedelta = HOUR
    ) -> list[CaptureObject]:
        """The capture files of a history, in the order of their arrival."""
        made = replay(
            dataset,
            endpoint=endpoint,
            destination=f"s3://{self.capture_bucket}/captures",
            start=START + dataset.rows.index[0] / ROWS_AN_HOUR * HOUR,
            span=len(dataset) / ROWS_AN_HOUR * HOUR,
            rotation=rotation,
            faults=list(faults),
        )
        return list(made)

    def deliver(self, endpoint: str, objects: Collection[CaptureObject], *, in_order: bool = False) -> None:
        """Put capture files into the bucket, and wait until all are profiled."""
        write(objects, self.cloud.client("s3"), self.capture_bucket, workers=1 if in_order else 8)
        self.wait_until_profiled(endpoint, {item.key for item in objects})

    def play(self, endpoint: str, dataset: DataSet, faults: Collection[Fault] = ()) -> list[CaptureObject]:
        """Deliver a history's captures, one file an hour."""
        made = self.captures(endpoint, dataset, faults)
        self.deliver(endpoint, made)
        return made

    def wait_until_profiled(self, endpoint: str, keys: Collection[str]) -> None:
        """Wait until the capture queue is empty and these objects are in packs."""
        wait_for(lambda: self.is_empty("CaptureQueue"), 30, f"the captures of {endpoint} to be taken")
        wait_for(
            lambda: set(keys) <= {entry.object.key for entry in self.profiled(endpoint)}, 30, f"packs of {endpoint}"
        )

    def queue_url(self, logical_id: str) -> str:
        """The address of one of the stack's queues."""
        described = self.cloud.client("cloudformation").describe_stack_resource(
            StackName=STACK, LogicalResourceId=logical_id
        )
        return str(described["StackResourceDetail"]["PhysicalResourceId"])

    def send_to_capture_queue(self, *bodies: str) -> None:
        sqs, url = self.cloud.client("sqs"), self.queue_url("CaptureQueue")
        for body in bodies:
            sqs.send_message(QueueUrl=url, MessageBody=body)

    def is_empty(self, queue: str) -> bool:
        """Whether a queue holds nothing, seen or unseen."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        told = self.cloud.client("sqs").get_queue_attributes(QueueUrl=self.queue_url(queue), AttributeNames=names)
        return all(int(told["Attributes"][name]) == 0 for name in names)

    @contextmanager
    def failed_messages_return_after(self, seconds: int, queue: str) -> Iterator[None]:
        """Shorten the visibility timeout of a queue, which is minutes in the template."""
        sqs, url, name = self.cloud.client("sqs"), self.queue_url(queue), "VisibilityTimeout"
        before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
        sqs.set_queue_attributes(QueueUrl=url, Attributes={name: str(seconds)})
        try:
            yield
        finally:
            sqs.set_queue_attributes(QueueUrl=url, Attributes={name: before[name]})

    def create_endpoint(
        self, name: str, *, captures: bool = True, model: str = "local.models:echo", tags: Mapping[str, str] = {}
    ) -> None:
        """An endpoint of SageMaker with one variant."""
        sagemaker = self.cloud.client("sagemaker")
        sagemaker.create_model(
            ModelName=name,
            ExecutionRoleArn="arn:aws:iam::000000000000:role/model",
            PrimaryContainer={"Image": "none", "Environment": {MODEL_VARIABLE: model}},
        )
        capture = {
            "EnableCapture": True,
            "InitialSamplingPercentage": 100,
            "DestinationS3Uri": f"s3://{self.capture_bucket}/captures",
            "CaptureOptions": [{"CaptureMode": "Input"}, {"CaptureMode": "Output"}],
            "CaptureContentTypeHeader": {"CsvContentTypes": ["text/csv"]},
        }
        sagemaker.create_endpoint_config(
            EndpointConfigName=name,
            ProductionVariants=[
                {"VariantName": VARIANT, "ModelName": name, "InstanceType": "ml.m5.large", "InitialInstanceCount": 1}
            ],
            **({"DataCaptureConfig": capture} if captures else {}),
        )
        listed = [{"Key": key, "Value": value} for key, value in tags.items()]
        sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name, Tags=listed)


def traffic(hours: int, seed: int = 1) -> DataSet:
    """So many hours of steady traffic: two numbers and a category in, a score out."""
    rng, rows = np.random.default_rng(seed), hours * ROWS_AN_HOUR
    columns = {
        "amount": rng.lognormal(3, 0.5, rows).round(2),
        "age": rng.normal(45, 12, rows).round(1),
        "channel": rng.choice(["web", "app", "branch"], rows, p=[0.6, 0.3, 0.1]),
        PREDICTION: rng.beta(2, 5, rows).round(4),
    }
    return DataSet("steady", FEATURES, (PREDICTION,), (), None, pd.DataFrame(columns))


def hours_of(dataset: DataSet, first: int, stop: int) -> DataSet:
    """Hours `first` up to but without `stop` of `traffic`."""
    return part(dataset, first * ROWS_AN_HOUR, stop * ROWS_AN_HOUR)


def wait_for(condition: Callable[[], bool], seconds: float, what: str) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.1)
