"""Rows of customers and whether they left: made up here, where your own query stands.

`python -m model.data DIR` writes train.csv, holdout.csv and newest.csv, the label last.
"""

import csv
import sys
from pathlib import Path

import numpy as np

COLUMNS = ("age", "tenure", "calls", "spend")
LABEL = "left"
ROWS = {"train": 6000, "holdout": 3000, "newest": 3000}


def read_rows(path):
    """The inputs as numbers, a row each, and the labels."""
    with Path(path).open(newline="") as file:
        rows = list(csv.DictReader(file))
    inputs = np.array([[float(row[name]) for name in COLUMNS] for row in rows])
    return inputs, np.array([int(row[LABEL]) for row in rows])


def write_rows(path, rows, random):
    """So many customers."""
    age, tenure = random.uniform(18, 80, rows), random.gamma(2, 12, rows)
    calls, spend = random.poisson(3, rows), random.lognormal(3.5, 0.4, rows)
    score = 1.5 * (calls - 4) - 0.15 * (tenure - 20) - 0.02 * (age - 45) + 0.05 * (spend - 35)
    left = score + random.normal(0, 0.5, rows) > 0
    with Path(path).open("w", newline="") as file:
        lines = csv.writer(file)
        lines.writerow((*COLUMNS, LABEL))
        for each in zip(age.round(1), tenure.round(2), calls, spend.round(2), left.astype(int), strict=True):
            lines.writerow([value.item() for value in each])


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (name, rows) in enumerate(ROWS.items()):
        write_rows(folder / f"{name}.csv", rows, np.random.default_rng(seed))
