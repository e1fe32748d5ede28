"""The prices that a choice of instances is made by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from trimtab.aws.endpoint_settings import load_settings
from trimtab.aws.price_lists import PriceLists
from trimtab.aws.resizings import Run
from trimtab.cost.catalogue import bundled_catalogue
from trimtab.cost.prices import Component, Price, Product
from trimtab.settings import parse_price_settings
from trimtab.sizing.advice import SERVERLESS_GB


@dataclass(frozen=True)
class Prices:
    """What is known of prices in a region: of an hour by instance type, and of a second of serverless inference by GB
    of memory. `problem`: why the Pricing API gave none, "" when it did or was not asked."""

    hosting: Mapping[str, Price]
    serverless: Mapping[int, float | None]
    problem: str

    @property
    def usd_per_hour(self) -> dict[str, float]:
        """Of hosting, by instance type."""
        return {name: price.usd for name, price in self.hosting.items()}

    def dated(self, instance_type: str) -> str:
        """Where the price of an instance type is from, and of what date."""
        price = self.hosting.get(instance_type)
        return f"{price.source}, {price.as_of}" if price else "unknown"


def read_sizing_prices(run: Run) -> Prices:
    """The prices of all there is to choose from. That the account's own cannot be used is for track_cost to tell."""
    own = load_settings(f"/{run.settings.name}/prices", run.table, "prices", parse_price_settings).settings
    lists = PriceLists(run.bucket, run.region, own, run.now)

    def prices_of(component: Component, items: Iterable[str]) -> dict[str, Price]:
        products = [Product(run.region, component, item) for item in items]
        return {product.item: price for product, price in lists.prices_of(products).items()}

    hosting = prices_of("Hosting", bundled_catalogue().types)
    serverless = prices_of("ServerlessInf", [f"Mem-{gb}GB" for gb in SERVERLESS_GB])
    by_memory = {gb: serverless.get(f"Mem-{gb}GB") for gb in SERVERLESS_GB}
    per_second = {gb: price.usd if price else None for gb, price in by_memory.items()}
    return Prices(hosting, per_second, "; ".join(lists.problems))
