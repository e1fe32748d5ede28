"""A variant's packs are its own and those of its models."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from trimtab.aws import state_bucket
from trimtab.aws.variant_packs import list_packs, read_objects
from trimtab.capture.pack import NO_GRID, ObjectId, ObjectProfile, pack_key
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table
from trimtab.capture.variants import model_variant

pytestmark = pytest.mark.usefixtures("aws")
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def entry(name, rows=1, etag="e"):
    made = Table(NOON, rows, rows, {"x": NumericColumn(np.ones(rows))})
    return ObjectProfile(ObjectId("captures", name, "2026-11-23T12:00:00+00:00", etag), sketch_table(made), rows)


def write(variant, *entries, hour=NOON):
    key = pack_key("churn", variant, hour, NO_GRID, entries)
    state_bucket.write_pack("state", key, entries)
    return key


def test_packs_of_models_are_their_variants_and_others_are_not():
    own = [write("blue", entry("1")), write(model_variant("blue", "m"), entry("2")), write("blue", entry("3"))]
    write("blue-green", entry("4"))
    write("blue", entry("5"), hour=NOON - HOUR)
    write("blue", entry("6"), hour=NOON + HOUR)
    listed = list_packs("state", "churn", "blue", NOON, NOON + HOUR)
    assert {key for key, _ in listed} == set(own)
    assert all(moment.tzinfo for _, moment in listed)


def test_an_object_counts_once_for_each_model():
    keys = [
        write("blue", entry("1", 2)),
        write("blue", entry("1", 2), entry("2", 3)),
        write(model_variant("blue", "m"), entry("1", 4)),
    ]
    read = read_objects("state", keys, NO_GRID)
    assert sorted((each.object.key, each.profile.rows) for each in read) == [("1", 2), ("1", 4), ("2", 3)]
    assert read_objects("state", [], NO_GRID) == []
