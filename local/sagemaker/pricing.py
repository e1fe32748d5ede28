"""The Pricing API for SageMaker: the bundled list prices, among rows that look like prices and are none.

Such rows are what AWS's own answers hold: HyperPod's price of the same instance type, a fee that is no rate, a rate in
an Outpost, a free tier. Fields are matched exactly (TERM_MATCH).
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

from local.sagemaker.errors import RefusedError
from local.sagemaker.service import Operation, Parameters, Service
from trimtab.cost.catalogue import bundled_catalogue

SERVICE_CODE = "AmazonSageMaker"
CLUSTER_SURCHARGE = 1.026
MOST_RESULTS = 100
type Row = dict[str, Any]


def get_products(_service: Service, parameters: Parameters) -> dict[str, Any]:
    """A page of the rows whose fields have the values asked for, each a JSON document in a string."""
    if parameters.get("ServiceCode") != SERVICE_CODE:
        raise RefusedError("NotFoundException", "The specified service code is not valid.")
    wanted = {each["Field"]: each["Value"] for each in parameters.get("Filters", [])}
    found = [row for row in _rows() if all(_field(row, field) == value for field, value in wanted.items())]
    first = int(parameters.get("NextToken", 0))
    last = first + min(int(parameters.get("MaxResults", MOST_RESULTS)), MOST_RESULTS)
    page = {"FormatVersion": "aws_v1", "PriceList": [json.dumps(row) for row in found[first:last]]}
    return page | ({"NextToken": str(last)} if last < len(found) else {})


def _field(row: Row, field: str) -> str | None:
    product = row["product"]
    value: str | None = product.get(field) if field == "productFamily" else product["attributes"].get(field)
    return value


@cache
def _rows() -> list[Row]:
    catalogue = bundled_catalogue()
    rows = []
    for product, price in catalogue.prices.prices.items():
        rows.append(_row(product.region, product.item, price.usd, "Hosting"))
        rows.append(_row(product.region, product.item, price.usd, "AsyncInf"))
        rows += _traps(product.region, product.item, price.usd)
    return rows


def _traps(region: str, item: str, usd: float) -> Iterator[Row]:
    yield _row(region, item, usd * CLUSTER_SURCHARGE, "Cluster")
    yield _row(region, item, usd * 100, None, unit="Quantity", usagetype=f"TrainingPlanUpfrontFee:{item}")
    yield _row(region, item, usd / 2, "Hosting", locationType="AWS Outposts")
    yield _row(region, item, 0.0, "Hosting", platoinstancetype="Hosting-FreeTier", usagetype=f"FreeTier-Host:{item}")


def _row(region: str, item: str, usd: float, component: str | None, *, unit: str = "Hrs", **changed: str) -> Row:
    attributes = {
        "servicecode": SERVICE_CODE,
        "servicename": "Amazon SageMaker",
        "locationType": "AWS Region",
        "regionCode": region,
        "instanceName": item,
        "instanceType": f"{item}-{component or ''}",
        "platoinstancename": item,
        "platoinstancetype": component or "",
        "usagetype": f"{component}:{item}",
        "operation": "RunInstance",
        **({"component": component} if component else {}),
        **changed,
    }
    dimension = {"unit": unit, "beginRange": "0", "endRange": "Inf", "pricePerUnit": {"USD": f"{usd:.10f}"}}
    return {
        "product": {"productFamily": "ML Instance", "attributes": attributes},
        "serviceCode": SERVICE_CODE,
        "terms": {"OnDemand": {"OFFER.TERM": {"priceDimensions": {"OFFER.TERM.RATE": dimension}}}},
        "publicationDate": f"{bundled_catalogue().as_of}T00:00:00Z",
    }


OPERATIONS: dict[str, Operation] = {"GetProducts": get_products}
