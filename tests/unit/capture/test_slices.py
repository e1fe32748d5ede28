import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.slices import count_of, letters_of, lines_of, places_of, taken


@given(st.binary(min_size=1, max_size=200), st.lists(st.integers(0, 199), max_size=12))
def test_slices_are_those_of_python(data, places):
    edges = sorted(place % len(data) for place in places[: len(places) // 2 * 2])
    starts, ends = np.array(edges[::2], np.int64), np.array(edges[1::2], np.int64)
    expected = [data[start:end] for start, end in zip(starts, ends, strict=True)]
    assert taken(letters_of(data), starts, ends).tobytes() == b"".join(expected)


def test_lines_keep_what_stands_between_their_cells():
    data = b'{"a": 1, "b": 22, "c": 3}, {"a": 4, "b": 55, "c": 6}'
    starts, ends = np.array([[6, 23], [33, 50]]), np.array([[7, 24], [34, 51]])
    assert lines_of(letters_of(data), starts, ends) == b"1,3\n4,6\n"
    assert lines_of(letters_of(data), starts[:, 0], ends[:, 0]) == b"1\n4\n"


@pytest.mark.parametrize(("starts", "ends"), [([3, 1], [4, 2]), ([0, 1], [2, 3]), ([2], [1]), ([-1], [1]), ([4], [9])])
def test_slices_out_of_order_are_refused(starts, ends):
    with pytest.raises(ValueError, match="order"):
        taken(letters_of(b"abcde"), np.array(starts), np.array(ends))


def test_places_are_found_in_data_of_any_size():
    data = bytes(300_000) + b"}" + bytes(300_000) + b"\n}"
    assert places_of(letters_of(data), ord("}")).tolist() == [300_000, 600_002]
    assert places_of(letters_of(data), ord("}"), ord("\n")).tolist() == [300_000, 600_001, 600_002]
    assert count_of(letters_of(data), ord("}")) == 2
    assert places_of(letters_of(b""), 0).tolist() == []
