"""The script that makes the bundled table."""

import json
from datetime import date

from layers.core.build_catalogue import build_catalogue, hosting_types, main, table_text
from trimtab.cost.catalogue import bundled_catalogue, parse_catalogue
from trimtab.cost.prices import Product

M5 = {
    "name": "m5.large",
    "cpu": {"vcpus": 2, "architectures": ["x86_64"]},
    "memory": {"sizeInMiB": 8192},
    "properties": {"cpuBurstModel": None},
}
PRICES = {
    "eu-west-1": {"ml.m5.large": 0.128, "ml.t3.medium": 0.05, "ml.c5.large": 0.0},
    "us-east-1-atl-1": {"ml.m5.large": 0.2},
}


def built(prices=PRICES, hosting=("ml.m5.large", "ml.c5.large", "ml.p3.2xlarge")):
    gpus = {"eu-west-1": {"ml.p3.2xlarge": {"Count": 1, "TotalGpuMemoryInMiB": 16384}}}
    return build_catalogue(prices, hosting, [M5], gpus, as_of=date(2026, 5, 20), hosting_from="botocore")


def test_leaves_out_and_lists_what_cannot_host_and_what_is_no_region():
    table = built()
    assert table["left_out"] == {
        "cannot host": ["ml.t3.medium"],
        "no region": ["us-east-1-atl-1"],
        "not positive": ["eu-west-1 ml.c5.large"],
    }
    assert set(table["types"]) == {"ml.m5.large", "ml.c5.large", "ml.p3.2xlarge"}


def test_a_type_without_a_price_has_none_rather_than_0():
    assert built()["types"]["ml.c5.large"] == {"usd": {}}


def test_what_it_writes_can_be_read_again():
    catalogue = parse_catalogue(table_text(built()))
    assert catalogue.as_of == date(2026, 5, 20)
    assert catalogue.prices.prices[Product("eu-west-1", "Hosting", "ml.m5.large")].usd == 0.128
    assert catalogue.types["ml.m5.large"].memory_gib == 8
    assert catalogue.types["ml.p3.2xlarge"].accelerator == "gpu"


def test_government_regions_are_regions():
    assert built({"us-gov-west-1": {"ml.m5.large": 0.14}})["left_out"]["no region"] == []


def test_asks_botocore_which_types_can_host():
    assert "ml.t2.medium" in hosting_types()
    assert "ml.t3.medium" not in hosting_types()


def test_makes_the_bundled_table_from_its_sources(shared, tmp_path, capsys):
    source = shared / "data" / "prices"
    output = tmp_path / "catalogue.json"
    main(
        [
            *("--prices", str(source / "flexera_aws_sagemaker_hosting_pricing.json")),
            *("--specifications", str(source / "flexera_aws_ec2_instance_types.json")),
            *("--gpus", str(source / "sdk_instance_gpu_info.json")),
            *("--as-of", "2026-05-20"),
            *("--output", str(output)),
        ]
    )
    assert "cannot host (50): " in capsys.readouterr().out
    again, bundled = parse_catalogue(output.read_text("utf-8")), bundled_catalogue()
    assert again.prices == bundled.prices
    assert bundled.types.items() <= again.types.items()
    assert all(json.loads(output.read_text("utf-8"))["sources"])
