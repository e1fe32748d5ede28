import dataclasses
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.grid import Grid, numeric_bins
from trimtab.capture.pack import (
    NO_GRID,
    ObjectId,
    ObjectProfile,
    PackError,
    decode_pack,
    encode_pack,
    pack_key,
    parse_pack_key,
    union,
)
from trimtab.capture.profile import add_profiles, profile_table
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table, TextColumn

HOUR = datetime(2026, 11, 20, 8, tzinfo=UTC)
GRID = Grid({"x": numeric_bins(*np.unique(np.arange(100.0), return_counts=True))})


def table(seed, rows=20):
    rng = np.random.default_rng(seed)
    return Table(
        HOUR,
        rows,
        rows,
        {
            "x": NumericColumn(np.round(rng.uniform(-10, 120, rows), 1)),
            "c": TextColumn(rng.integers(-1, 2, rows), ("a", "b")),
        },
        frozenset({"c"}),
    )


def entry(key, seed, modified="2026-11-20T08:01:00+00:00", etag="e", profiled=profile_table):
    profile = profile_table(table(seed), GRID) if profiled is profile_table else sketch_table(table(seed))
    return ObjectProfile(ObjectId("captures", key, modified, etag), profile, records=20, unreadable={"not_json": 1})


objects = st.lists(
    st.builds(
        entry,
        key=st.sampled_from(["k1", "k2", "k3"]),
        seed=st.integers(0, 5),
        modified=st.sampled_from(["2026-11-20T08:01:00+00:00", "2026-11-20T08:02:00+00:00"]),
        etag=st.sampled_from(["e1", "e2"]),
    ),
    max_size=6,
)


@pytest.mark.parametrize("profiled", [profile_table, sketch_table])
def test_a_pack_survives_its_bytes(profiled):
    entries = [entry("k1", 1, profiled=profiled), entry("k2", 2, profiled=profiled)]
    assert encode_pack(decode_pack(encode_pack(entries))) == encode_pack(entries)


def test_a_pack_keeps_the_columns_that_payloads_had():
    columns = frozenset({"x", "c", "not on the grid"})
    assert decode_pack(encode_pack([replace(entry("k1", 1), columns=columns)]))[0].columns == columns


def test_equal_content_gives_equal_bytes_in_any_order():
    entries = [entry(f"k{i}", i) for i in range(5)]
    assert encode_pack(entries) == encode_pack(entries[::-1])


@pytest.mark.parametrize("body", [b"", b"not zlib", b"x\x9c\x03\x00\x00\x00\x00\x01"])
def test_bytes_that_are_no_pack_are_refused(body):
    with pytest.raises(PackError):
        decode_pack(body)


def test_an_unknown_version_is_refused():
    import zlib

    import msgspec

    with pytest.raises(PackError, match="version 2"):
        decode_pack(zlib.compress(msgspec.msgpack.encode({"version": 2, "objects": []})))


def facts(entries):
    return encode_pack(entries)


def without_ties(entries):
    """One content for one version of an object, as S3 has it."""
    seen = {}
    return [seen.setdefault(item.object, item) for item in entries]


@given(objects, objects, objects)
def test_union_is_associative_commutative_and_idempotent(a, b, c):
    entries = without_ties([*a, *b, *c])
    a, b, c = entries[: len(a)], entries[len(a) : len(a) + len(b)], entries[len(a) + len(b) :]
    whole = facts(union([a, b, c]))
    assert facts(union([union([a, b]), c])) == whole
    assert facts(union([a, union([c, b])])) == whole
    assert facts(union([c, a, b, a, c])) == whole


@given(objects)
def test_duplicates_do_not_change_the_counts(entries):
    entries = without_ties(entries)
    once = add_profiles((item.profile for item in union([entries])), GRID)
    twice = add_profiles((item.profile for item in union([entries, entries[::-1]])), GRID)
    assert once.rows == twice.rows
    assert once.columns["x"].counts.tolist() == twice.columns["x"].counts.tolist()


def test_an_overwritten_object_counts_as_it_is_now():
    old = entry("k", 1, modified="2026-11-20T08:01:00+00:00", etag="zzz")
    new = entry("k", 2, modified="2026-11-20T08:05:00+00:00", etag="aaa")
    assert union([[new], [old]]) == [new]


def test_of_two_grids_the_wanted_one_counts():
    counted, sketched = entry("k", 1), entry("k", 1, profiled=sketch_table)
    former = dataclasses.replace(counted, profile=dataclasses.replace(counted.profile, grid="zz"))
    assert union([[counted], [sketched], [former]], GRID.name) == [counted]


def test_the_key_tells_the_pack():
    key = pack_key("churn", "AllTraffic", HOUR, NO_GRID, [entry("k1", 1), entry("k2", 2)])
    assert str(key).startswith("profiles/churn/AllTraffic/2026/11/20/08/none/")
    assert str(key).endswith(".40.pack")
    assert parse_pack_key(str(key)) == key
    assert parse_pack_key("profiles/churn/AllTraffic/readme.txt") is None


def test_a_retried_batch_has_the_same_key():
    entries = [entry("k1", 1), entry("k2", 2)]
    assert pack_key("e", "v", HOUR, "g", entries) == pack_key("e", "v", HOUR, "g", entries[::-1])
    assert pack_key("e", "v", HOUR, "g", entries) != pack_key("e", "v", HOUR, "g", entries[:1])


def test_what_a_manifest_named_is_announced_by_it():
    capture = entry("k1", 1)
    named = dataclasses.replace(capture, manifest="s3://jobs/churn/input/x.json", lost=3)
    assert capture.announced == (capture.object.bucket, "k1")
    assert named.announced == ("jobs", "churn/input/x.json")
    assert [(each.manifest, each.lost) for each in decode_pack(encode_pack([named]))] == [(named.manifest, 3)]


def test_an_object_named_by_two_manifests_counts_once_whichever_comes_first():
    one, other = (dataclasses.replace(entry("k1", 1), manifest=f"s3://jobs/{name}.json") for name in "ab")
    assert union([[one], [other]]) == union([[other], [one]]) == [other]
