"""A variant's life, window by window, through the pure functions that detect_drift calls."""

from collections import Counter

import numpy as np

from tests.unit.drift.builders import numbers, reference_of, window_of
from tests.unit.drift.scores import DAY, HOUR, MONDAY, window
from trimtab.capture.window import Coverage
from trimtab.drift.history import History
from trimtab.drift.judgement import judge_window
from trimtab.drift.past import past_of, windows_to_read
from trimtab.drift.series import score_of_document, with_score
from trimtab.drift.thresholds import DriftThresholds

WINDOW_HOURS = 4
A_WEEK = 7 * DAY // (WINDOW_HOURS * HOUR)


class Replay:
    """One column of normal values whose mean follows `mean(days since the start)`, beside a calm one."""

    def __init__(self, mean, *, reference_days=7, rows=1000, thresholds=None, deployments=(), seed=0):
        self.mean, self.rows, self.rng = mean, rows, np.random.default_rng(seed)
        self.thresholds, self.deployments = thresholds or DriftThresholds(), deployments
        parts = [self.columns(i * WINDOW_HOURS / 24, 240) for i in range(max(1, int(reference_days * 6)))]
        names = ("x", "calm")
        self.reference = reference_of({n: numbers(np.concatenate([part[n].values for part in parts])) for n in names})
        self.history, self.series, self.profiles = History(), (), {}
        self.documents = []

    def columns(self, days, rows):
        return {"x": numbers(self.rng.normal(self.mean(days), 1, rows)), "calm": numbers(self.rng.normal(0, 1, rows))}

    def weeks(self, first, last):
        """Judge the windows of these weeks (counted from 0, `last` excluded); their documents."""
        made = [self.judge(i) for i in range(first * A_WEEK, last * A_WEEK)]
        self.documents += made
        return made

    def judge(self, number):
        begin = number * WINDOW_HOURS
        asked = window(begin * HOUR, WINDOW_HOURS, self.rows)
        current = window_of(self.columns(begin / 24, self.rows), self.reference)
        grid = self.reference.grid
        starts = windows_to_read(self.series, asked, grid.name, self.thresholds)
        profiles = {start: self.profiles[start] for start in starts if start in self.profiles}
        past = past_of(self.series, profiles, asked, grid, self.history, self.thresholds, self.deployments)
        judged = judge_window(
            self.reference, asked, current, Coverage(1, self.rows, Counter()), self.history, past, self.thresholds
        )
        document, self.history = judged.document, judged.history
        self.series = with_score(self.series, score_of_document(document))
        self.profiles[MONDAY + begin * HOUR] = current
        return document


def verdicts(documents):
    return Counter(document["verdict"] for document in documents)


def explained(documents):
    """In how many windows drift was only seasonal."""
    return sum(bool(document.get("seasonal", {}).get("explains")) for document in documents)


def raised(documents):
    return sum(document["state"] == "raised" for document in documents)
