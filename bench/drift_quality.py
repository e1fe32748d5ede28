"""What labels tell that inputs do not, on recorded data sets: a change of the concept, the loss that a drift brings,
and that labels which come late are no loss."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from bench.drift_recorded import recorded
from bench.drift_replay import THRESHOLDS
from bench.drift_sets import DataSet, part
from trimtab.capture.profile import profile_table
from trimtab.capture.reference import Reference
from trimtab.capture.table import IntArray, NumericColumn, Table, TextColumn
from trimtab.drift.judgement import judge
from trimtab.drift.verdict import Verdict
from trimtab.quality.cause import likely_cause
from trimtab.quality.judgement import QualityJudgement, judge_realised
from trimtab.quality.keyed_rows import keyed_rows, row_keys
from trimtab.quality.labels import LABEL, Join, Roles, answers_of, join
from trimtab.quality.performance import Performance, realised
from trimtab.quality.reference import QualityReference, estimate, reference_of
from trimtab.quality.settings import QualitySettings
from trimtab.quality.windows import InputDrift

ROWS = 5_000
"""Rows of a window that is judged by its labels."""
LEARNT = 4_000
"""Rows of the reference that a model is fitted to, where the data set has none; they are no reference for quality."""
FLIPPED = 0.05
"""Share of the labels that a planted concept change turns around."""
PLANTED = 20

type Told = dict[str, Any]


def replay_quality(data: DataSet) -> Told | None:
    """Windows in order of time, each by its labels and by the estimate without them, and all rows after the first known
    change together; then faults planted in clean windows. None of a set without labels, or without a change, or whose
    answers are not known and cannot be had."""
    if data.labels is None or not data.manifest.changes:
        return None
    answered = _answered(data)
    if answered is None:
        return None
    roles, (before, now), skipped = answered
    settings = QualitySettings(positive=max(data.labels[0].values) if len(data.labels[0].values) == 2 else "")
    learnt = reference_of(_joined(before, data.labels[0], roles, np.arange(skipped, before.rows)), settings)
    replay = Replay(data, learnt, recorded(data).reference, now, roles, settings)
    firsts = range(0, now.rows - ROWS + 1, ROWS)
    change = data.manifest.changes[0].row
    end = data.manifest.changes[1].row if len(data.manifest.changes) > 1 else now.rows
    return {
        "source": data.manifest.title,
        "kind": data.manifest.changes[0].kind,
        "change": change,
        "problem": learnt.performance.problem,
        "reference": _metrics(learnt.performance.metrics),
        "windows": [{"row": first} | replay.judged(np.arange(first, first + ROWS)) for first in firsts],
        "after": replay.judged(np.arange(change, end)),
        "planted": replay.planted() if settings.positive else None,
    }


@dataclass(frozen=True)
class Replay:
    """A data set with its answers, and what its quality is compared with. `compared`: the reference of the drift."""

    data: DataSet
    learnt: QualityReference
    compared: Reference
    answers: Table
    roles: Roles
    settings: QualitySettings

    @property
    def truth(self) -> TextColumn:
        assert self.data.labels is not None
        return self.data.labels[1]

    def judged(self, rows: IntArray, truth: TextColumn | None = None) -> Told:
        """These rows by their labels (the true ones by default), by the estimate without them, and the likely cause."""
        joined = _joined(self.answers, truth or self.truth, self.roles, rows)
        performance, found = self._by_labels(joined, is_closed=True)
        expected, moved = estimate(self.learnt, joined.rows, self.settings), self._moved(rows)
        drift = InputDrift(frozenset(moved))
        hint = likely_cause(
            found, reference=self.learnt.performance, current=performance, estimate=expected, drift=drift
        )
        return {
            "rows": len(rows),
            "verdict": found.verdict.value,
            "realised": _metrics(performance.metrics),
            "estimated": _metrics(expected.metrics),
            "unknown": expected.unknown,
            "moved": list(moved),
            "cause": hint.cause if hint else None,
            "text": hint.text if hint else None,
        }

    def planted(self) -> Told:
        """Clean windows, drawn at random: with labels turned around; and while one class's labels are still to come,
        of the one class and of the other in turn."""
        random, truth = np.random.default_rng(1), self.truth
        before = self.learnt.performance.metrics["accuracy"].value
        causes, waiting, naive = [], [], []
        for run in range(PLANTED):
            rows = np.sort(random.choice(self.data.clean, min(ROWS, self.data.clean), replace=False))
            is_turned = random.random(len(truth)) < FLIPPED
            turned = TextColumn(np.where(is_turned, 1 - truth.codes, truth.codes), truth.values)
            causes.append(self.judged(rows, turned)["cause"])
            so_far = TextColumn(np.where(truth.codes == run % 2, -1, truth.codes), truth.values)
            performance, found = self._by_labels(_joined(self.answers, so_far, self.roles, rows), is_closed=False)
            waiting.append(found.verdict)
            naive.append(performance.metrics["accuracy"].value < before - self.settings.harmless_drop)
        return {
            "runs": PLANTED,
            "rows": min(ROWS, self.data.clean),
            "concept": {"found": sum(each is not None for each in causes), "named": causes.count("concept_change")},
            "delay": {"waits": waiting.count(Verdict.INSUFFICIENT_DATA), "naive": sum(naive)},
        }

    def _by_labels(self, joined: Join, *, is_closed: bool) -> tuple[Performance, QualityJudgement]:
        before = self.learnt.performance
        performance, coverage = realised(joined, self.settings, problem=before.problem, positive=self.learnt.positive)
        return performance, judge_realised(before, performance, coverage, self.settings, is_closed=is_closed)

    def _moved(self, rows: IntArray) -> tuple[str, ...]:
        """The features that alert in these rows."""
        found = judge(self.compared, profile_table(part(self.data.current, rows), self.compared.grid), THRESHOLDS)
        return tuple(name for name in found.drifted if name not in self.compared.outputs)


def _answered(data: DataSet) -> tuple[Roles, tuple[Table, Table], int] | None:
    """Which columns hold the answers, the rows with answers, and how many of the reference a model learnt from."""
    if data.manifest.prediction:
        return Roles(data.manifest.prediction, data.manifest.score or None), (data.reference, data.current), 0
    if data.labels is None or len(data.labels[0].values) != 2 or data.reference.rows < 2 * LEARNT:
        return None
    names = [name for name, column in data.reference.columns.items() if isinstance(column, NumericColumn)]
    before, now = (
        np.column_stack([each.columns[name].values for name in names]) for each in (data.reference, data.current)
    )
    model = LogisticRegression().fit(before[:LEARNT], data.labels[0].codes[:LEARNT])
    answered = tuple(
        Table(each.hour, each.rows, each.records, {"score": NumericColumn(model.predict_proba(inputs)[:, 1])})
        for each, inputs in ((data.reference, before), (data.current, now))
    )
    return Roles("score", "score"), answered, LEARNT


def _joined(table: Table, truth: TextColumn, roles: Roles, rows: IntArray) -> Join:
    """Some rows with their labels, each a request of its own."""
    keys = row_keys((f"r{row}" for row in rows), (0 for _ in rows))
    columns = part(table, rows).columns
    features = [name for name in columns if name not in (roles.prediction, roles.score)]
    answers = answers_of(keys, rows, columns, roles, features=features)
    return join(answers, keyed_rows(keys, rows + 1, texts={LABEL: TextColumn(truth.codes[rows], truth.values)}))


def _metrics(metrics: Any) -> Told:
    return {name: [each.value, each.lower, each.upper] for name, each in metrics.items()}
