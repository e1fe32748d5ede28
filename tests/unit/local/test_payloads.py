import csv
import io
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.payloads import Cell, Form, PayloadError, cells, decode, encode, form_of

COLUMNS = ("a", "b, c")
TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
VALUES = st.one_of(st.none(), TEXTS, st.integers(-(10**9), 10**9), st.floats(allow_nan=False, allow_infinity=False))
ROWS = st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=5)


@given(rows=ROWS, form=st.sampled_from(["JSON", "JSONLINES"]))
def test_json_comes_back_as_it_went(rows: list[tuple[Cell, ...]], form: Form) -> None:
    assert decode(encode(rows, COLUMNS, form), COLUMNS, form) == [list(row) for row in rows]


@given(rows=ROWS)
def test_csv_comes_back_as_text(rows: list[tuple[Cell, ...]]) -> None:
    body = encode(rows, COLUMNS, "CSV")
    assert decode(b'a,"b, c"\n' + body, COLUMNS, "CSV") == [
        [None if cell is None else str(cell) for cell in row] for row in rows
    ]
    assert len(list(csv.reader(io.StringIO(body.decode())))) == len(rows)
    assert not body.endswith(b"\n")


def test_bodies_look_as_endpoints_expect_them() -> None:
    rows = [(1.5, "x"), (None, "y, z")]
    assert encode(rows, COLUMNS, "CSV") == b'1.5,x\n,"y, z"'
    assert json.loads(encode(rows, COLUMNS, "JSON")) == {
        "instances": [{"a": 1.5, "b, c": "x"}, {"a": None, "b, c": "y, z"}]
    }
    assert encode(rows[:1], ("a", "b"), "JSONLINES") == b'{"a":1.5,"b":"x"}'
    assert encode([(1,)], ("p",), "JSON", "predictions") == b'{"predictions":[{"p":1}]}'


@pytest.mark.parametrize(
    "body", ['{"instances":[[1,2]]}', '{"instances":[{"a":1,"b, c":2}]}', "[[1,2]]", "[1,2]", '{"a":1,"b, c":2}']
)
def test_reads_the_usual_spellings_of_a_json_row(body: str) -> None:
    assert decode(body.encode(), COLUMNS, "JSON") == [[1, 2]]


@pytest.mark.parametrize(
    ("body", "form", "message"),
    [
        (b"1,2,3", "CSV", "row 0 has 3 cells, expected 2"),
        (b"", "CSV", "no rows"),
        (b"\xff", "CSV", "not a CSV body"),
        (b"{", "JSON", "not a JSON body"),
        (b"5", "JSON", "no list of cells"),
        (b"[]", "JSON", "row 0 has 0 cells"),
        (b"{}\nx", "JSONLINES", "not a JSONLINES body"),
    ],
)
def test_refuses_a_bad_body_with_the_reason(body: bytes, form: Form, message: str) -> None:
    with pytest.raises(PayloadError, match=message):
        decode(body, COLUMNS, form)


def test_cells_are_python_values_with_none_for_missing() -> None:
    rows = pd.DataFrame({"f": [1.5, float("nan")], "t": ["x", None], "b": [True, False], "i": [1, 2]})
    assert cells(rows, ["i", "f", "t", "b"]) == [(1, 1.5, "x", True), (2, None, None, False)]
    assert cells(rows, []) == [(), ()]


def test_content_type_names_the_form_whatever_its_parameters() -> None:
    assert form_of("Text/CSV; charset=utf-8") == "CSV"
    with pytest.raises(PayloadError, match="image/png"):
        form_of("image/png")
