import dataclasses
import zlib
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
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
    trim_samples,
    union,
)
from trimtab.capture.profile import add_profiles, profile_table
from trimtab.capture.sample import sample_of_table, seed_of
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


@pytest.mark.parametrize("profiled", [lambda each: profile_table(each, GRID), sketch_table])
def test_a_pack_knows_how_alike_rows_of_a_request_are_and_says_nothing_where_each_has_one(profiled):
    alone, many = table(1), replace(table(1), records=4, counts=np.full(4, 5))
    alone, many = (replace(entry("k1", 1), profile=profiled(each)) for each in (alone, many))
    assert all(column.by_request for column in many.profile.columns.values())
    assert {
        name: column.by_request for name, column in decode_pack(encode_pack([many]))[0].profile.columns.items()
    } == {name: column.by_request for name, column in many.profile.columns.items()}
    assert b"by_request" in zlib.decompress(encode_pack([many]))
    assert b"by_request" not in zlib.decompress(encode_pack([alone]))
    assert decode_pack(encode_pack([alone]))[0].profile.columns["x"].by_request is None


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


def test_of_two_readings_of_one_version_the_one_that_lost_least_counts_whichever_comes_first():
    partly, wholly = entry("k", 1), replace(entry("k", 2), unreadable={})
    lost = replace(entry("k", 3), unreadable={}, lost=1)
    assert union([[wholly], [lost], [partly]]) == union([[partly], [lost], [wholly]]) == [wholly]
    more = replace(wholly, profile=profile_table(table(2, rows=40), GRID))
    assert union([[more], [wholly]]) == union([[wholly], [more]]) == [more]


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


def sampled(key, seed, rows=20, most=20, **version):
    sample = sample_of_table(table(seed, rows), seed_of(key), 0, most)
    return dataclasses.replace(entry(key, seed, **version), sample=sample)


def sampled_rows(entries):
    return sum(each.sample.rows for each in entries if each.sample)


def test_a_pack_keeps_the_samples_and_those_without_any_stay_so():
    entries = [sampled("k1", 1), entry("k2", 2), sampled("k3", 3, most=5)]
    read = decode_pack(encode_pack(entries))
    assert encode_pack(read) == encode_pack(entries)
    assert [each.sample and each.sample.rows for each in read] == [20, None, 5]


def test_a_pack_from_before_samples_is_read():
    import zlib

    import msgspec

    document = msgspec.msgpack.decode(zlib.decompress(encode_pack([entry("k1", 1)])))
    assert "sample" not in document["objects"][0]
    assert decode_pack(zlib.compress(msgspec.msgpack.encode(document)))[0].sample is None


OBJECTS = [sampled(f"k{i}", i, rows=(i * 7) % 20 + 1) for i in range(8)]


@given(
    st.lists(st.lists(st.sampled_from(range(8)), max_size=8), max_size=5),
    st.integers(1, 60),
    st.integers(0, 10),
)
@settings(deadline=None)
def test_however_objects_were_packed_and_repeated_the_trimmed_samples_are_the_same(packs, most, more):
    packs = [*packs, range(8)] if not packs else [*packs, sorted(set(range(8)) - {i for pack in packs for i in pack})]
    trimmed = [trim_samples(union([[OBJECTS[i] for i in pack]]), most + more) for pack in packs]
    again = trim_samples(union(trimmed), most)
    assert encode_pack(again) == encode_pack(trim_samples(OBJECTS, most))
    assert sampled_rows(again) == min(most, sampled_rows(OBJECTS))
    assert encode_pack(trim_samples(union([again, *trimmed]), most)) == encode_pack(again)


def test_of_one_object_in_two_packs_the_larger_sample_is_kept():
    small, large = sampled("k1", 1, most=5), sampled("k1", 1)
    assert union([[small], [large]]) == union([[large], [small]]) == [large]
    assert union([[entry("k1", 1)], [small]]) == [small]


def test_samples_of_no_rows_are_no_samples():
    assert [each.sample for each in trim_samples([sampled("k1", 1), entry("k2", 2)], 0)] == [None, None]
    assert trim_samples([], 5) == []
