"""Which source of a price is believed."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trimtab.cost.prices import (
    NO_PRICES,
    Price,
    PriceList,
    Product,
    choose_price,
    price_list_document,
    price_list_from_document,
)
from trimtab.cost.settings import PriceSettings

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
M5 = Product("eu-west-1", "Hosting", "ml.m5.xlarge")


def listed(usd, source="pricing_api", *, as_of=date(2026, 11, 20), age=None, product=M5):
    read_at = None if age is None else NOW - timedelta(hours=age)
    return PriceList({product: Price(usd, source, as_of)}, read_at)


LIST_PRICES = PriceSettings()
BUNDLED = listed(0.3, "bundled", as_of=date(2026, 5, 20))


def chosen(settings=LIST_PRICES, *, product=M5, cached=NO_PRICES, answered=NO_PRICES, bundled=NO_PRICES):
    return choose_price(product, settings=settings, cached=cached, answered=answered, bundled=bundled, now=NOW)


def test_what_was_read_within_a_day_comes_first():
    price = chosen(cached=listed(0.1, age=23), answered=listed(0.2, age=0), bundled=BUNDLED)
    assert price == Price(0.1, "pricing_api", date(2026, 11, 20))


def test_after_a_day_the_pricing_api_is_believed():
    assert chosen(cached=listed(0.1, age=24), answered=listed(0.2, age=0), bundled=BUNDLED).usd == 0.2


def test_without_an_answer_an_older_reading_is_better_than_an_older_table():
    assert chosen(cached=listed(0.1, age=24 * 30), bundled=BUNDLED).usd == 0.1


def test_without_an_answer_a_newer_table_is_better_than_an_older_reading():
    ancient = listed(0.1, age=24 * 300, as_of=date(2026, 1, 2))
    assert chosen(cached=ancient, bundled=BUNDLED) == Price(0.3, "bundled", date(2026, 5, 20))


def test_a_price_that_no_source_knows_is_unknown():
    assert chosen() is None
    assert chosen(PriceSettings(discount=0.5)) is None


@pytest.mark.parametrize(
    "other",
    [
        Product("us-east-1", "Hosting", "ml.m5.xlarge"),
        Product("eu-west-1", "AsyncInf", "ml.m5.xlarge"),
        Product("eu-west-1", "Training", "ml.m5.xlarge"),
    ],
)
def test_a_price_holds_in_its_region_and_for_its_component_alone(other):
    assert chosen(product=other, cached=listed(0.1, age=1), bundled=BUNDLED) is None


def test_the_users_own_price_comes_before_all_and_has_no_discount():
    own = PriceSettings(overrides={"ml.m5.xlarge": 0.15}, discount=0.5)
    assert chosen(own, cached=listed(0.1, age=1), bundled=BUNDLED) == Price(0.15, "settings", NOW.date())


def test_the_users_own_price_may_be_for_one_component():
    own = PriceSettings(overrides={"ml.m5.xlarge": 0.15, "Training/ml.m5.xlarge": 0.12})
    assert chosen(own, product=Product("eu-west-1", "Training", "ml.m5.xlarge")).usd == 0.12
    assert chosen(own).usd == 0.15


@pytest.mark.parametrize("wrong", [0, -1, float("nan"), float("inf"), "free"])
def test_the_users_own_price_is_never_nothing(wrong):
    with pytest.raises(ValidationError):
        PriceSettings(overrides={"ml.m5.xlarge": wrong})


@pytest.mark.parametrize("wrong", [-0.01, 1.01, float("nan")])
def test_a_discount_is_a_share(wrong):
    with pytest.raises(ValidationError):
        PriceSettings(discount=wrong)


@given(st.floats(0, 1), st.floats(1e-6, 1000))
def test_a_discount_takes_its_share_and_keeps_source_and_date(discount, usd):
    price = chosen(PriceSettings(discount=discount), bundled=listed(usd, "bundled"))
    assert 0 <= price.usd <= usd
    assert price.usd == pytest.approx(usd * (1 - discount))
    assert (price.source, price.as_of) == ("bundled", date(2026, 11, 20))


@pytest.mark.parametrize("wrong", [-0.1, float("nan"), float("inf")])
def test_what_is_no_number_is_no_price(wrong):
    with pytest.raises(ValueError, match="no price"):
        Price(wrong, "bundled", date(2026, 5, 20))


def test_a_kept_list_comes_back_as_it_was():
    kept = PriceList({**listed(0.1).prices, **BUNDLED.prices}, NOW)
    assert price_list_from_document(json.loads(json.dumps(price_list_document(kept)))) == kept
    assert price_list_from_document({}) == NO_PRICES
