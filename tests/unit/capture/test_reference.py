import json
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trimtab.capture.profile import profile_table
from trimtab.capture.reference import (
    InvalidReferenceError,
    decode_reference,
    encode_reference,
    reference_from_sketch,
)
from trimtab.capture.sketch import merge_sketches, sketch_table
from trimtab.capture.table import NumericColumn, Table, TextColumn
from trimtab.drift.binning import psi_counts
from trimtab.drift.psi import psi

HOUR = datetime(2026, 11, 20, 8, tzinfo=UTC)


def table(outputs=frozenset(), **columns):
    return Table(HOUR, len(next(iter(columns.values()))), 1, columns, outputs)


def numbers(values):
    return NumericColumn(np.asarray(values, np.float64))


def reference_of(made, **how):
    return reference_from_sketch(sketch_table(made), source="s3://b/train.csv", created="2026-11-20T09:00:00Z", **how)


MIXED = table(
    frozenset({"score"}),
    z_first=numbers([1, 2, np.nan, 4, 1e150]),
    plan=TextColumn(np.array([0, 1, -1, 0, 2]), ("gold", "ø \U0001f600", "x")),
    empty=numbers([np.nan] * 5),
    score=numbers([0.1, 0.2, 0.3, 0.4, 0.5]),
)


def test_a_reference_survives_its_document():
    reference = reference_of(MIXED)
    body = encode_reference(reference)
    again = decode_reference(body)
    assert encode_reference(again) == body
    assert again.grid.name == reference.grid.name == again.profile.grid
    assert list(again.grid.columns) == ["z_first", "plan", "empty", "score"]  # the payload's order names columns
    assert (again.outputs, again.source, again.created) == ({"score"}, reference.source, reference.created)
    assert json.loads(body, parse_constant=pytest.fail)["rows"] == 5


def test_what_a_former_version_did_not_write_is_not_there():
    reference = replace(reference_of(MIXED), called_texts=frozenset({"plan"}))
    document = json.loads(encode_reference(reference))
    assert decode_reference(json.dumps(document).encode()).called_texts == {"plan"}
    del document["called_texts"]
    assert decode_reference(json.dumps(document).encode()).called_texts == frozenset()


def test_columns_whose_numbers_are_codes_become_categories():
    codes = table(branch=numbers([67, 67, 68]))
    assert reference_of(codes).grid.columns["branch"].bins == 4
    assert reference_of(codes, categorical=frozenset({"branch"})).grid.columns["branch"].values == ("67", "68")


@pytest.mark.parametrize("sketch", [merge_sketches([]), sketch_table(Table(HOUR, 3, 3, {}))], ids=["rows", "columns"])
def test_nothing_makes_no_reference(sketch):
    with pytest.raises(InvalidReferenceError, match="captures of noon: no rows"):
        reference_from_sketch(sketch, source="captures of noon", created="2026-11-20T09:00:00Z")


def changed(**parts):
    return json.dumps(json.loads(encode_reference(reference_of(MIXED))) | parts).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b"null",
        b"{}",
        changed(version=2),
        changed(grid=[]),
        changed(grid={"x": {"kind": "numeric"}}),
        changed(profile=None),
        changed(profile={"grid": "g", "rows": 1, "columns": {"x": []}}),
        changed(profile={"grid": "g", "rows": 1, "columns": []}),
        changed(outputs=None),
    ],
)
def test_what_is_no_reference_is_refused(body):
    with pytest.raises(InvalidReferenceError, match="reference"):
        decode_reference(body)


DRAWS = {
    "normal": lambda rng, rows: rng.normal(0, 1, rows),
    "far from zero": lambda rng, rows: rng.normal(1e6, 1, rows),
    "lognormal": lambda rng, rows: rng.lognormal(0, 1, rows),
    "uniform": lambda rng, rows: rng.random(rows),
    "zero-inflated": lambda rng, rows: np.where(rng.random(rows) < 0.6, 0, rng.exponential(1, rows)),
    "ages": lambda rng, rows: rng.integers(18, 90, rows).astype(float),
    "few integers": lambda rng, rows: rng.poisson(3, rows).astype(float),
    "many integers": lambda rng, rows: rng.integers(0, 50_000, rows).astype(float),
}
ROWS = 20_000  # more distinct values than a sketch keeps exactly


def exact_psi(reference, current):
    """PSI of the raw data on the reference's own deciles, an edge either side of a value that is several of them; where
    0 is most of all, on 0 and the fifths of the others."""
    if (reference == 0).mean() > 0.5:
        fifths = np.quantile(reference[reference != 0], np.arange(1, 5) / 5, method="lower")
        edges = np.unique([0, np.nextafter(0, 1), *fifths, -np.inf, np.inf])
    else:
        deciles, times = np.unique(np.quantile(reference, np.arange(1, 10) / 10), return_counts=True)
        edges = np.unique([*deciles, *np.nextafter(deciles[times > 1], np.inf), -np.inf, np.inf])
    edges = edges[(edges > reference.min()) | np.isinf(edges)]
    before, after = (np.histogram(values, edges)[0] for values in (reference, current))
    p = (before + 0.5) / (before.sum() + len(before) / 2)
    q = (after + 0.5) / (after.sum() + len(after) / 2)
    return float(((q - p) * np.log(q / p)).sum())


@pytest.mark.parametrize("name", DRAWS)
@settings(max_examples=12, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32), shift=st.floats(0, 1), rows=st.sampled_from([1000, 5000]))
def test_psi_on_a_sketched_reference_is_that_of_the_raw_data(name, seed, shift, rows):
    rng = np.random.default_rng(seed)
    before, after = DRAWS[name](rng, ROWS), DRAWS[name](rng, rows)
    step = shift * before.std()
    after = after + (np.round(step) if "integers" in name or name == "ages" else step)
    halves = [sketch_table(table(x=numbers(half))) for half in np.split(before, 2)]
    reference = reference_from_sketch(merge_sketches(halves), source="test", created="2026-11-20T09:00:00Z")
    current = profile_table(table(x=numbers(after)), reference.grid)
    got = psi(*psi_counts(reference.grid.columns["x"], reference.profile.columns["x"], current.columns["x"]))
    assert got == pytest.approx(exact_psi(before, after), abs=0.005)
