"""Prices from the lists that are kept in the state bucket, and from the Pricing API once those are old."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from botocore.exceptions import BotoCoreError, ClientError

from trimtab.aws import cost_documents
from trimtab.aws.pricing import read_price_list
from trimtab.aws.refusals import is_passing
from trimtab.cost.catalogue import bundled_catalogue
from trimtab.cost.prices import (
    NO_PRICES,
    Component,
    Price,
    PriceList,
    Product,
    choose_price,
    is_fresh,
    price_list_document,
    price_list_from_document,
)
from trimtab.cost.pricing_api import SERVICE_CODE, product_filters, read_prices
from trimtab.cost.settings import PriceSettings


@dataclass
class PriceLists:
    """The prices of a region as of `now`; each component's list is read when it is first needed, and then once.

    `problems`: why the Pricing API gave none, each once. It may be forbidden, which is no error. `may_come`: whether it
    was only too busy, so that asking again may help.
    """

    bucket: str
    region: str
    settings: PriceSettings
    now: datetime
    problems: list[str] = field(default_factory=list)
    may_come: bool = False
    _lists: dict[Component, tuple[PriceList, PriceList]] = field(default_factory=dict)

    def prices_of(self, products: Iterable[Product]) -> dict[Product, Price]:
        """The prices of those products that have one, from the best source that knows it."""
        found = {}
        for product in dict.fromkeys(products):
            cached, answered = self._list_of(product.component)
            price = choose_price(
                product,
                settings=self.settings,
                cached=cached,
                answered=answered,
                bundled=bundled_catalogue().prices,
                now=self.now,
            )
            if price:
                found[product] = price
        return found

    def _list_of(self, component: Component) -> tuple[PriceList, PriceList]:
        """What is kept of a component's prices, and, when that is old, what the Pricing API says."""
        if component not in self._lists:
            cached = price_list_from_document(cost_documents.read_price_document(self.bucket, self.region, component))
            is_old = not is_fresh(cached, self.settings, self.now)
            self._lists[component] = cached, self._ask(component) if is_old else NO_PRICES
        return self._lists[component]

    def _ask(self, component: Component) -> PriceList:
        """What the Pricing API says, which is kept; no prices when it says nothing."""
        try:
            documents = read_price_list(SERVICE_CODE, product_filters(self.region, component))
        except (BotoCoreError, ClientError) as error:
            self.may_come = self.may_come or is_passing(error)
            if str(error) not in self.problems:
                self.problems.append(str(error))
            return NO_PRICES
        answered = read_prices(documents, self.now).prices
        if answered.prices:
            document = price_list_document(answered)
            cost_documents.write_price_document(self.bucket, self.region, component, document)
        else:
            self.problems.append(f"no prices of {component} in {self.region}")
        return answered
