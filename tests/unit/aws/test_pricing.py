"""The Pricing API: every page is read, and it is asked where it is."""

import botocore.session
import pytest
from botocore.stub import Stubber

from trimtab.aws import clients
from trimtab.aws.pricing import read_price_list


@pytest.fixture
def stub():
    clients.client.cache_clear()
    with Stubber(clients.pricing()) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()
    clients.client.cache_clear()


def asked(**token):
    return {
        "ServiceCode": "AmazonSageMaker",
        "Filters": [
            {"Type": "TERM_MATCH", "Field": "regionCode", "Value": "eu-west-1"},
            {"Type": "TERM_MATCH", "Field": "component", "Value": "Hosting"},
        ],
        "FormatVersion": "aws_v1",
        "MaxResults": 100,
        **token,
    }


def test_reads_every_page(stub):
    stub.add_response("get_products", {"PriceList": ["{}", "[]"], "NextToken": "more"}, asked())
    stub.add_response("get_products", {"PriceList": ["7"]}, asked(NextToken="more"))
    documents = read_price_list("AmazonSageMaker", {"regionCode": "eu-west-1", "component": "Hosting"})
    assert documents == ["{}", "[]", "7"]


def test_no_products_are_no_prices(stub):
    stub.add_response("get_products", {"PriceList": []}, asked())
    assert read_price_list("AmazonSageMaker", {"regionCode": "eu-west-1", "component": "Hosting"}) == []


@pytest.mark.parametrize(
    ("own", "asked_in"),
    [
        ("us-east-1", "us-east-1"),
        ("us-west-2", "us-east-1"),
        ("eu-west-1", "eu-central-1"),
        ("eu-central-1", "eu-central-1"),
        ("ap-southeast-2", "ap-south-1"),
        ("sa-east-1", "us-east-1"),
        ("me-south-1", "us-east-1"),
        ("cn-north-1", "cn-northwest-1"),
    ],
)
def test_asks_in_a_region_that_has_the_api(own, asked_in, monkeypatch):
    clients.client.cache_clear()
    monkeypatch.setenv("AWS_DEFAULT_REGION", own)
    client = clients.pricing()
    assert client.meta.region_name == asked_in
    partition = "aws-cn" if own.startswith("cn-") else "aws"
    assert asked_in in botocore.session.get_session().get_available_regions("pricing", partition)
    clients.client.cache_clear()
