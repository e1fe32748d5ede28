"""Answers of the Pricing API: every row that looks like a price and is none is refused.

The row is the one of spec A.8, put together from attributes that several projects read.
"""

import json
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cost.prices import Price, Product
from trimtab.cost.pricing_api import product_filters, read_prices

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
M5 = Product("us-east-1", "Hosting", "ml.m5.xlarge")


def row(
    usd="0.2300000000", *, unit="Hrs", family="ML Instance", published="2026-06-27T02:56:06Z", prices=None, **changed
):
    attributes = {
        "servicecode": "AmazonSageMaker",
        "servicename": "Amazon SageMaker",
        "location": "US East (N. Virginia)",
        "locationType": "AWS Region",
        "regionCode": "us-east-1",
        "instanceName": "ml.m5.xlarge",
        "instanceType": "ml.m5.xlarge-Hosting",
        "component": "Hosting",
        "platoinstancename": "ml.m5.xlarge",
        "platoinstancetype": "Hosting",
        "vCpu": "4",
        "memory": "16 GiB",
        "usagetype": "USE1-Host:ml.m5.xlarge",
        "operation": "RunInstance",
    } | changed
    dimensions = {
        f"JDZQJFUVUR8SUWHS.JRTCKXETXF.{i}": {
            "unit": unit,
            "beginRange": "0",
            "endRange": "Inf",
            "description": f"${usd} per Hosting ml.m5.xlarge hour in US East (N. Virginia)",
            "pricePerUnit": price,
        }
        for i, price in enumerate(prices or [{"USD": usd}])
    }
    document = {
        "product": {
            "productFamily": family,
            "sku": "JDZQJFUVUR8SUWHS",
            "attributes": {name: value for name, value in attributes.items() if value is not None},
        },
        "serviceCode": "AmazonSageMaker",
        "terms": {"OnDemand": {"JDZQJFUVUR8SUWHS.JRTCKXETXF": {"priceDimensions": dimensions, "termAttributes": {}}}},
        "version": "20260627025606",
        "publicationDate": published,
    }
    return json.dumps(document)


def refused(*documents):
    reading = read_prices(documents, NOW)
    assert not reading.prices.prices
    [reason] = reading.refused
    return reason


def serverless(usage, usd="0.0000400000", **changed):
    return row(
        usd,
        unit="Seconds",
        family="ML Serverless",
        instanceName=None,
        instanceType=None,
        component=None,
        platoinstancetype=None,
        usagetype=usage,
        **changed,
    )


def test_reads_the_price_of_hosting_with_its_date():
    reading = read_prices([row()], NOW)
    assert reading.prices.prices == {M5: Price(0.23, "pricing_api", date(2026, 6, 27))}
    assert reading.prices.read_at == NOW
    assert reading.refused == {}


@pytest.mark.parametrize("instance_type", ["ml.m5.xlarge-Hosting", "ml.m5.xlarge-hosting", "NA", None])
def test_goes_by_the_name_of_the_instance_not_by_its_type(instance_type):
    assert read_prices([row(instanceType=instance_type)], NOW).prices.prices.keys() == {M5}


def test_a_hyperpod_cluster_is_another_price():
    hosting = row("25.2512883000", instanceName="ml.p4d.24xlarge")
    cluster = row("25.9100000000", instanceName="ml.p4d.24xlarge", component="Cluster", usagetype="USE1-Cluster:ml.p4d")
    reading = read_prices([cluster, hosting], NOW)
    assert {product.item: price.usd for product, price in reading.prices.prices.items()} == {
        "ml.p4d.24xlarge": 25.2512883
    }
    assert reading.refused == {"another component, or none": 1}


def test_asynchronous_inference_is_a_product_of_its_own():
    asynchronous = row("0.2400000000", component="AsyncInf", usagetype="USE1-AsyncInf:ml.m5.xlarge")
    prices = read_prices([row(), asynchronous], NOW).prices.prices
    assert prices[M5].usd == 0.23
    assert prices[Product("us-east-1", "AsyncInf", "ml.m5.xlarge")].usd == 0.24


def test_an_upfront_fee_without_component_is_no_rate():
    fee = row("13.5700000000", unit="Quantity", component=None, usagetype="USE1-TrainingPlanUpfrontFee:ml.p4d.24xlarge")
    assert refused(fee) == "another component, or none"


@pytest.mark.parametrize("unit", ["Quantity", "GB-Mo", "Seconds", "Count"])
def test_hosting_is_priced_by_the_hour_and_by_nothing_else(unit):
    assert refused(row(unit=unit)) == "another unit"


@pytest.mark.parametrize("place", ["AWS Outposts", "AWS Local Zone", None])
def test_what_is_not_of_a_region_is_passed_over(place):
    assert refused(row(locationType=place)) == "not of a region"


def test_a_price_without_a_region_is_passed_over():
    assert refused(row(regionCode=None)) == "not of a region"


@pytest.mark.parametrize(
    "free",
    [
        {"platoinstancetype": "FreeHosting"},
        {"usagetype": "Host:ml.m.xlarge-HostingParent"},
        {"usagetype": "USE1-FreeTier:ml.m5.xlarge"},
    ],
)
def test_the_free_tier_is_no_price(free):
    assert refused(row(**free)) == "free tier"


@pytest.mark.parametrize("usd", ["0.0000000000", "-1", "NaN", "Infinity"])
def test_a_price_of_nothing_is_unknown(usd):
    assert refused(row(usd)) == "a price of 0"


def test_another_currency_is_no_price_in_dollars():
    assert refused(row(prices=[{"CNY": "1.6300000000"}])) == "another currency"


def test_a_row_with_several_prices_has_none():
    assert refused(row(prices=[{"USD": "0.23"}, {"USD": "0.20"}])) == "several prices in one row"


def test_two_rows_that_disagree_leave_the_price_unknown():
    assert refused(row("0.23"), row("0.25")) == "two prices for one product"


def test_two_rows_that_agree_are_one_price_of_the_later_date():
    reading = read_prices([row(published="2026-06-27T00:00:00Z"), row(published="2026-07-01T00:00:00Z")], NOW)
    assert reading.prices.prices[M5].as_of == date(2026, 7, 1)


def test_a_region_does_not_lend_its_price_to_another():
    prices = read_prices([row(), row("0.2570000000", regionCode="eu-west-1")], NOW).prices.prices
    assert {product.region: price.usd for product, price in prices.items()} == {"us-east-1": 0.23, "eu-west-1": 0.257}


def test_only_reserved_terms_are_no_price_on_demand():
    document = json.loads(row())
    document["terms"] = {"Reserved": {}}
    assert refused(json.dumps(document)) == "no price on demand"


def test_hosting_that_is_no_instance_is_passed_over():
    assert refused(row(instanceName=None, usagetype="USE1-Host:VolumeUsage.gp2")) == "no instance type"


@pytest.mark.parametrize("broken", ["", "{", "[]", "7", "null", "{}", '{"product": {}}', '{"product": 1, "terms": 2}'])
def test_a_row_that_cannot_be_read_does_not_stop_the_others(broken):
    reading = read_prices([broken, row()], NOW)
    assert reading.prices.prices.keys() == {M5}
    assert reading.refused == {"not in the form of a price list": 1}


def test_a_price_without_a_publication_is_of_the_day_it_was_read():
    assert read_prices([row(published=None)], NOW).prices.prices[M5].as_of == NOW.date()


def test_serverless_is_priced_by_memory_and_second():
    documents = [
        serverless("USE1-ServerlessInf:Mem-2GB"),
        serverless("USE1-ProvisionedConcurrency:Usage-2GB", "0.0000100000"),
        serverless("USE1-ProvisionedConcurrency:Mem-2GB", "0.0000300000"),
        serverless("USE1-ServerlessInf:Data-Bytes-In", "0.0160000000"),
    ]
    reading = read_prices(documents, NOW)
    assert {(product.component, product.item): price.usd for product, price in reading.prices.prices.items()} == {
        ("ServerlessInf", "Mem-2GB"): 0.00004,
        ("ProvisionedConcurrency", "Usage-2GB"): 0.00001,
        ("ProvisionedConcurrency", "Mem-2GB"): 0.00003,
    }
    assert reading.refused == {"another component, or none": 1}


@given(st.permutations([row(), row("0.25"), row("1.5", instanceName="ml.g5.2xlarge"), row(component="Cluster"), "{"]))
def test_the_order_of_rows_does_not_matter(documents):
    reading = read_prices(documents, NOW)
    assert {product.item: price.usd for product, price in reading.prices.prices.items()} == {"ml.g5.2xlarge": 1.5}
    assert sum(reading.refused.values()) == 4


@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ("Hosting", {"regionCode": "eu-west-1", "component": "Hosting"}),
        ("AsyncInf", {"regionCode": "eu-west-1", "component": "AsyncInf"}),
        ("ServerlessInf", {"regionCode": "eu-west-1", "productFamily": "ML Serverless"}),
    ],
)
def test_asks_for_a_whole_region_at_once(component, expected):
    assert product_filters("eu-west-1", component) == expected
