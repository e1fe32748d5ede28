import gzip
import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.faults import Unreadable
from trimtab.capture.lines import Group, groups

LINES = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=40)


def chunked(data, cuts):
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


def read(chunks, **sizes):
    return list(groups(chunks, **({"group_bytes": 40, "line_bytes": 1000} | sizes)))


@given(LINES, st.lists(st.integers(0, 2000)), st.booleans(), st.booleans())
def test_groups_are_the_same_however_the_bytes_are_chunked_or_packed(lines, cuts, is_packed, has_mark):
    plain = b"x" + b"\n".join(lines)
    data = (b"\xef\xbb\xbf" if has_mark else b"") + plain
    data = gzip.compress(data) if is_packed else data
    found = read(chunked(data, cuts))
    assert found == read([plain])
    assert b"".join(group.data for group in found) == plain
    line = 1
    for group in found:
        assert group.first_line == line
        assert len(group.data) < 40 + 31 + 1
        line += group.data.count(b"\n")
    assert all(group.data.endswith(b"\n") for group in found[:-1])


def test_nothing_comes_of_nothing():
    assert read([]) == read([b""]) == read([b"", b""]) == []


@pytest.mark.parametrize("size", [1, 7, 100, 10_000])
def test_an_overlong_line_is_skipped_and_the_rest_is_read(size):
    data = b"a\n" + b"b" * 500 + b"\nc\n" + b"d" * 150 + b"\ne"
    chunks = [data[start : start + size] for start in range(0, len(data), size)]
    found = read(chunks, line_bytes=200)
    assert [group.data for group in found if isinstance(group, Group)] == [b"a\n", b"c\n" + b"d" * 150 + b"\n", b"e"]
    (fault,) = (item for item in found if isinstance(item, Unreadable))
    assert (fault.line, fault.reason) == (2, "line_too_long")
    assert [item.first_line for item in found if isinstance(item, Group)] == [1, 3, 5]


def test_reads_gzip_of_several_members_with_padding():
    packed = gzip.compress(b"a\nb\n") + gzip.compress(b"c\n") + b"\0" * 512
    assert b"".join(group.data for group in read([packed])) == b"a\nb\nc\n"


@pytest.mark.parametrize("size", [1, 64, 10_000_000])
def test_broken_gzip_keeps_what_came_before(size):
    content = b"".join(b"%d\n" % random.Random(1).getrandbits(64) for _ in range(50_000))
    packed = gzip.compress(content)
    for broken in (packed[: len(packed) // 2], packed[:-100] + b"\xff" * 50 + packed[-50:]):
        chunks = [broken[start : start + size] for start in range(0, len(broken), size)]
        *before, fault = read(chunks, group_bytes=100_000)
        assert fault.reason == "bad_gzip"
        data = b"".join(group.data for group in before)
        assert content.startswith(data) or fault.line > 1
        assert fault.line == data.count(b"\n") + 1


def test_a_gzip_bomb_is_read_in_pieces():
    packed = gzip.compress(b"0" * 2**25)
    (fault,) = read([packed], group_bytes=1000, line_bytes=2**20)
    assert fault.reason == "line_too_long"


def test_what_the_source_raises_goes_through():
    def failing():
        yield b"a\n"
        raise OSError("reset")

    with pytest.raises(OSError, match="reset"):
        read(failing())
