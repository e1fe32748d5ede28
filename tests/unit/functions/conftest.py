"""AWS for the functions' unit tests: moto in this process, with the stack's resources as the template names them."""

from dataclasses import dataclass, field
from typing import Any

import pytest
from moto import mock_aws

from trimtab.aws import clients
from trimtab.findings import Finding


@dataclass
class Stack:
    """The stack's resources, and the findings that were published."""

    captures: str = "captures"
    state: str = "state"
    table: str = "state-table"
    queue: str = ""
    findings: list[Finding] = field(default_factory=list)
    started: list[tuple[str, Any]] = field(default_factory=list)

    def told(self) -> list[tuple[str, str]]:
        return [(finding.kind, finding.state) for finding in self.findings]


@dataclass
class Context:
    """What Lambda hands to a handler."""

    function_name: str = "trimtab-function"
    memory_limit_in_mb: int = 128
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:trimtab-function"
    aws_request_id: str = "52fdfc07-2182-154f-163f-5f0f9a621d72"
    remaining: tuple[int, ...] = (300_000,)
    asked: int = 0

    def get_remaining_time_in_millis(self) -> int:
        """The next of the `remaining` times, at last the last one again and again."""
        self.asked += 1
        return self.remaining[min(self.asked, len(self.remaining)) - 1]


@pytest.fixture
def context():
    return Context()


@pytest.fixture
def stack(monkeypatch):
    with mock_aws():
        # clients outlive a mock and are slow to make, so they are kept from test to test
        s3, dynamodb, sqs = clients.s3(), clients.dynamodb(), clients.sqs()
        made = Stack(queue=sqs.create_queue(QueueName="captures")["QueueUrl"])
        for bucket in (made.captures, made.state):
            s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        dynamodb.create_table(
            TableName=made.table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        )
        for name, value in {
            "NAME": "trimtab",
            "STATE_BUCKET_NAME": made.state,
            "STATE_TABLE_NAME": made.table,
            "FINDINGS_BUS_NAME": "trimtab-findings",
            "CAPTURE_QUEUE_URL": made.queue,
            "BUILD_REFERENCE_FUNCTION_NAME": "trimtab-build-reference",
        }.items():
            monkeypatch.setenv(name, value)
        yield made
