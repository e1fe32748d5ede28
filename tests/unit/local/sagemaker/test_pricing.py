"""The Pricing API's stand-in, read by the product's own reader."""

from datetime import UTC, datetime
from typing import Any

import pytest

from local.sagemaker.errors import RefusedError
from local.sagemaker.pricing import get_products
from trimtab.cost.catalogue import bundled_catalogue
from trimtab.cost.pricing_api import product_filters, read_prices

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
NO_SERVICE: Any = None


def ask(**fields: str) -> list[str]:
    wanted = [{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in fields.items()]
    request: dict[str, Any] = {"ServiceCode": "AmazonSageMaker", "Filters": wanted, "MaxResults": 100}
    documents: list[str] = []
    while True:
        page = get_products(NO_SERVICE, request)
        documents += page["PriceList"]
        if "NextToken" not in page:
            return documents
        assert len(page["PriceList"]) == 100
        request["NextToken"] = page["NextToken"]


def test_the_prices_are_those_of_the_catalogue():
    reading = read_prices(ask(**product_filters("us-east-1", "Hosting")), NOW)
    assert {product.item: price.usd for product, price in reading.prices.prices.items()} == {
        item: price.usd for item, price in bundled_catalogue().priced_in("us-east-1").items()
    }
    assert set(reading.refused) == {"not of a region", "free tier"}


def test_without_a_component_there_are_traps_that_the_reader_refuses():
    reading = read_prices(ask(instanceName="ml.p4d.24xlarge", regionCode="us-east-1"), NOW)
    assert {product.component for product in reading.prices.prices} == {"Hosting", "AsyncInf"}
    assert reading.refused["another component, or none"] == 2


def test_other_services_are_not_known():
    with pytest.raises(RefusedError):
        get_products(NO_SERVICE, {"ServiceCode": "AmazonEC2"})
