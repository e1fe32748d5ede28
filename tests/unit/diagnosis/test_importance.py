import numpy as np
import pytest

from tests.unit.data_quality.builders import generator, sample_of
from tests.unit.drift.builders import numbers, texts
from trimtab.diagnosis.importance import (
    Importance,
    estimate_importance,
    importance_document,
    importance_of_document,
    importance_once,
)


def scored(rows=1_500, seed=0, noise=0.1, answer=None):
    random = generator(seed)
    x = random.normal(size=(rows, 4))
    plan = random.choice(["a", "b"], rows)
    score = 2 * x[:, 0] + x[:, 1] + 1.0 * (plan == "b") + noise * random.normal(size=rows)
    columns = {f"x{place}": numbers(x[:, place]) for place in range(4)} | {"plan": texts(plan.tolist())}
    columns["score"] = numbers(score) if answer is None else answer(score)
    return sample_of(columns, 1, outputs=("score",))


def estimated(sample, ignore=(), most=100):
    return estimate_importance(sample, ignore, most=most)


def test_columns_matter_as_they_do_to_the_answers():
    found = estimated(scored())
    ranked = sorted(found.shares, key=found.shares.__getitem__, reverse=True)
    assert ranked[:3] == ["x0", "x1", "plan"]
    assert found.shares["x0"] == pytest.approx(4 / 5.25, abs=0.1)  # the shares of variance 4 : 1 : 1/4
    assert found.shares["x2"] + found.shares["x3"] < 0.02
    assert sum(found.shares.values()) == pytest.approx(1)
    assert found.explained > 0.8


def test_classes_are_answers_too():
    found = estimated(scored(answer=lambda score: texts(np.where(score > 0, "yes", "no").tolist())))
    assert max(found.shares, key=found.shares.__getitem__) == "x0"


def test_equal_samples_give_equal_importances():
    assert estimated(scored()) == estimated(scored())


def test_of_too_many_columns_those_are_looked_at_that_tell_most_of_the_answers():
    few = estimated(scored(), most=3)
    assert few.shares.keys() == {"x0", "x1", "plan"}
    assert few.compared == (3, 5)
    assert estimated(scored()).compared == (5, 5)


def test_ignored_columns_are_left_out():
    assert "x0" not in estimated(scored(), ignore={"x0"}).shares


@pytest.mark.parametrize(
    ("sample", "why"),
    [
        (scored(rows=200), "200 rows, 300 are needed"),
        (scored(noise=50.0), "too little to tell"),
        (scored(answer=lambda score: numbers(np.full(len(score), 1.0))), "the same"),
        (sample_of({"x": numbers(np.arange(500.0))}, 1), "came out of the model"),
        (sample_of({"x": numbers(np.arange(500.0))}, 1, outputs=("x",)), "went into the model"),
    ],
)
def test_what_cannot_be_known_is_said(sample, why):
    found = estimated(sample)
    assert found.shares == {}
    assert why in found.unknown


@pytest.mark.parametrize(
    "importance", [Importance({"a": 0.7, "b": 0.3}, 0.8, 500, compared=(2, 9)), Importance(unknown="why")]
)
def test_the_document_gives_it_back(importance):
    assert importance_of_document(importance_document(importance)) == importance


def test_what_was_estimated_once_is_taken_as_it_was_kept():
    shelf = {}

    def kept(of, work_out):
        key = str(of)
        shelf[key] = shelf.get(key) or work_out(sample)
        return shelf[key]

    sample = scored()
    first = importance_once(kept, "g1", {"x1", "x0"}, most=100)
    assert first == estimated(sample, {"x0", "x1"})
    sample = None  # nothing is worked out again
    assert importance_once(kept, "g1", ["x0", "x1"], most=100) == first
    sample = scored(seed=1)
    for circumstances in ({"grid": "g2"}, {"ignore": {"x0"}}, {"most": 3}):
        importance_once(kept, **({"grid": "g1", "ignore": {"x0", "x1"}, "most": 100} | circumstances))
    assert len(shelf) == 4


def test_without_a_row_sample_no_importance_is_known():
    assert "no row sample" in importance_once(lambda *_: None, "g1", (), most=100).unknown
