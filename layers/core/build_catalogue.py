"""Make the bundled table of instance types and prices: layers/core/python/trimtab/cost/catalogue.json.

    .venv/bin/python layers/core/build_catalogue.py --prices aws_sagemaker_pricing.json --as-of 2026-05-20 \
        --specifications aws_ec2_instance_types.json --gpus instance_gpu_info.json

Prices of hosting by region and type, and the specifications of the EC2 types behind them, come from the files of that
name in `data/aws` of flexera-public/policy_templates on GitHub; GPUs of types that EC2 has retired from the SageMaker
Python SDK. Which types can host is what botocore's own model of SageMaker says. Types that have a price but cannot host
are left out and listed; types that can host and have no price are kept without one, for their price is unknown.
"""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

import botocore
import botocore.session

TABLE = Path(__file__).parent / "python" / "trimtab" / "cost" / "catalogue.json"
SOURCES = (
    "flexera-public/policy_templates, data/aws: prices and specifications (MIT, see catalogue.LICENSE)",
    "aws/sagemaker-python-sdk: GPUs of types that EC2 has retired (Apache-2.0)",
)
_REGION = re.compile(r"[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-\d")
_NEURON = ("inf", "trn")


def hosting_types() -> list[str]:
    """The instance types that CreateEndpointConfig takes, according to the installed botocore."""
    model = botocore.session.get_session().get_service_model("sagemaker")
    return sorted(model.shape_for("ProductionVariantInstanceType").enum)  # type: ignore[attr-defined]


def build_catalogue(
    prices: Mapping[str, Mapping[str, float]],
    hosting: Sequence[str],
    specifications: Iterable[Mapping[str, Any]],
    gpus: Mapping[str, Mapping[str, Mapping[str, int]]],
    *,
    as_of: date,
    hosting_from: str,
) -> dict[str, Any]:
    """The table. `prices`: US dollars an hour by region and type. `gpus`: `Count` and `TotalGpuMemoryInMiB` by region
    and type. What is no region (a local zone) and prices that are not positive are left out and listed, too."""
    by_name = {f"ml.{each['name']}": each for each in specifications}
    gpu_of = {name: each for region in gpus.values() for name, each in region.items()}
    regions = {region: table for region, table in prices.items() if _REGION.fullmatch(region)}
    types = {}
    for name in hosting:
        usd = {region: regions[region][name] for region in sorted(regions) if regions[region].get(name, 0) > 0}
        types[name] = {**_specification(name, by_name.get(name), gpu_of.get(name)), "usd": usd}
    priced = {name for table in regions.values() for name in table}
    return {
        "as_of": as_of.isoformat(),
        "hosting_from": hosting_from,
        "sources": list(SOURCES),
        "left_out": {
            "cannot host": sorted(priced - set(hosting)),
            "no region": sorted(set(prices) - set(regions)),
            "not positive": sorted(
                f"{r} {n}" for r, table in regions.items() for n, usd in table.items() if not usd > 0
            ),
        },
        "types": types,
    }


def table_text(catalogue: Mapping[str, Any]) -> str:
    """The table as JSON with one line for each type, so that a new one can be compared with the old."""
    head = {key: value for key, value in catalogue.items() if key != "types"}
    lines = [f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in head.items()]
    types = [
        f"{json.dumps(name)}: {json.dumps(entry, separators=(',', ':'))}" for name, entry in catalogue["types"].items()
    ]
    return "{\n" + ",\n".join(lines) + ',\n"types": {\n' + ",\n".join(types) + "\n}}\n"


def _specification(name: str, ec2: Mapping[str, Any] | None, gpu: Mapping[str, int] | None) -> dict[str, Any]:
    family = name.split(".")[1]
    entry: dict[str, Any] = {}
    if ec2:
        entry["vcpus"] = ec2["cpu"]["vcpus"]
        entry["memory_gib"] = _gib(ec2["memory"]["sizeInMiB"])
        entry["architecture"] = "arm64" if "arm64" in ec2["cpu"]["architectures"] else "x86_64"
        entry["gpus"] = ec2.get("gpu", {}).get("count", 0)
        if ec2["properties"]["cpuBurstModel"]:
            entry["burstable"] = True
    if ec2 and "gpu" in ec2:
        entry["gpu_memory_gib"] = _gib(ec2["gpu"]["totalGpuMemoryInMiB"])
    elif gpu:
        entry |= {"gpus": gpu["Count"], "gpu_memory_gib": _gib(gpu["TotalGpuMemoryInMiB"])}
    if family.startswith(_NEURON):
        entry["accelerator"] = "neuron"
    elif family.startswith("dl"):
        entry["accelerator"] = "gaudi"
    elif entry.get("gpus") or re.match(r"[gp]\d", family):
        entry["accelerator"] = "gpu"
    return entry


def _gib(mib: float) -> float:
    gib = round(mib / 1024, 2)
    return int(gib) if gib == int(gib) else gib


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the files, write the table, say what was left out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--prices", type=Path, required=True)
    parser.add_argument("--as-of", type=date.fromisoformat, required=True, help="the date of the prices")
    parser.add_argument("--specifications", type=Path, required=True)
    parser.add_argument("--gpus", type=Path, required=True)
    parser.add_argument("--output", type=Path, default=TABLE)
    options = parser.parse_args(arguments)
    prices, specifications, gpus = (
        json.loads(path.read_text("utf-8")) for path in (options.prices, options.specifications, options.gpus)
    )
    catalogue = build_catalogue(
        prices,
        hosting_types(),
        specifications,
        gpus,
        as_of=options.as_of,
        hosting_from=f"botocore {botocore.__version__}",
    )
    text = table_text(catalogue)
    options.output.write_text(text, "utf-8")
    types = catalogue["types"]
    unpriced = [name for name, entry in types.items() if not entry["usd"]]
    sys.stdout.write(
        f"{len(types)} types, {sum(len(each['usd']) for each in types.values()):,} prices, {len(text):,} B\n"
    )
    for why, names in (*catalogue["left_out"].items(), ("price unknown", unpriced)):
        sys.stdout.write(f"{why} ({len(names)}): {', '.join(names)}\n")


if __name__ == "__main__":
    main()
