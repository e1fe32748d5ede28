"""From the bytes of a request to those of its answer: what the container serves and the evaluation tries out."""

import csv
import math

import numpy as np

from model.data import COLUMNS
from model.logistic import predict

GREATEST = 1e100


class BadRequestError(ValueError):
    """The caller's mistake, to be answered with status 400."""


def answer(model, body):
    """One probability a line for lines of comma-separated inputs; an empty cell is a missing value."""
    try:
        lines = [line for line in csv.reader(body.decode("utf-8").splitlines()) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise BadRequestError(f"no CSV: {error}") from error
    if not lines:
        raise BadRequestError("no rows")
    inputs = np.array([_row(number, line) for number, line in enumerate(lines, 1)])
    return "".join(f"{value:.6g}\n" for value in predict(model, inputs)).encode()


def _row(number, cells):
    if len(cells) != len(COLUMNS):
        raise BadRequestError(f"line {number}: {len(cells)} values, {len(COLUMNS)} are expected")
    try:
        row = [float(cell) if cell.strip() else math.nan for cell in cells]
    except ValueError as error:
        raise BadRequestError(f"line {number}: {error}") from error
    if any(abs(value) > GREATEST for value in row):
        raise BadRequestError(f"line {number}: a value is too great")
    return row
