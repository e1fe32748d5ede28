"""Rows of the named tensors that Triton and other servers of the Open Inference Protocol take and give."""

import pytest

from trimtab.capture.tensors import rows_of_tensors


def tensor(name, shape, data):
    return {"name": name, "shape": shape, "datatype": "FP32", "data": data}


@pytest.mark.parametrize("data", [[1, 2, 3, 4], [[1, 2], [3, 4]]])
def test_a_position_along_the_first_axis_is_a_row(data):
    rows = rows_of_tensors([tensor("x", [2, 2], data), tensor("plan", [2], ["a", None])])
    assert rows == [(("x.0", "x.1", "plan"), [1, 2, "a"]), (("x.0", "x.1", "plan"), [3, 4, None])]


def test_of_a_long_tensor_size_and_norm_are_measured():
    rows = rows_of_tensors([tensor("x", [1, 2, 1000], [3, 4, None, "a", float("inf"), 10**400] + [0] * 1994)])
    assert rows == [(("x.dimensions", "x.norm"), [2000, 5])]


@pytest.mark.parametrize(
    "items",
    [
        [],
        [{"name": "x", "data": [1]}],
        [tensor("x", [2, 2], [1, 2, 3])],
        [tensor("x", [1], [1]), tensor("y", [2], [1, 2])],
        [tensor("x", [1], [1]), tensor("x", [1], [2])],
        *([tensor("x", shape, [1])] for shape in ([], [0], [-1], ["1"], [True], [1.0], 1, [10**400], None)),
    ],
)
def test_what_is_no_whole_set_of_tensors_has_no_rows(items):
    assert rows_of_tensors(items) is None
