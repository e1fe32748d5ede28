"""Prices out of the answers of the Pricing API (GetProducts of AmazonSageMaker).

The answers hold much that looks like a price and is none: the same instance type for training, notebooks or HyperPod,
fees that are no rate, free tiers, Outposts and local zones. What cannot be told for certain is refused, not guessed.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from trimtab.cost.prices import Component, Price, PriceList, Product

SERVICE_CODE = "AmazonSageMaker"

_FAMILY_OF_SERVERLESS = "ML Serverless"
_SERVERLESS = re.compile(r"(ServerlessInf|ProvisionedConcurrency):((?:Mem|Usage)-\d+GB)$")
_INSTANCE_COMPONENTS: tuple[Component, ...] = ("Hosting", "AsyncInf", "Training")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a price list holds: prices, and how many rows were refused, by reason."""

    prices: PriceList
    refused: Mapping[str, int]


class RowError(ValueError):
    """A row of a price list that has no price for us. The message is the reason, the same for all such rows."""


def product_filters(region: str, component: Component) -> dict[str, str]:
    """The fields, and the value each must have (TERM_MATCH), that find all prices of a component in a region.

    The instance type would be `instanceName`: `instanceType` has a suffix that varies (`-Hosting`, `-hosting`).
    """
    if component in _INSTANCE_COMPONENTS:
        return {"regionCode": region, "component": component}
    return {"regionCode": region, "productFamily": _FAMILY_OF_SERVERLESS}


def read_prices(documents: Iterable[str], read_at: datetime) -> Reading:
    """The prices in the JSON documents of a `PriceList`, in whatever order they stand.

    A product with two different prices has none. The date of a price is its publication's, else the day it was read.
    """
    found: dict[Product, set[tuple[float, date]]] = {}
    refused: Counter[str] = Counter()
    for document in documents:
        try:
            product, usd, as_of = _read_row(document, read_at)
        except RowError as error:
            refused[str(error)] += 1
        else:
            found.setdefault(product, set()).add((usd, as_of))
    prices = {}
    for product, readings in found.items():
        if len({usd for usd, _ in readings}) == 1:
            usd, as_of = max(readings, key=lambda reading: reading[1])
            prices[product] = Price(usd, "pricing_api", as_of)
        else:
            refused["two prices for one product"] += len(readings)
    return Reading(PriceList(prices, read_at), dict(refused))


def _read_row(document: str, read_at: datetime) -> tuple[Product, float, date]:
    try:
        row = json.loads(document)
        attributes: Mapping[str, str] = row["product"]["attributes"]
        terms = row["terms"].get("OnDemand", {})
        dimensions = [each for term in terms.values() for each in term["priceDimensions"].values()]
        product, unit = _product_of(row["product"].get("productFamily", ""), attributes)
        return product, _flat_price(dimensions, unit), _published(row, read_at)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise error if isinstance(error, RowError) else RowError("not in the form of a price list") from error


def _product_of(family: str, attributes: Mapping[str, str]) -> tuple[Product, str]:
    """The product of a row and the unit its price must have."""
    if attributes.get("locationType") != "AWS Region" or not attributes.get("regionCode"):
        raise RowError("not of a region")
    usage = attributes.get("usagetype", "")
    if "Free" in attributes.get("platoinstancetype", "") or "Free" in usage or usage.endswith("Parent"):
        raise RowError("free tier")
    region, serverless = attributes["regionCode"], _SERVERLESS.search(usage)
    if family == _FAMILY_OF_SERVERLESS and serverless:
        kind: Component = "ServerlessInf" if serverless[1] == "ServerlessInf" else "ProvisionedConcurrency"
        return Product(region, kind, serverless[2]), "seconds"
    component = next((each for each in _INSTANCE_COMPONENTS if attributes.get("component") == each), None)
    if component is None:
        raise RowError("another component, or none")
    if not attributes.get("instanceName", "").startswith("ml."):
        raise RowError("no instance type")
    return Product(region, component, attributes["instanceName"]), "hrs"


def _flat_price(dimensions: list[dict[str, Any]], unit: str) -> float:
    """The one price of a row, which must hold for any amount of use."""
    if not dimensions:
        raise RowError("no price on demand")
    if any(each["unit"].lower() not in {unit, unit.removesuffix("s")} for each in dimensions):
        raise RowError("another unit")
    if any("USD" not in each["pricePerUnit"] for each in dimensions):
        raise RowError("another currency")
    prices = {float(each["pricePerUnit"]["USD"]) for each in dimensions}
    if len(prices) > 1:
        raise RowError("several prices in one row")
    usd = prices.pop()
    if not 0 < usd < float("inf"):
        raise RowError("a price of 0")
    return usd


def _published(row: Mapping[str, Any], read_at: datetime) -> date:
    try:
        return datetime.fromisoformat(row["publicationDate"]).date()
    except (KeyError, TypeError, ValueError):
        return read_at.date()
