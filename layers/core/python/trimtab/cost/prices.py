"""Prices, each with its source and date, and which of several sources is believed. Unknown is None, never 0."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from math import isfinite
from typing import Any, Literal

from trimtab.cost.settings import PriceSettings

Component = Literal["Hosting", "AsyncInf", "ServerlessInf", "ProvisionedConcurrency", "Training"]
Source = Literal["settings", "pricing_api", "bundled"]


@dataclass(frozen=True, slots=True)
class Product:
    """What has a price. The same instance type has another price in another region or for another component.

    `item`: an instance type as `ml.m5.xlarge`, priced by the hour; of ServerlessInf `Mem-2GB`, of
    ProvisionedConcurrency `Usage-2GB` (kept ready) and `Mem-2GB` (computing), priced by the second.
    """

    region: str
    component: Component
    item: str


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a unit of a product, who says so, and of what date that is. Raises ValueError when it is none."""

    usd: float
    source: Source
    as_of: date

    def __post_init__(self) -> None:
        if not (isfinite(self.usd) and self.usd >= 0):
            raise ValueError(f"no price: {self.usd}")


@dataclass(frozen=True, slots=True)
class PriceList:
    """Prices that were read together. `read_at` is when; None for the bundled ones."""

    prices: Mapping[Product, Price] = field(default_factory=dict)
    read_at: datetime | None = None


NO_PRICES = PriceList()


def choose_price(
    product: Product,
    *,
    settings: PriceSettings,
    cached: PriceList,
    answered: PriceList,
    bundled: PriceList,
    now: datetime,
) -> Price | None:
    """The price of a product; None when no source knows it.

    The user's own price comes first, then what was read in the last `cache_hours`, then the Pricing API's answer. When
    that has none, the later of an older reading and the bundled table. The discount is taken off all but the
    user's own.
    """
    own = settings.overrides.get(f"{product.component}/{product.item}", settings.overrides.get(product.item))
    if own is not None:
        return Price(own, "settings", now.date())
    earlier = cached.prices.get(product)
    listed = earlier if is_fresh(cached, settings, now) else None
    listed = listed or answered.prices.get(product)
    if listed is None:
        known = [price for price in (earlier, bundled.prices.get(product)) if price is not None]
        listed = max(known, key=lambda price: price.as_of, default=None)
    return listed and replace(listed, usd=listed.usd * (1 - settings.discount))


def is_fresh(cached: PriceList, settings: PriceSettings, now: datetime) -> bool:
    """Whether these prices were read so lately that they need not be read again."""
    return cached.read_at is not None and now - cached.read_at < timedelta(hours=settings.cache_hours)


def price_list_document(prices: PriceList) -> dict[str, Any]:
    """A price list as plain JSON values, to be kept."""
    return {
        "read_at": prices.read_at and prices.read_at.isoformat(),
        "prices": [
            [product.region, product.component, product.item, price.usd, price.source, price.as_of.isoformat()]
            for product, price in prices.prices.items()
        ],
    }


def price_list_from_document(document: Mapping[str, Any]) -> PriceList:
    """The inverse of `price_list_document`; an empty document is a list without prices."""
    if not document:
        return NO_PRICES
    read_at = document["read_at"]
    return PriceList(
        {
            Product(region, component, item): Price(float(usd), source, date.fromisoformat(as_of))
            for region, component, item, usd, source, as_of in document["prices"]
        },
        read_at and datetime.fromisoformat(read_at),
    )
