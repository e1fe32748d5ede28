"""What is kept of captured rows, and of labelled ones."""

from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest

from tests.unit.quality.builders import answers, classes, labelled, numbers, texts
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sample import RowSample, row_hashes
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import Identities, Table
from trimtab.quality.answers import MOST_FEATURES, answers_of_table, answers_to_keep, kept_features
from trimtab.quality.kept import collected_at, hour_folder, hour_of, labels_prefix, parse_label_key
from trimtab.quality.keyed_rows import are_drawn, decode_rows, encode_rows, keys_of_requests, row_keys
from trimtab.quality.labelled import fewer_rows, join_of_labelled, labelled_of_sample, labelled_rows, usable_rows
from trimtab.quality.performance import realised
from trimtab.quality.settings import QualitySettings

EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
SETTINGS = QualitySettings(segments=("region",))


def table(requests=("a", "b"), counts=(2, 1), score=(0.1, np.nan, 0.9)):
    identities = Identities(requests, np.array([10, 20]), np.array(counts))
    columns = {"region": texts(["n", "s", None]), "age": numbers([1, 2, 3]), "score": numbers(score)}
    return Table(EIGHT, 3, 2, columns, frozenset({"score"}), identities)


def test_answered_rows_are_kept_with_their_score_and_segments():
    rows = answers_of_table(table(), SETTINGS)
    assert rows.keys.tolist() == sorted(row_keys(["a", "b"], [0, 0]).tolist())
    assert sorted(rows.numbers["score"].tolist()) == [0.1, 0.9]
    assert sorted(rows.first.tolist()) == [10, 20]
    assert rows.texts["segment.region"].values == ("n",)


def test_rows_that_nobody_can_name_are_not_kept():
    assert answers_of_table(table(("", "b")), SETTINGS).keys.tolist() == row_keys(["b"], [0]).tolist()
    with pytest.raises(ValueError, match="which requests"):
        answers_of_table(Table(EIGHT, 0, 0, {}), SETTINGS)


def test_features_are_kept_of_regressions_the_most_important_ones():
    inputs = [f"x{number}" for number in range(100)]
    regression = QualitySettings(problem="regression")
    assert kept_features(inputs, SETTINGS, importance={}) == ()
    found = kept_features(inputs, regression, importance={"x99": 1.0}, never={"x0"})
    assert (found[0], found[1], len(found)) == ("x99", "x1", MOST_FEATURES)
    kept = answers_of_table(table(), regression, ("age", "region"))
    assert set(kept.numbers) == {"feature.age", "score"}
    assert set(kept.texts) == {"category.region", "prediction"}


def columns_to_keep(given, *, names=None, ignore=(), redact=()):
    """Of a regression, with the names of a reference if there is one."""
    made = reference_from_sketch(sketch_table(names), source="test", created="2026-03-01") if names else None
    settings = QualitySettings(problem="regression")
    kept = answers_to_keep(given, made, settings, importance={}, ignore=frozenset(ignore), redact=frozenset(redact))
    return set(kept.numbers) | set(kept.texts)


def test_inputs_are_kept_to_estimate_from_save_what_is_ignored_or_redacted():
    answered = {"score", "prediction"}
    assert columns_to_keep(table()) == answered | {"feature.age", "category.region"}
    assert columns_to_keep(table(), ignore={"age"}) == answered | {"category.region"}
    assert columns_to_keep(table(), redact={"age"}) == answered | {"category.region"}


def test_inputs_have_the_names_of_the_reference_and_none_is_kept_if_a_redacted_one_may_be_under_another():
    whole = table()
    names = {"region": "c0", "age": "c1", "score": "prediction"}
    nameless = replace(
        whole,
        columns={names[name]: column for name, column in whole.columns.items()},
        outputs=frozenset({"prediction"}),
    )
    assert columns_to_keep(nameless) == {"score", "prediction", "category.c0", "feature.c1"}
    assert columns_to_keep(nameless, redact={"age"}) == {"score", "prediction"}
    assert columns_to_keep(nameless, names=whole, redact={"age"}) == {"score", "prediction", "category.region"}


def test_keys_of_requests_are_those_of_their_rows():
    found = keys_of_requests(["a", "b"], np.array([2, 3]))
    assert found.tolist() == row_keys(["a", "a", "b", "b", "b"], [0, 1, 0, 1, 2]).tolist()
    assert len(keys_of_requests([], np.zeros(0, np.int64))) == 0


def test_a_share_of_the_requests_is_drawn_whole_and_always_the_same():
    keys = keys_of_requests([str(number) for number in range(2000)], np.full(2000, 3))
    half, tenth = are_drawn(keys, 0.5), are_drawn(keys, 0.1)
    assert half.reshape(-1, 3).all(axis=1).mean() == half.mean() == pytest.approx(0.5, abs=0.05)
    assert half[tenth].all()
    assert are_drawn(keys, 1).all()


def test_labelled_rows_are_read_as_they_were_joined():
    joined = labelled(answers(numbers(np.linspace(0, 1, 40))), {0: "1", 5: "0", 39: "1"})
    again = join_of_labelled(decode_rows(encode_rows(labelled_rows(joined))))
    settings = QualitySettings(positive="1")
    assert realised(again, settings)[0] == realised(joined, settings)[0]
    assert usable_rows(labelled_rows(joined), settings) == 3


def test_fewer_rows_are_whole_requests():
    joined = labelled(
        answers(numbers(np.linspace(0, 1, 40)), rows_per_request=4), classes(np.ones(40)), rows_per_request=4
    )
    rows = fewer_rows(labelled_rows(joined), 10)
    assert len(rows) == 8
    assert fewer_rows(rows, 10) is rows


def test_a_sample_of_training_data_with_labels_is_a_reference():
    truth, score = texts(["yes", "no", None, "yes"]), np.array([0.9, 0.2, 0.5, 0.4])
    sample = RowSample(row_hashes(0, 0, 4), columns={"repaid": truth, "score": score}, outputs=frozenset({"score"}))
    settings = QualitySettings(label="repaid", positive="yes")
    rows = labelled_of_sample(sample, settings)
    performance, _ = realised(join_of_labelled(rows), settings)
    assert (performance.rows, performance.metrics["accuracy"].value) == (3, pytest.approx(2 / 3))
    assert labelled_of_sample(sample, QualitySettings()) is None
    assert labelled_of_sample(RowSample(row_hashes(0, 0, 4), columns={"repaid": truth}), settings) is None


@pytest.mark.parametrize(
    ("key", "found"),
    [
        ("truth/churn/2026/03/02/08/a.jsonl", ("churn", EIGHT)),
        ("churn/2026/03/02/08/a.jsonl.gz", ("churn", EIGHT)),
        ("2026/03/02/08/a.jsonl", ("", EIGHT)),
        ("truth/of my model (copy)/2026/03/02/08/a.jsonl", ("", EIGHT)),
        ("churn/2026/13/02/08/a.jsonl", None),
        ("churn/a.jsonl", None),
    ],
)
def test_the_key_of_ground_truth_tells_folder_and_hour(key, found):
    assert parse_label_key(key) == found


def test_labels_were_collected_within_the_hour_of_their_key():
    begin = int(EIGHT.timestamp())
    assert collected_at(EIGHT, EIGHT.replace(minute=7)) == begin + 420
    assert collected_at(EIGHT, EIGHT.replace(year=2027)) == begin + 3599
    assert collected_at(EIGHT, EIGHT.replace(year=2025)) == begin


def test_a_folder_is_that_of_an_hour():
    assert hour_of(hour_folder(labels_prefix("churn"), EIGHT) + "0a.rows") == EIGHT
    assert hour_of("labels/churn/readme.rows") is None
