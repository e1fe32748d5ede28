import json

import pytest

from trimtab.aws import clients
from trimtab.aws.sqs import SendError, send_messages

pytestmark = pytest.mark.usefixtures("aws")


@pytest.fixture
def queue():
    return clients.sqs().create_queue(QueueName="captures")["QueueUrl"]


def received(queue):
    client = clients.sqs()
    while messages := client.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        for message in messages:
            yield json.loads(message["Body"])


def test_every_message_is_sent_ten_at_once(queue):
    bodies = [{"n": i, "key": "ø"} for i in range(23)]
    send_messages(queue, iter(bodies))
    assert sorted(received(queue), key=lambda body: body["n"]) == bodies


def test_no_messages_are_no_call(queue):
    send_messages(queue, [])
    assert list(received(queue)) == []


def test_a_message_that_was_not_taken_is_an_error(queue, monkeypatch):
    def refuse(**_):
        failed = [{"Id": "1", "SenderFault": False, "Code": "InternalError", "Message": "try again"}]
        return {"Successful": [{"Id": "0"}], "Failed": failed}

    monkeypatch.setattr(clients.sqs(), "send_message_batch", refuse)
    with pytest.raises(SendError, match="1 of 2: try again"):
        send_messages(queue, [{"n": 0}, {"n": 1}])
