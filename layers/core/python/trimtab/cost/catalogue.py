"""The instance types that can host an endpoint, and the bundled table of their prices.

The table is `catalogue.json` beside this file, made by `layers/core/build_catalogue.py`; it says of what date it is.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from trimtab.cost.prices import Price, PriceList, Product

Architecture = Literal["x86_64", "arm64"]
Accelerator = Literal["gpu", "neuron", "gaudi"]


class CatalogueError(ValueError):
    """A table of instance types that cannot be used. The message names the key at fault."""


@dataclass(frozen=True, slots=True)
class InstanceType:
    """What an instance type has; None is not known.

    `gpus`: 0 without any. `gpu_memory_gib`: of all its GPUs together. `accelerator`: what models must be compiled or
    written for, None for a type that computes on its CPU alone. `is_burstable`: its CPU runs on credits.
    """

    name: str
    vcpus: int | None
    memory_gib: float | None
    architecture: Architecture | None
    gpus: int | None
    gpu_memory_gib: float | None
    accelerator: Accelerator | None
    is_burstable: bool

    @property
    def family(self) -> str:
        """`m5` of `ml.m5.xlarge`."""
        return self.name.split(".")[1]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The types that can host, by name, and list prices of hosting an hour. `as_of`: the date of the prices."""

    as_of: date
    sources: tuple[str, ...]
    types: Mapping[str, InstanceType]
    prices: PriceList

    def priced_in(self, region: str) -> dict[str, Price]:
        """The list price of each type that has one in the region."""
        return {product.item: price for product, price in self.prices.prices.items() if product.region == region}


@cache
def bundled_catalogue() -> Catalogue:
    """The catalogue that is shipped."""
    return parse_catalogue((files(__package__) / "catalogue.json").read_text("utf-8"))


def parse_catalogue(text: str) -> Catalogue:
    """A catalogue from its JSON. Raises CatalogueError."""
    try:
        document = json.loads(text)
        as_of = date.fromisoformat(document["as_of"])
        sources = tuple(document["sources"])
        entries: Mapping[str, Mapping[str, Any]] = document["types"]
    except (ValueError, KeyError, TypeError) as error:
        raise CatalogueError(f"no catalogue: {error!r}") from error
    types, prices = {}, {}
    for name, entry in entries.items():
        try:
            types[name] = _instance_type(name, entry)
            for region, usd in entry["usd"].items():
                if not usd > 0:
                    raise ValueError(f"{usd} is no price in {region}")
                prices[Product(region, "Hosting", name)] = Price(usd, "bundled", as_of)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise CatalogueError(f"types.{name}: {error!r}") from error
    return Catalogue(as_of, sources, types, PriceList(prices))


def _instance_type(name: str, entry: Mapping[str, Any]) -> InstanceType:
    return InstanceType(
        name=name,
        vcpus=entry.get("vcpus"),
        memory_gib=entry.get("memory_gib"),
        architecture=entry.get("architecture"),
        gpus=entry.get("gpus"),
        gpu_memory_gib=entry.get("gpu_memory_gib"),
        accelerator=entry.get("accelerator"),
        is_burstable=entry.get("burstable", False),
    )
