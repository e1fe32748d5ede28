"""Price lists of AWS Price List (the Pricing API). It is free of charge, and answers at a few regions only."""

from collections.abc import Mapping

from trimtab.aws.clients import pricing

_PAGE = 100


def read_price_list(service_code: str, filters: Mapping[str, str]) -> list[str]:
    """All products that have these values in these fields, each a JSON document, from every page of the answer."""
    pages = (
        pricing()
        .get_paginator("get_products")
        .paginate(
            ServiceCode=service_code,
            Filters=[{"Type": "TERM_MATCH", "Field": field, "Value": value} for field, value in filters.items()],
            FormatVersion="aws_v1",
            PaginationConfig={"PageSize": _PAGE},
        )
    )
    return [document for page in pages for document in page["PriceList"]]
