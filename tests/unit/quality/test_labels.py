"""Labels that come late, again, out of order, several per request, or not at all."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.quality.builders import HOUR, answers, labelled, numbers, texts
from trimtab.capture.ground_truth import Label, labels
from trimtab.capture.table import NumericColumn
from trimtab.quality.keyed_rows import encode_rows, keyed_rows, row_keys, union
from trimtab.quality.labels import LABEL, Roles, answers_of, join, labels_of, numbers_of, roles_of
from trimtab.quality.settings import QualitySettings

TEN = answers(texts([str(row % 2) for row in range(10)]), rows_per_request=2)


def label(event_id, index, value):
    return Label(event_id, index, {"label": value})


def truths(joined):
    return [None if code < 0 else joined.truth.values[code] for code in joined.truth.codes.tolist()]


labels_in_files = st.lists(
    st.tuples(
        st.lists(
            st.builds(
                label, st.sampled_from([f"r{i}" for i in range(7)]), st.integers(0, 1), st.sampled_from([0.0, 1.0])
            ),
            max_size=5,
        ),
        st.integers(0, 5),
    ),
    max_size=5,
)


@given(labels_in_files, st.randoms(use_true_random=False))
def test_the_order_in_which_labels_come_does_not_matter(files, random):
    parts = [labels_of(each, moment) for each, moment in files]
    shuffled = [*parts, *parts[:2]]
    random.shuffle(shuffled)
    one, other = join(TEN, union(parts)), join(TEN, union(shuffled))
    assert truths(one) == truths(other)
    assert encode_rows(one.rows) == encode_rows(other.rows)
    assert (one.unmatched, one.empty, one.delays.tolist()) == (other.unmatched, other.empty, other.delays.tolist())


@given(labels_in_files)
def test_every_label_is_used_empty_or_unmatched(files):
    merged = union(labels_of(each, moment) for each, moment in files)
    joined = join(TEN, merged)
    assert len(joined.rows) + joined.empty + joined.unmatched == len(merged)
    assert int(joined.is_labelled.sum()) == len(joined.rows) <= len(joined.answered)


def test_each_row_of_a_request_gets_its_own_label():
    joined = join(TEN, labels_of([label("r1", 1, 1.0), label("r1", 0, 0.0), label("r3", 0, "1")], 5 * HOUR))
    assert sorted(truths(joined)) == ["0", "1", "1"]
    assert sorted(np.bincount(joined.requests).tolist()) == [1, 2]


def test_a_label_that_is_mended_counts_as_mended_and_took_as_long_as_the_first():
    first, mended = labels_of([label("r1", 0, 0.0)], 2 * HOUR), labels_of([label("r1", 0, 1.0)], 9 * HOUR)
    joined = join(answers(texts(["0", "0"]), moment=0), union([mended, first]))
    assert truths(joined) == ["1"]
    assert joined.delays.tolist() == [2 - 1 / HOUR]


def test_a_record_without_the_label_is_empty():
    several = [Label("r0", 0, {"a": 1.0, "b": 2.0}), Label("r1", 0, {"a": None, "b": 1.0})]
    assert join(TEN, labels_of(several, 0)).empty == 2
    joined = join(TEN, labels_of(several, 0, name="a"))
    assert (truths(joined), joined.empty) == (["1"], 1)


def test_classes_are_alike_however_they_are_written():
    written = [label("r0", 0, 1.0), label("r1", 0, "1"), label("r2", 0, " 1.0 "), label("r3", 0, "True")]
    assert sorted(truths(join(TEN, labels_of(written, 0)))) == ["1", "1", "1", "true"]


def test_numbers_come_back_from_texts():
    values = np.array([0.1, 1 / 3, -2e-9, np.nan, 1e20, 3.0])
    kept = answers(NumericColumn(values))
    back = numbers_of(kept.texts["prediction"])
    assert sorted(back[np.isfinite(back)]) == sorted(values[np.isfinite(values)])


def test_roles_by_name_and_by_setting():
    settings = QualitySettings()
    assert roles_of(["prediction"], settings) == Roles("prediction", "prediction")
    assert roles_of(["score", "predicted_label"], settings) == Roles("predicted_label", "score")
    assert roles_of(["output.label", "probability"], settings) == Roles("output.label", "probability")
    assert roles_of(["a", "b"], settings) == Roles(None, None)
    assert roles_of(["a", "b"], QualitySettings(prediction="b", score="a")) == Roles("b", "a")


def test_a_column_that_is_not_there_is_missing():
    kept = answers_of(row_keys(["a"], [0]), 0, {"x": numbers([1.0])}, Roles("y", "z"), segments=["s"], features=["x"])
    assert not kept.texts
    assert list(kept.numbers) == ["feature.x"]


def test_answers_and_labels_of_nothing_join_to_nothing():
    nothing = keyed_rows(row_keys((), ()), 0)
    assert len(join(nothing, nothing).rows) == 0
    assert len(join(TEN, nothing).rows) == 0
    assert join(nothing, labels_of([label("a", 0, 1.0)], 0)).unmatched == 1


def test_real_ground_truth_joins_by_its_ids(shared):
    with (shared / "data" / "capture" / "ase_test_gt_batch.gt.jsonl").open("rb") as file:
        read = [each for each in labels(iter(lambda: file.read(4096), b"")) if isinstance(each, Label)]
    assert len(read) == 334
    keys = row_keys((each.event_id for each in read), (each.index for each in read))
    given = answers_of(keys, 0, {"prediction": texts(["0"] * len(read))}, Roles("prediction", None))
    joined = join(given, union([labels_of(read[:200], HOUR), labels_of(read[100:], 2 * HOUR)]))
    assert (len(joined.rows), joined.unmatched, joined.empty) == (334, 0, 0)
    assert set(joined.truth.values) == {"0", "1"}
    assert set(joined.delays.tolist()) == {1.0, 2.0}


def test_the_builders_join():
    assert truths(labelled(TEN, {3: "1", 4: "0"}, rows_per_request=2)) != []
    assert labelled(TEN, ["1"] * 10, rows_per_request=2).rows.texts.keys() == {"prediction"}
    assert LABEL == "label"
