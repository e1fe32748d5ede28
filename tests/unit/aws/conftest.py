"""AWS in this process, with a bucket and a table named `state`."""

import pytest
from moto import mock_aws

from trimtab.aws import clients


@pytest.fixture
def aws():
    with mock_aws():
        # clients outlive a mock and are slow to make, so they are kept from test to test
        clients.s3().create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        clients.dynamodb().create_table(
            TableName="state",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        yield
