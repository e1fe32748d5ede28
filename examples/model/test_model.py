"""The tests of the example model: `python -m pytest model`."""

import numpy as np
import pytest

from model.inference import BadRequestError, answer
from model.logistic import fit, predict

ROWS = np.random.default_rng(0).normal(size=(500, 4))
MODEL = fit(ROWS, (ROWS[:, 0] > 0).astype(int))


def test_learns_what_is_to_be_learnt():
    assert ((predict(MODEL, ROWS) > 0.5) == (ROWS[:, 0] > 0)).mean() > 0.95


def test_answers_a_probability_a_line():
    assert len(answer(MODEL, b"1,2,3,4\n5,,7,8\n").split()) == 2


@pytest.mark.parametrize("body", [b"", b"1,2", b"a,b,c,d", b"\xff", b"1e999,0,0,0"])
def test_refuses_what_is_no_row(body):
    with pytest.raises(BadRequestError):
        answer(MODEL, body)
