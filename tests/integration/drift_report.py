"""Makes a report of invented rows with the built function, run by the Lambda runtime's Python and nothing else around.

Arguments: rows on each side, and the file to write the page to. Prints what it took and what came out, as JSON.
"""

import json
import os
import resource
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

os.environ |= {"POWERTOOLS_TRACE_DISABLED": "true", "POWERTOOLS_SERVICE_NAME": "report_drift"}
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Trimtab")

import app
import numpy as np

from trimtab.capture.profile import profile_table
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sample import sample_of_table
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table, TextColumn
from trimtab.capture.window import Coverage
from trimtab.drift.history import History
from trimtab.drift.judgement import judge_window
from trimtab.drift.past import Past
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.windows import Window
from trimtab.quality.keyed_rows import keyed_rows, row_keys
from trimtab.quality.labelled import join_of_labelled
from trimtab.quality.labels import LABEL, PREDICTION, SCORE
from trimtab.quality.settings import QualitySettings
from trimtab.reports.answers import Answers, answers_of
from trimtab.reports.comparison import compare
from trimtab.reports.page import report_page
from trimtab.reports.sides import sides_of

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
SAMPLED = 10_000


def table(rows: int, seed: int, shift: float) -> Table:
    """Fifteen numbers, of which one is shifted, one spoiled with missing cells and one empty now, and five texts with
    what breaks pages and reports."""
    rng = np.random.default_rng(seed)
    columns: dict[str, NumericColumn | TextColumn] = {
        f"number {i:02}": NumericColumn(rng.normal(shift * (i == 3), 1, rows)) for i in range(13)
    }
    columns["number 04"] = NumericColumn(np.where(rng.random(rows) < 0.4 * shift, np.nan, rng.normal(0, 1, rows)))
    columns["few"] = NumericColumn(rng.choice([0.0, 1.0, 2.0], rows))
    columns["tail"] = NumericColumn(rng.pareto(1.2, rows) * 1000)
    columns["gone"] = NumericColumn(np.full(rows, np.nan) if shift else rng.normal(0, 1, rows))
    values = ("app", "web", "</script><script>document.title='taken'</script>", "1,5")
    for i in range(4):
        codes = rng.choice(len(values), rows, p=[0.4 - 0.3 * shift * (i == 1), 0.3 + 0.3 * shift * (i == 1), 0.2, 0.1])
        columns[f"text <{i}>"] = TextColumn(np.where(rng.random(rows) < 0.05, -1, codes), values)
    many = tuple(f"city {i}" for i in range(300))
    columns["city"] = TextColumn(rng.integers(0, len(many), rows), many)
    return Table(START, rows, rows, columns, frozenset({"number 00"}))


def answers(rows: int, seed: int) -> Answers:
    """Labelled answers of a classifier of two classes."""
    rng = np.random.default_rng(seed)
    score = rng.random(rows)
    truth = TextColumn((rng.random(rows) < score).astype(np.int64), ("0", "1"))
    predicted = TextColumn((score > 0.5).astype(np.int64), ("0", "1"))
    keys = row_keys([f"request {i}" for i in range(rows)], [0] * rows)
    kept = keyed_rows(keys, 0, {SCORE: score}, {LABEL: truth, PREDICTION: predicted})
    return answers_of(join_of_labelled(kept), QualitySettings())


def main(rows: int, path: Path) -> None:
    """Judge a window as detect_drift does, and report on it as report_drift does."""
    before, after = table(2 * rows, 1, 0.0), table(2 * rows, 2, 1.0)
    reference = reference_from_sketch(sketch_table(before), source="invented rows", created=START.isoformat())
    window = Window(START, START + timedelta(hours=1), (START,), after.rows)
    coverage = Coverage(1, after.rows, Counter())
    profile = profile_table(after, reference.grid)
    document = judge_window(
        reference, window, profile, coverage, History(seen=frozenset(before.columns)), Past(), DriftThresholds()
    ).document
    samples = [sample_of_table(each, seed, 0, SAMPLED) for seed, each in enumerate((before, after))]
    labelled = answers(rows, 3), answers(rows, 4)

    started = time.perf_counter()
    sides = sides_of(*samples, document["columns"])
    page, scores = app.evidently_report(sides, labelled)
    compared = compare(document, sides, scores)
    html = report_page("invented", "AllTraffic", document, sides, compared, ["A note <b>."], page)
    first = time.perf_counter() - started
    path.write_text(html)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    again = app.evidently_report(sides, labelled)[1]
    folders = [Path(each) for each in os.environ["PYTHONPATH"].split(os.pathsep)]
    files = {Path(module.__file__) for module in sys.modules.values() if getattr(module, "__file__", None)}
    elsewhere = {
        file.parts[-2]
        for file in files
        if "site-packages" in file.parts and not any(file.is_relative_to(folder) for folder in folders)
    }
    sys.stdout.write(
        json.dumps(
            {
                "seconds": first,
                "peak_mib": peak,
                "rows": sides.rows,
                "scores": {name: [each.method, each.score, each.is_drifted] for name, each in scores.items()},
                "is_repeatable": again == scores,
                "left_out": dict(sides.left_out),
                "notes": dict(sides.notes),
                "verdicts": {name: column["verdict"] for name, column in document["columns"].items()},
                "whys": {each.name: each.why for each in compared},
                "from_runtime": sorted(elsewhere),
            }
        )
    )


main(int(sys.argv[1]), Path(sys.argv[2]))
