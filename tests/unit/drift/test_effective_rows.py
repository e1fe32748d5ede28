"""Rows of one request are not independent: what that does to the verdicts."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.drift.builders import HOUR, coded, numbers, reference_of, texts
from trimtab.capture.profile import ColumnProfile, add_profiles, profile_table
from trimtab.capture.reference import reference_from_sketch
from trimtab.capture.sketch import sketch_table
from trimtab.capture.table import NumericColumn, Table
from trimtab.data_quality.columns import standstill
from trimtab.drift.assessment import assess
from trimtab.drift.effective_rows import design_effects, effective, thinned
from trimtab.drift.evidence import column_document
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict

DEFAULTS = DriftThresholds()


def ranking(random, requests, size, *, user=0.0, item=0.0):
    """Requests of `size` candidates: three columns of the user, who is the same in all, and three of the items."""
    counts = np.full(requests, size)
    rows = requests * size
    users = {f"user{i}": np.repeat(random.normal(size=requests) + user * (i == 0), counts) for i in range(3)}
    items = {f"item{i}": random.normal(size=rows) + item * (i == 0) for i in range(3)}
    place = coded(np.repeat(np.minimum(random.geometric(0.2, requests), 15), counts))
    columns = {name: numbers(values) for name, values in (users | items).items()} | {"place": place}
    return Table(HOUR, rows, requests, columns, counts=counts)


def judged(reference, table):
    return assess(reference, profile_table(table, reference.grid), DEFAULTS)


@pytest.fixture(scope="module")
def trained():
    return reference_of(ranking(np.random.default_rng(0), 20_000, 1).columns)


@pytest.fixture(scope="module")
def captured():
    table = ranking(np.random.default_rng(1), 1_000, 10)
    return reference_from_sketch(sketch_table(table), source="window", created="")


@pytest.mark.parametrize(("requests", "size"), [(500, 2), (200, 5), (100, 10), (50, 20), (250, 20)])
def test_many_rows_a_request_are_no_drift(trained, captured, requests, size):
    random = np.random.default_rng(2)
    for reference in (trained, captured):
        found = Counter(judged(reference, ranking(random, requests, size)).verdict for _ in range(20))
        assert found[Verdict.ALERT] == 0
        assert found[Verdict.OK] >= 19


def test_counted_as_independent_they_were(trained):
    """What the design effect is for: 27 of 100 such windows alerted (10 rows a request), and 94 of 100 (20 rows)."""
    random = np.random.default_rng(3)
    tables = [ranking(random, 50, 20) for _ in range(10)]
    alone = [Table(HOUR, each.rows, each.rows, each.columns) for each in tables]
    assert sum(judged(trained, each).verdict is Verdict.ALERT for each in alone) >= 8
    assert sum(judged(trained, each).verdict is Verdict.ALERT for each in tables) == 0


def test_what_differs_by_row_is_found_as_ever(trained):
    random = np.random.default_rng(4)
    for requests, size in ((100, 10), (50, 20), (20, 50)):
        found = judged(trained, ranking(random, requests, size, item=0.5))
        assert (found.verdict, found.drifted) == (Verdict.ALERT, ("item0",))


def test_what_differs_by_request_is_found_in_enough_of_them(trained):
    random = np.random.default_rng(5)
    verdicts = {
        requests: [judged(trained, ranking(random, requests, 20, user=0.8)).columns["user0"].verdict for _ in range(10)]
        for requests in (50, 250)
    }
    assert verdicts[50] == [Verdict.INSUFFICIENT_DATA] * 10
    assert verdicts[250] == [Verdict.ALERT] * 10


def test_too_few_requests_are_told_of(trained):
    found = judged(trained, ranking(np.random.default_rng(6), 50, 20))
    assert found.verdict is Verdict.OK
    assert "too few values to judge place, user0, user1 and 1 more" in found.reason
    assert "(1,000 rows count as 50, for those of one request are alike)" in found.reason
    assert column_document(found.columns["user0"])["rows_effective"] == [20_000, 50]


def test_one_row_a_request_leaves_the_document_as_it_was(trained):
    found = judged(trained, ranking(np.random.default_rng(7), 1_000, 1))
    assert all("rows_effective" not in column_document(column) for column in found.columns.values())


def test_one_large_request_is_judged_by_its_rows(trained):
    """A batch, of which no one knows how others differ from it."""
    table = ranking(np.random.default_rng(8), 1, 5_000, item=0.5)
    assert judged(trained, table).columns["item0"].verdict is Verdict.ALERT


def test_missing_values_are_tested_by_how_they_come(trained):
    """By row in an item's column, by request in a user's: 12 of 150 users prove less than 120 of 1,500 rows."""
    random = np.random.default_rng(9)
    verdicts = Counter()
    for _ in range(10):
        table = ranking(random, 150, 10)
        columns = dict(table.columns)
        for name, gone in (
            ("item1", random.random(1_500) < 0.1),
            ("user1", np.repeat(random.random(150) < 0.01, 10)),
            ("user2", np.repeat(random.random(150) < 0.5, 10)),
        ):
            columns[name] = NumericColumn(np.where(gone, np.nan, columns[name].values))
        found = judged(trained, Table(HOUR, 1_500, 150, columns, counts=table.counts))
        verdicts.update((name, rule.rule) for name, each in found.columns.items() for rule in each.reasons)
    assert verdicts["item1", "missing"] == 10
    assert verdicts["user1", "missing"] == 0
    assert verdicts["user2", "missing"] >= 9


def test_what_certainly_broke_is_found_in_few_requests(trained):
    """A column that vanished or stands still, and a value that no user had: fifty of fifty are enough."""
    table = ranking(np.random.default_rng(13), 50, 20)
    columns = dict(table.columns)
    columns["item0"] = numbers(np.full(1_000, np.nan))
    columns["user0"] = numbers(np.full(1_000, np.nan))
    columns["place"] = texts(["nowhere"] * 1_000)
    found = judged(trained, Table(HOUR, 1_000, 50, columns, counts=table.counts))
    assert [found.columns[name].verdict for name in ("item0", "user0", "place")] == [Verdict.ALERT] * 3


def test_users_who_happen_to_share_a_common_value_are_no_drift():
    """Of 40 users all have what 95 % have in one window of eight, and its 1,200 rows showed a certain drift."""
    random = np.random.default_rng(14)
    reference = reference_of({"flag": coded((random.random(20_000) < 0.05).astype(int))})
    counts = np.full(40, 30)
    same = Table(HOUR, 1_200, 40, {"flag": texts(["v00000"] * 1_200)}, counts=counts)
    assert judged(reference, same).verdict is Verdict.INSUFFICIENT_DATA
    window = profile_table(same, reference.grid)
    profiles = reference.profile.columns["flag"], window.columns["flag"]
    assert standstill("flag", reference.grid.columns["flag"], *profiles, DEFAULTS, 0.001) is None


def test_categories_of_a_user_who_was_not_there_before_are_not_unseen_values(captured):
    """Of 1,000 users some 10 have a place that is rare; each brought ten rows, as if it were not."""
    random = np.random.default_rng(10)
    found = [judged(captured, ranking(random, 500, 10)).columns["place"].verdict for _ in range(20)]
    assert Verdict.ALERT not in found


def test_a_reference_is_at_least_as_alike_as_the_window():
    """A sketch knows which values are equal, not which are close."""
    random = np.random.default_rng(11)
    counts = np.full(500, 20)

    def close():
        values = np.repeat(random.normal(size=500), counts) + random.normal(size=10_000)
        return Table(HOUR, 10_000, 500, {"x": numbers(values)}, counts=counts)

    reference = reference_from_sketch(sketch_table(close()), source="window", created="")
    current = profile_table(close(), reference.grid).columns["x"]
    before, now = design_effects(reference.grid.columns["x"], reference.profile.columns["x"], current)
    assert now.values > 2
    assert before.values == pytest.approx(now.values)


def test_sums_of_windows_know_the_effect_of_all_their_requests(trained):
    random = np.random.default_rng(12)
    profiles = [profile_table(ranking(random, 10, 20), trained.grid) for _ in range(30)]
    found = assess(trained, add_profiles(profiles, trained.grid), DEFAULTS)
    assert found.columns["user0"].rows_effective == (20_000, 300)
    assert (found.columns["item0"].rows_effective or (20_000, 6_000))[1] > 5_000


@given(st.lists(st.integers(0, 1000), min_size=1, max_size=30), st.floats(1, 60))
def test_thinned_counts_keep_the_sums_of_neighbours(counts, effect):
    column = ColumnProfile(np.array(counts))
    fewer = thinned(column, effect).counts
    assert (fewer >= 0).all()
    for start in range(len(counts)):
        assert np.abs(np.cumsum(fewer[start:]) - np.cumsum(counts[start:]) / effect).max() <= 1
    assert thinned(column, 1.0) is column


def test_shares_stay_when_rows_count_as_fewer():
    assert effective(300, 1_000, 10.0) == (30, 100)
    assert effective(1_000, 1_000, 7.0) == (143, 143)
    assert effective(3, 1_000, 1.0) == (3, 1_000)
    assert effective(0, 0, 5.0) == (0, 0)
    assert effective(1, 1, 5.0) == (1, 1)
