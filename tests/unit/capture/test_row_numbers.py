import numpy as np
import pytest

from trimtab.capture.row_numbers import is_running_number, without_index
from trimtab.capture.sketch import EXACT_BINS, merge_sketches, sketch_table
from trimtab.capture.table import NumericColumn, Table
from trimtab.capture.training import training_tables

RNG = np.random.default_rng(0)


def sketch(**columns):
    rows = len(next(iter(columns.values())))
    made = {name: NumericColumn(np.array(values, float)) for name, values in columns.items()}
    return sketch_table(Table(None, rows, rows, made), most_bins=EXACT_BINS)


@pytest.mark.parametrize(
    ("values", "is_one"),
    [
        (RNG.permutation(1000) + 7, True),
        (np.arange(99), False),
        (np.arange(1000) * 2, False),
        (RNG.integers(0, 1000, 1000), False),
        ([*range(999), np.nan], False),
    ],
)
def test_running_numbers_are_told_in_any_order(values, is_one):
    assert is_running_number(sketch(id=values).columns["id"], 1000 if len(values) > 99 else 99) is is_one


INDEX = RNG.permutation(5000)[:1000]
AGAIN = [*range(500), *range(500)]


@pytest.mark.parametrize(
    ("name", "values", "is_index"),
    [
        ("", np.arange(1000), True),
        ("", INDEX, True),
        ("", AGAIN, True),
        ("", [np.nan] * 1000, True),
        ("", INDEX + 0.5, False),
        ("__index_level_0__", AGAIN, True),
        ("Unnamed: 0", INDEX, True),
        ("Unnamed: 0.1", np.arange(1000), True),
        ("Unnamed: 3", AGAIN, False),
        ("Unnamed: 3", INDEX + 0.5, False),
        ("id", np.arange(1000), False),
    ],
)
def test_an_index_is_told_by_its_name_and_whole_numbers(name, values, is_index):
    made = sketch(**{name: values, "x": INDEX})
    assert list(without_index(made).columns) == (["x"] if is_index else [name, "x"])
    assert list(without_index(made, named=(name,)).columns) == [name, "x"]


def test_texts_without_a_title_stay(tmp_path):
    (tmp_path / "a.csv").write_text(",x\nMazda,1\nFiat,2\n")
    with (tmp_path / "a.csv").open("rb") as file:
        made = merge_sketches(sketch_table(table) for table in training_tables(file, "a.csv"))
    assert list(without_index(made).columns) == ["", "x"]
