"""Row samples as bytes: in packs, and by themselves beside references."""

import zlib
from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from trimtab.capture.sample import RowSample, SampleColumn
from trimtab.capture.table import TextColumn


class SampleError(ValueError):
    """Bytes that are no row sample of a version this code reads."""


def sample_document(sample: RowSample) -> dict[str, Any]:
    """The sample as a plain document of little-endian bytes, for MessagePack. Equal samples give equal documents."""
    numbers = {name: column for name, column in sample.columns.items() if not isinstance(column, TextColumn)}
    texts = {name: column for name, column in sample.columns.items() if isinstance(column, TextColumn)}
    return {
        "cut": sample.cut,
        "hashes": sample.hashes.astype("<u8").tobytes(),
        "numbers": {name: values.astype("<f8").tobytes() for name, values in numbers.items()},
        "texts": {name: [column.codes.astype("<i4").tobytes(), column.values] for name, column in texts.items()},
        "outputs": sorted(sample.outputs),
    }


def sample_from_document(document: Mapping[str, Any]) -> RowSample:
    """The inverse of `sample_document`."""
    columns: dict[str, SampleColumn] = {
        name: np.frombuffer(body, "<f8").astype(np.float64) for name, body in document["numbers"].items()
    }
    for name, (codes, values) in document["texts"].items():
        columns[name] = TextColumn(np.frombuffer(codes, "<i4").astype(np.int64), tuple(values))
    return RowSample(
        hashes=np.frombuffer(document["hashes"], "<u8").astype(np.uint64),
        cut=document["cut"],
        columns=dict(sorted(columns.items())),
        outputs=frozenset(document["outputs"]),
    )


def encode_sample(sample: RowSample) -> bytes:
    """A sample by itself: zlib over MessagePack. Equal samples give equal bytes."""
    return zlib.compress(msgspec.msgpack.encode({"version": 1, **sample_document(sample)}), level=6)


def decode_sample(body: bytes) -> RowSample:
    """The inverse of `encode_sample`. Raises SampleError when the bytes are no sample."""
    try:
        document = msgspec.msgpack.decode(zlib.decompress(body))
        if document["version"] != 1:
            raise SampleError(f"row sample version {document['version']} is not known here")
        return sample_from_document(document)
    except (zlib.error, msgspec.DecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, SampleError):
            raise
        raise SampleError(f"not a row sample: {error!r}") from error
