"""Every real capture there is: read whole, or with reasons a person agrees with."""

import numpy as np
import pytest

from trimtab.capture.decode import Unreadable, decode
from trimtab.capture.layout import Layout
from trimtab.capture.table import NumericColumn, Table

TEMPLATES = {"capture.jsonl"}  # inferenceTime is literally {%s}
LABELS = {"actuals.jsonl", "idea.gt.jsonl", "ase_test_gt_batch.gt.jsonl"}


def read(path):
    found = list(decode([path.read_bytes()], Layout()))
    return [item for item in found if isinstance(item, Table)], [item for item in found if isinstance(item, Unreadable)]


def test_every_file_is_read_or_says_why(shared):
    paths = sorted((shared / "data/capture").rglob("*.jsonl"))
    assert len(paths) >= 17
    for path in paths:
        records = len(path.read_bytes().splitlines())
        tables, unreadable = read(path)
        reasons = {item.reason for item in unreadable}
        if path.name in TEMPLATES | LABELS:
            assert reasons == ({"bad_time"} if path.name in TEMPLATES else {"ground_truth"})
            assert len(unreadable) == records
        else:
            assert reasons == set(), path
            assert sum(table.records for table in tables) == records


def test_real_csv_is_all_numbers(shared):
    tables, _ = read(shared / "data/capture/idea.capture.jsonl")
    assert {len(table.columns) for table in tables} == {60, 65}
    assert all(isinstance(column, NumericColumn) for table in tables for column in table.columns.values())
    assert tables[0].columns["prediction"].values.tolist() == pytest.approx([0.1255551427602768])


def test_real_json_lines_have_their_rows(shared):
    tables, _ = read(shared / "data/capture/ase.capture.jsonl")
    (lines,) = (table for table in tables if table.hour.year == 2023)
    assert (lines.records, lines.rows) == (4, 6)
    assert lines.outputs == {"predicted_label", "score"}
    assert lines.columns["c0"].values[0] == 28
    assert sum(table.rows for table in tables) == 42


def test_real_images_are_measured(shared):
    for path in (shared / "data/capture/scones-john0isaac").iterdir():
        for table in read(path)[0]:
            assert set(table.columns["input.width"].values) == {32}
            np.testing.assert_allclose(
                table.columns["prediction_0"].values + table.columns["prediction_1"].values, 1, rtol=1e-6
            )
