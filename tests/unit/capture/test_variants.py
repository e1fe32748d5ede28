from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table
from trimtab.capture.variants import model_variant, production_variant, reference_for, stands_alone

TABLE = Table(datetime(2026, 11, 20, tzinfo=UTC), 3, 3, {"x": NumericColumn(np.arange(3.0))})
GIVEN = reference_from_sketch(sketch_table(TABLE), source="s3://t/t.csv", created="2026")
CAPTURED = replace(GIVEN, source="captures of AllTraffic from … to …")


@pytest.mark.parametrize(
    ("model", "variant"),
    [
        ("", "AllTraffic"),
        ("a", "AllTraffic.a"),
        ("v1.2/m.tar.gz", "AllTraffic.v1.2%2Fm.tar.gz"),
        ("%", "AllTraffic.%25"),
    ],
)
def test_a_models_variant_is_one_folder_and_tells_its_production_variant(model, variant):
    assert model_variant("AllTraffic", model) == variant
    assert "/" not in variant
    assert production_variant(variant) == "AllTraffic"
    assert stands_alone(variant) is bool(model)


@pytest.mark.parametrize("variant", ["AllTraffic", "batch-input", "AllTraffic.a"])
def test_a_variants_own_reference_comes_first(variant):
    assert reference_for(variant, CAPTURED, GIVEN) is CAPTURED
    assert reference_for(variant, None, GIVEN) is GIVEN
    assert reference_for(variant, None, None) is None


def test_a_variant_that_stands_alone_is_not_compared_with_anothers_captures():
    assert reference_for("AllTraffic", None, CAPTURED) is CAPTURED
    assert reference_for("batch-output", None, CAPTURED) is None
    assert reference_for("AllTraffic.a", None, CAPTURED) is None
