"""References, windows and row samples from plain columns, as the capture side makes them."""

from collections.abc import Mapping

import numpy as np

from tests.unit.drift.builders import HOUR, reference_of, window_of
from trimtab.capture.sample import RowSample, sample_of_table
from trimtab.capture.table import Column, Table
from trimtab.data_quality.fault import DataFault
from trimtab.data_quality.faults import faulty_columns, find_faults
from trimtab.data_quality.settings import DataQualitySettings
from trimtab.drift.assessment import Assessment, assess
from trimtab.drift.thresholds import DriftThresholds


def sample_of(columns: Mapping[str, Column], seed: int, most: int = 2000, outputs: tuple[str, ...] = ()) -> RowSample:
    table = Table(HOUR, len(next(iter(columns.values()))), 1, dict(columns), frozenset(outputs))
    return sample_of_table(table, seed, 0, most)


def judged(
    before: Mapping[str, Column], after: Mapping[str, Column], *, sampled: bool = True, **settings: object
) -> tuple[tuple[DataFault, ...], tuple[str, ...], Assessment]:
    """The faults of a window, the columns they explain, and its assessment."""
    thresholds, reference = DriftThresholds(), reference_of(before)
    window = window_of(after, reference)
    assessment = assess(reference, window, thresholds)
    samples = (sample_of(before, 1), sample_of(after, 2, 1000)) if sampled else (None, None)
    faults = find_faults(reference, window, assessment, samples, DataQualitySettings(**settings), thresholds)
    return faults, faulty_columns(faults, assessment), assessment


def generator(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)
