from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws

from trimtab.aws import clients
from trimtab.aws.delivery_marks import is_delivered, mark_delivered

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEEP = timedelta(days=30)


@pytest.fixture(autouse=True)
def table() -> Iterator[None]:
    with mock_aws():
        clients.client.cache_clear()
        boto3.client("dynamodb").create_table(
            TableName="state",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield
    clients.client.cache_clear()


def test_a_mark_is_for_one_finding_and_one_channel() -> None:
    assert not is_delivered("state", "f1", "sns", NOW)
    assert mark_delivered("state", "f1", "sns", NOW, KEEP)
    assert is_delivered("state", "f1", "sns", NOW)
    assert not is_delivered("state", "f1", "slack", NOW)
    assert not is_delivered("state", "f2", "sns", NOW)


def test_the_first_mark_stands() -> None:
    assert mark_delivered("state", "f1", "sns", NOW, KEEP)
    assert not mark_delivered("state", "f1", "sns", NOW + timedelta(days=1), KEEP)
    item = boto3.client("dynamodb").get_item(TableName="state", Key={"pk": {"S": "alert#f1"}, "sk": {"S": "sns"}})
    assert item["Item"] == {
        "pk": {"S": "alert#f1"},
        "sk": {"S": "sns"},
        "delivered_at": {"S": "2026-05-01T12:00:00+00:00"},
        "expires_at": {"N": str(int((NOW + KEEP).timestamp()))},
    }


def test_an_expired_mark_counts_no_more_although_it_is_still_there() -> None:
    mark_delivered("state", "f1", "sns", NOW, KEEP)
    later = NOW + KEEP
    assert not is_delivered("state", "f1", "sns", later)
    assert mark_delivered("state", "f1", "sns", later, KEEP)
    assert is_delivered("state", "f1", "sns", later)
