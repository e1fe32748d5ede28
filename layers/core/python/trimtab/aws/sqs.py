"""Messages on Amazon SQS."""

import json
from collections.abc import Iterable, Mapping
from itertools import batched
from typing import Any

from trimtab.aws.clients import sqs

_MESSAGES_PER_CALL = 10


class SendError(RuntimeError):
    """The queue did not take every message."""


def send_messages(queue_url: str, bodies: Iterable[Mapping[str, Any]]) -> None:
    """Send JSON messages. Raises SendError when one was refused."""
    for batch in batched(bodies, _MESSAGES_PER_CALL, strict=False):
        answer = sqs().send_message_batch(
            QueueUrl=queue_url,
            Entries=[{"Id": str(i), "MessageBody": json.dumps(body)} for i, body in enumerate(batch)],
        )
        if answer.get("Failed"):
            raise SendError(f"{len(answer['Failed'])} of {len(batch)}: {answer['Failed'][0].get('Message')}")


def message_count(queue_url: str) -> int:
    """About how many messages a queue holds: waiting, delayed and being worked on."""
    answer = sqs().get_queue_attributes(
        QueueUrl=queue_url,
        AttributeNames=[
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesDelayed",
            "ApproximateNumberOfMessagesNotVisible",
        ],
    )
    return sum(int(count) for count in answer["Attributes"].values())
