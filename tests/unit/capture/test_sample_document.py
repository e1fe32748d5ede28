import zlib

import msgspec
import numpy as np
import pytest

from trimtab.capture.sample import ALL, RowSample
from trimtab.capture.sample_document import SampleError, decode_sample, encode_sample
from trimtab.capture.table import TextColumn

SAMPLE = RowSample(
    hashes=np.array([3, 2**63, ALL], np.uint64),
    cut=ALL,
    columns={"c": TextColumn(np.array([1, -1, 0]), ("a", "b")), "x": np.array([0.5, np.nan, -2.0])},
    outputs=frozenset({"x"}),
)


def test_a_sample_survives_its_bytes():
    read = decode_sample(encode_sample(SAMPLE))
    assert read.hashes.tolist() == SAMPLE.hashes.tolist()
    assert (read.cut, read.outputs, list(read.columns)) == (ALL, SAMPLE.outputs, ["c", "x"])
    np.testing.assert_array_equal(read.columns["x"], SAMPLE.columns["x"])
    assert read.columns["c"].codes.tolist() == [1, -1, 0]
    assert read.columns["c"].values == ("a", "b")
    read.hashes[0] = 1  # what was read may be worked with
    assert encode_sample(decode_sample(encode_sample(SAMPLE))) == encode_sample(SAMPLE)


def test_a_sample_of_no_rows_survives_too():
    assert decode_sample(encode_sample(RowSample(cut=7))).cut == 7


@pytest.mark.parametrize(
    "body", [b"", b"no zlib", zlib.compress(b"no msgpack"), zlib.compress(msgspec.msgpack.encode({}))]
)
def test_bytes_that_are_no_sample_are_refused(body):
    with pytest.raises(SampleError, match="not a row sample"):
        decode_sample(body)


def test_an_unknown_version_is_refused():
    with pytest.raises(SampleError, match="version 2"):
        decode_sample(zlib.compress(msgspec.msgpack.encode({"version": 2})))
