import io

import pytest

from trimtab.capture import csv_faults
from trimtab.capture.csv_faults import first_odd_row, other_separator


def odd(body, cells=2):
    return first_odd_row(io.BytesIO(body), cells)


def test_the_first_odd_row_is_told_with_the_line_in_which_it_begins():
    assert odd(b"a,b\n1,2\n") is None
    assert odd(b"a,b\n\n1,2\n3\n4\n") == "line 4: Expected 2 columns, got 1"
    assert odd(b'\xef\xbb\xbf"a",b\r\n"1\r\n\r\n",2\r\n"3\r\n4"\r\n') == "line 5: Expected 2 columns, got 1"
    assert odd(b"a,b\n1,\xe4\n3\n") == "line 2: not UTF-8"
    assert odd(b"a,b\r1,2\r3\r") == "line 3: Expected 2 columns, got 1"


def test_what_cannot_be_told_is_not_told(monkeypatch):
    assert odd(b'a,b\n1,"2\n' + b"3,4\n" * 50_000) is None  # quotes that do not end
    monkeypatch.setattr(csv_faults, "_LONGEST_LINE", 10)
    assert odd(b"a,b\n" + b"1," * 20) is None


@pytest.mark.parametrize(
    ("header", "first", "separator"),
    [
        (["a;b;c"], ["1;2;3"], ";"),
        (["a;b;c"], ["1", "5;2", "5;3"], ";"),
        (["a\tb"], ["1\t2"], "\t"),
        (["a|b"], ["1|2"], "|"),
        (["a;b"], ["1"], None),
        (["a;b"], [], None),
        (["a"], ["1;2"], None),
        (["a;b", "c"], ["1;2", "3"], None),
    ],
)
def test_other_separators_are_told_by_a_header_of_one_cell_and_a_row_like_it(header, first, separator):
    assert other_separator(header, first) == separator
