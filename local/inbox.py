"""What a person would receive: a Slack channel behind a webhook, and a mailbox behind the alert topic."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from local.cloud import Cloud


@dataclass(frozen=True)
class SlackChannel:
    """A webhook's address and the messages posted to it. While there are `refusals`, HTTP statuses, each post gets the
    next of them for an answer and is among the `refused`."""

    url: str
    messages: list[dict[str, Any]] = field(default_factory=list)
    refusals: list[int] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Mail:
    """One mail: subject and body, and the message attributes that a subscriber can filter by."""

    subject: str
    body: str
    attributes: dict[str, str]


@contextmanager
def slack_channel() -> Iterator[SlackChannel]:
    """A webhook on this machine that answers as Slack does."""

    class Webhook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = channel.refusals.pop(0) if channel.refusals else 200
            (channel.messages if status == 200 else channel.refused).append(message)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"ok" if status == 200 else b"refused")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Webhook)
    channel = SlackChannel(f"http://127.0.0.1:{server.server_port}/services/demo")
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield channel
    finally:
        server.shutdown()
        server.server_close()


class Queue:
    """A queue of the demo's own, and everything that has arrived in it."""

    def __init__(self, cloud: Cloud, name: str):
        self._sqs = cloud.client("sqs")
        self.url = self._sqs.create_queue(QueueName=name)["QueueUrl"]
        attributes = self._sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]
        self.arn = attributes["QueueArn"]
        senders = {"Service": ["sns.amazonaws.com", "events.amazonaws.com"]}
        allow = {"Effect": "Allow", "Principal": senders, "Action": "sqs:SendMessage", "Resource": self.arn}
        policy = {"Version": "2012-10-17", "Statement": [allow]}
        self._sqs.set_queue_attributes(QueueUrl=self.url, Attributes={"Policy": json.dumps(policy)})
        self.bodies: list[dict[str, Any]] = []

    def receive(self, at_least: int = 0, seconds: float = 0.0) -> list[dict[str, Any]]:
        """Everything there is, waiting until there have been `at_least` messages or the time is over."""
        end = time.monotonic() + seconds
        while True:
            answer = self._sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                self.bodies.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            if answer.get("Messages"):
                continue
            if len(self.bodies) >= at_least or time.monotonic() > end:
                return self.bodies
            time.sleep(0.1)


def mailbox(cloud: Cloud, topic: str) -> Queue:
    """Subscribe a mailbox to the alert topic."""
    queue = Queue(cloud, "demo-mailbox")
    cloud.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue.arn)
    return queue


def finding_log(cloud: Cloud, bus: str) -> Queue:
    """Record every finding on the bus, by a rule as anyone may add one."""
    queue = Queue(cloud, "demo-findings")
    events = cloud.client("events")
    events.put_rule(Name="demo-findings", EventBusName=bus, EventPattern=json.dumps({"source": ["trimtab"]}))
    events.put_targets(Rule="demo-findings", EventBusName=bus, Targets=[{"Id": "queue", "Arn": queue.arn}])
    return queue


def mails(queue: Queue) -> list[Mail]:
    """The mails in a mailbox."""
    return [
        Mail(
            subject=body.get("Subject", ""),
            body=body["Message"],
            attributes={name: each["Value"] for name, each in body.get("MessageAttributes", {}).items()},
        )
        for body in queue.bodies
    ]


def slack_text(message: dict[str, Any]) -> str:
    """A Slack message as plain text, block by block, about as Slack shows it."""
    lines: list[str] = []
    for block in message.get("blocks", []):
        if block["type"] == "divider":
            lines.append("─" * 40)
        elif "elements" in block:
            lines.append("  ".join(_plain(element) for element in block["elements"]))
        else:
            lines += [_plain(part) for part in [block.get("text")] if part]
            lines += [_plain(part).replace("\n", ": ", 1) for part in block.get("fields", [])]
    for attachment in message.get("attachments", []):
        lines.append(slack_text(attachment))
    return "\n".join(line for line in lines if line)


def _plain(part: dict[str, Any]) -> str:
    text = part["text"] if isinstance(part.get("text"), str) else part.get("text", {}).get("text", "")
    for sign in ("```", "*"):
        text = text.replace(sign, "")
    return text.replace("&gt;", ">").replace("&lt;", "<").replace("&amp;", "&").strip()
