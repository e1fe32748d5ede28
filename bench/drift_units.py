"""Whether a planted change of units is named as one, in the right column, and never where there is none."""

from typing import Any

import numpy as np

from bench.drift_plan import UNIT_CHANGE
from bench.drift_replay import THRESHOLDS, Endpoint
from trimtab.capture.profile import profile_table
from trimtab.capture.sample import RowSample, sample_of_table
from trimtab.capture.table import Table
from trimtab.data_quality.faults import find_faults
from trimtab.data_quality.settings import DataQualitySettings
from trimtab.drift.judgement import judge

ROWS, SAMPLED = 1_000, 500
RUNS, QUICK_RUNS = 100, 5
SETTINGS = DataQualitySettings()

type Told = dict[str, Any]


def named_units(source: str, endpoint: Endpoint, random: np.random.Generator, runs: int) -> Told:
    """How many windows with a planted change of units are said to have one in just that column, and how many clean ones
    in any, by their counts and a sample of their rows."""
    kept = sample_of_table(endpoint.kept, 1, 0, SAMPLED)
    right = false = 0
    for _ in range(runs):
        faulty = endpoint.with_fault(UNIT_CHANGE, random)
        clean, wrong = (each.table(ROWS, 0, random) for each in (endpoint, faulty))
        right += _named(endpoint, kept, wrong) == set(faulty.faulty)
        false += bool(_named(endpoint, kept, clean))
    return {"source": source, "runs": runs, "rows": ROWS, "named": right / runs, "false": false / runs}


def _named(endpoint: Endpoint, kept: RowSample, table: Table) -> set[str | None]:
    profile = profile_table(table, endpoint.reference.grid)
    found = judge(endpoint.reference, profile, THRESHOLDS)
    samples = kept, sample_of_table(table, 2, 0, SAMPLED)
    faults = find_faults(endpoint.reference, profile, found, samples, SETTINGS, THRESHOLDS)
    return {fault.column for fault in faults if fault.kind == "unit"}
