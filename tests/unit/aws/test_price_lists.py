import json
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from trimtab.aws import price_lists
from trimtab.aws.cost_documents import read_price_document
from trimtab.aws.price_lists import PriceLists
from trimtab.cost.prices import Product
from trimtab.cost.settings import PriceSettings

pytestmark = pytest.mark.usefixtures("aws")
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
M5, C5 = (Product("us-east-1", "Hosting", name) for name in ("ml.m5.xlarge", "ml.c5.xlarge"))


class Api:
    """The Pricing API: prices by instance type of every component, or an error."""

    def __init__(self):
        self.usd = {"ml.m5.xlarge": 0.25}
        self.error = None
        self.asked = []

    def read_price_list(self, _service, filters):
        self.asked.append(filters["component"])
        if self.error:
            raise self.error
        return [self.row(filters, name, usd) for name, usd in self.usd.items()]

    def row(self, filters, name, usd):
        attributes = {**filters, "locationType": "AWS Region", "instanceName": name}
        dimension = {"unit": "Hrs", "pricePerUnit": {"USD": str(usd)}}
        terms = {"OnDemand": {"t": {"priceDimensions": {"d": dimension}}}}
        return json.dumps({"product": {"productFamily": "ML Instance", "attributes": attributes}, "terms": terms})


@pytest.fixture
def api(monkeypatch):
    made = Api()
    monkeypatch.setattr(price_lists, "read_price_list", made.read_price_list)
    return made


def lists(now=NOW, **settings):
    return PriceLists("state", "us-east-1", PriceSettings(**settings), now)


def usd(read, *products):
    return {product.item: price.usd for product, price in read.prices_of(products).items()}


def test_a_list_is_asked_for_once_and_kept_for_a_day(api):
    read = lists()
    assert usd(read, M5) == {"ml.m5.xlarge": 0.25}
    assert usd(read, M5, M5) == {"ml.m5.xlarge": 0.25}
    assert usd(lists(NOW + timedelta(hours=23)), M5) == {"ml.m5.xlarge": 0.25}
    assert api.asked == ["Hosting"]
    api.usd["ml.m5.xlarge"] = 0.3
    assert usd(lists(NOW + timedelta(hours=24)), M5) == {"ml.m5.xlarge": 0.3}
    assert api.asked == ["Hosting", "Hosting"]


def test_each_component_has_a_list_of_its_own(api):
    training = Product("us-east-1", "Training", "ml.m5.xlarge")
    found = lists().prices_of([M5, training])
    assert set(found) == {M5, training}
    assert api.asked == ["Hosting", "Training"]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "GetProducts"),
        EndpointConnectionError(endpoint_url="https://pricing"),
    ],
)
def test_when_the_api_cannot_be_asked_the_bundled_prices_serve_and_the_reason_is_told(api, error):
    api.error = error
    read = lists()
    assert read.prices_of([M5])[M5].source == "bundled"
    read.prices_of([Product("us-east-1", "AsyncInf", "ml.m5.xlarge")])
    assert read.problems == [str(error)]
    assert not read.may_come  # perhaps nobody lets it
    assert read_price_document("state", "us-east-1", "Hosting") == {}


@pytest.mark.parametrize(("code", "status"), [("ThrottlingException", 400), ("InternalErrorException", 500)])
def test_that_the_api_was_too_busy_is_told(api, code, status):
    told = {"Error": {"Code": code, "Message": "later"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    api.error = ClientError(told, "GetProducts")
    read = lists()
    read.prices_of([M5])
    assert read.may_come


def test_an_empty_answer_is_told_and_takes_nothing_back(api):
    lists().prices_of([M5])
    api.usd = {}
    later = lists(NOW + timedelta(days=2))
    assert usd(later, M5) == {"ml.m5.xlarge": 0.25}
    assert later.problems == ["no prices of Hosting in us-east-1"]


def test_what_has_no_price_is_left_out_and_never_0(api):
    api.usd = {}
    assert lists().prices_of([Product("us-east-1", "Training", "ml.m5.xlarge")]) == {}


def test_own_prices_and_the_discount_count(api):
    api.usd["ml.c5.xlarge"] = 0.204
    read = lists(overrides={"ml.m5.xlarge": 0.1}, discount=0.5)
    found = read.prices_of([M5, C5])
    assert (found[M5].usd, found[M5].source) == (0.1, "settings")
    assert found[C5].usd == pytest.approx(0.102)
