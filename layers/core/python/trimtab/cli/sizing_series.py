"""An endpoint's minutes from a CSV file, for sizing it."""

from datetime import timedelta
from math import isfinite, nan
from typing import Any

import numpy as np

from trimtab.cli.minute_table import EPOCH, MINUTE, Row, read_minute_table
from trimtab.cli.options import InputError
from trimtab.cost.catalogue import InstanceType
from trimtab.sizing.observations import Observations

FIELDS = {
    "invocations": "invocations",
    "latency_ms_avg": "latency_ms",
    "latency_ms_p95": "latency_p95_ms",
    "cpu_percent": "cpu_percent",
    "memory_percent": "memory_percent",
}
OPTIONAL = {"gpu_percent": "gpu_percent", "gpu_memory_percent": "gpu_memory_percent", "concurrency": "concurrency"}
NEEDED = ("minute", *FIELDS)
MOST_DAYS = 60
_MONDAY = EPOCH + timedelta(days=4)
_ROUNDING = 1.1  # CloudWatch at times tells a little more than there is


def read_sizing_series(path: str, instance_type: InstanceType) -> Observations:
    """The minutes in a file with the columns `NEEDED` and any of `OPTIONAL`; others are ignored.

    An empty cell, and a minute that is not there, is unknown. Minute number 0 is a Monday, 00:00 UTC. Utilisation is
    CloudWatch's: `cpu_percent` is a sum over cores, and the GPU's a sum over GPUs, each the mean over instances.
    Raises InputError naming the file and the line.
    """
    rows = read_minute_table(path, NEEDED, zero=_MONDAY)
    start, last = rows[0], rows[-1]
    if last.at - start.at > timedelta(days=MOST_DAYS):
        raise InputError(f"{last.where}: more than {MOST_DAYS} days after {start.where}")
    places = np.array([(row.at - start.at) // MINUTE for row in rows])
    series: dict[str, Any] = {}
    for column, name in {**FIELDS, **OPTIONAL}.items():
        if column in start.cells:
            values = np.full(int(places[-1]) + 1, np.nan)
            values[places] = [_number(row, column, _most(column, instance_type)) for row in rows]
            if column == "invocations" or np.isfinite(values).any():
                series[name] = values
    return Observations(start=start.at, **series)


def _most(column: str, instance_type: InstanceType) -> float:
    """The greatest value that a column can have."""
    parts = {
        "cpu_percent": instance_type.vcpus,
        "memory_percent": 1,
        "gpu_percent": instance_type.gpus,
        "gpu_memory_percent": instance_type.gpus,
    }.get(column)
    return 100.0 * parts if parts else 1e15


def _number(row: Row, column: str, most: float) -> float:
    text = row.cells[column]
    if not text:
        return nan
    try:
        number = float(text)
    except ValueError:
        number = nan
    if not isfinite(number) or number < 0:
        raise InputError(f"{row.where}: {column} is {text!r}, no number from 0 on")
    if number > most * _ROUNDING:
        raise InputError(f"{row.where}: {column} is {text}, and more than {most:,.0f} cannot be")
    return number
