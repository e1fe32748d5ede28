"""send_alert with its real outside world: SNS, SQS, DynamoDB and Secrets Manager by moto, the webhook on loopback."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import pytest
import pytest_socket
from moto import mock_aws

from functions.send_alert import app
from trimtab.aws import clients, secrets_manager, sns

EVENT = json.loads((Path(__file__).parents[3] / "events" / "send_alert" / "drift_raised.json").read_text())


class Context:
    function_name = "trimtab-send-alert"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:eu-west-1:123456789012:function:trimtab-send-alert"
    aws_request_id = "8f7d1c1e"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


class Webhook(BaseHTTPRequestHandler):
    received: list[dict[str, Any]]
    statuses: list[int]

    def do_POST(self) -> None:
        self.received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(self.statuses.pop(0) if self.statuses else 200)
        self.end_headers()
        self.wfile.write(b"ok")

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def webhook() -> Iterator[tuple[str, type[Webhook]]]:
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"])
    handler = type("OneWebhook", (Webhook,), {"received": [], "statuses": []})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", handler
    server.shutdown()
    server.server_close()
    thread.join()


def forget_clients() -> None:
    for cached in (app.aws, clients.client, sns._client, secrets_manager._client, secrets_manager._read):
        cached.cache_clear()


@pytest.fixture
def inbox(monkeypatch: pytest.MonkeyPatch, webhook: tuple[str, type[Webhook]]) -> Iterator[str]:
    """The alert topic's subscriber, who only wants what is critical; the URL of its queue."""
    with mock_aws():
        forget_clients()
        topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
        sqs = boto3.client("sqs")
        queue = sqs.create_queue(QueueName="inbox")["QueueUrl"]
        address = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        policy = json.dumps({"severity": ["critical"], "endpoint": ["car-loan"]})
        boto3.client("sns").subscribe(
            TopicArn=topic, Protocol="sqs", Endpoint=address, Attributes={"FilterPolicy": policy}
        )
        boto3.client("dynamodb").create_table(
            TableName="state",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        secret = boto3.client("secretsmanager").create_secret(
            Name="slack", SecretString=json.dumps({"url": webhook[0]})
        )
        monkeypatch.setenv("ALERT_TOPIC_ARN", topic)
        monkeypatch.setenv("STATE_TABLE_NAME", "state")
        monkeypatch.setenv("STATE_BUCKET_NAME", "state-bucket")
        monkeypatch.setenv("SLACK_WEBHOOK_SECRET_ARN", secret["ARN"])
        yield queue
    forget_clients()


def test_alerts_go_through_and_a_retry_repeats_only_what_failed(inbox: str, webhook: tuple[str, type[Webhook]]) -> None:
    _, hook = webhook
    hook.statuses = [503]
    failed = app.lambda_handler(EVENT, Context())
    assert failed == {"batchItemFailures": [{"itemIdentifier": EVENT["Records"][0]["messageId"]}]}
    assert app.lambda_handler(EVENT, Context()) == {"batchItemFailures": []}
    assert app.lambda_handler(EVENT, Context()) == {"batchItemFailures": []}

    mails = boto3.client("sqs").receive_message(QueueUrl=inbox, MaxNumberOfMessages=10)["Messages"]
    (mail,) = [json.loads(each["Body"]) for each in mails]
    assert mail["Subject"].startswith("[CRITICAL] Drift on car-loan/AllTraffic: ")
    assert "Columns that moved most" in mail["Message"]
    assert mail["MessageAttributes"]["severity"] == {"Type": "String", "Value": "critical"}
    assert len(hook.received) == 2
    assert hook.received[1]["blocks"][0]["type"] == "header"
