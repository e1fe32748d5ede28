"""The bundled table: which types can host, what they have, and what they cost."""

import json
from datetime import date

import botocore.session
import pytest

from trimtab.cost import catalogue
from trimtab.cost.catalogue import CatalogueError, bundled_catalogue, parse_catalogue
from trimtab.cost.prices import Product

HOURS_PER_MONTH = 730


def usd(instance_type, region="us-east-1"):
    return bundled_catalogue().prices.prices[Product(region, "Hosting", instance_type)].usd


def test_lists_exactly_types_that_botocore_lets_host():
    model = botocore.session.get_session().get_service_model("sagemaker")
    assert set(bundled_catalogue().types) <= set(model.shape_for("ProductionVariantInstanceType").enum)


def test_has_no_t3_which_cannot_host_though_it_has_a_price():
    assert not [name for name in bundled_catalogue().types if name.startswith("ml.t3.")]


def test_every_price_carries_the_date_and_the_source_of_the_table():
    bundled = bundled_catalogue()
    assert bundled.as_of == date(2026, 5, 20)
    assert {(price.source, price.as_of) for price in bundled.prices.prices.values()} == {("bundled", bundled.as_of)}
    assert all(price.usd > 0 for price in bundled.prices.prices.values())


def test_a_type_without_a_price_is_kept_and_its_price_is_unknown():
    bundled = bundled_catalogue()
    unpriced = set(bundled.types) - {product.item for product in bundled.prices.prices}
    assert len(unpriced) == 33
    assert {"ml.m8g.xlarge", "ml.p2.xlarge"} <= unpriced
    assert "ml.m8g.xlarge" not in bundled.priced_in("us-east-1")


# us-east-1 hosting prices of several independent sources
@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [
        ("ml.t2.medium", 0.056),
        ("ml.m5.large", 0.115),
        ("ml.m5.xlarge", 0.23),
        ("ml.m5.2xlarge", 0.461),
        ("ml.c5.xlarge", 0.204),
        ("ml.c5.2xlarge", 0.408),
        ("ml.g4dn.xlarge", 0.7364),
        ("ml.g5.2xlarge", 1.515),
        ("ml.g6.12xlarge", 5.752),
        ("ml.p4d.24xlarge", 25.251),
    ],
)
def test_agrees_with_known_prices(instance_type, expected):
    assert usd(instance_type) == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    ("instance_type", "count", "monthly"),
    [
        ("ml.m5.large", 4, 335.80),
        ("ml.m5.xlarge", 3, 503.70),
        ("ml.m5.xlarge", 1, 167.90),
        ("ml.m5.2xlarge", 2, 673.06),
        ("ml.c5.xlarge", 2, 297.84),
    ],
)
def test_gives_the_months_of_the_worked_example(instance_type, count, monthly):
    assert count * usd(instance_type) * HOURS_PER_MONTH == pytest.approx(monthly)


def test_knows_what_types_have():
    types = bundled_catalogue().types
    plain, gpu, arm = types["ml.m5.xlarge"], types["ml.g4dn.12xlarge"], types["ml.c7g.large"]
    assert (plain.vcpus, plain.memory_gib, plain.gpus, plain.accelerator, plain.family) == (4, 16, 0, None, "m5")
    assert (gpu.gpus, gpu.accelerator, gpu.architecture) == (4, "gpu", "x86_64")
    assert gpu.gpu_memory_gib == pytest.approx(64)
    assert arm.architecture == "arm64"
    assert types["ml.t2.medium"].is_burstable
    assert not plain.is_burstable


def test_does_not_take_chips_of_its_own_for_a_cpu():
    types = bundled_catalogue().types
    assert types["ml.inf2.xlarge"].accelerator == "neuron"
    assert types["ml.trn1.2xlarge"].accelerator == "neuron"
    assert types["ml.dl1.24xlarge"].accelerator == "gaudi"


def test_what_no_table_tells_of_a_type_is_unknown():
    retired = bundled_catalogue().types["ml.p3.2xlarge"]
    assert (retired.vcpus, retired.memory_gib, retired.architecture) == (None, None, None)
    assert (retired.gpus, retired.gpu_memory_gib, retired.accelerator) == (1, 16, "gpu")


def test_is_small_enough_to_be_shipped():
    text = (catalogue.files("trimtab.cost") / "catalogue.json").read_bytes()
    assert len(text) < 300_000


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "no catalogue"),
        ("[]", "no catalogue"),
        ('{"as_of": "yesterday", "sources": [], "types": {}}', "no catalogue"),
        ('{"as_of": "2026-05-20", "sources": [], "types": {"ml.m5.large": {}}}', r"types\.ml\.m5\.large"),
    ],
)
def test_says_what_is_wrong_with_a_table(text, told):
    with pytest.raises(CatalogueError, match=told):
        parse_catalogue(text)


@pytest.mark.parametrize("price", [0, -0.1])
def test_refuses_a_price_that_is_none(price):
    table = {"as_of": "2026-05-20", "sources": [], "types": {"ml.m5.large": {"usd": {"eu-west-1": price}}}}
    with pytest.raises(CatalogueError, match=r"ml\.m5\.large.*no price in eu-west-1"):
        parse_catalogue(json.dumps(table))
