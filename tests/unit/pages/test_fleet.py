import json
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.pages.sample_fleet import NOW, car_loan, fleet_sources
from trimtab.pages.fleet import account_row, fleet_row, with_rows, worst_first

ACCOUNT = account_row([])


def row(minute, name="a"):
    return {"endpoint": name, "built": (NOW + timedelta(minutes=minute)).isoformat()}


def test_a_row_is_plain_json_and_short():
    for each in fleet_sources():
        made = fleet_row(each, NOW)
        assert json.loads(json.dumps(made)) == made
        assert len(json.dumps(made)) < 6000


@given(st.permutations([row(1), row(2), row(3)]))
def test_the_row_that_was_built_last_stays_in_whatever_order_rows_come(rows):
    fleet = {}
    for each in rows:
        fleet = with_rows(fleet, {"a": each}, ACCOUNT, NOW)
    assert fleet["rows"] == {"a": row(3)}


def test_rows_of_endpoints_that_are_gone_go_unless_another_run_has_just_built_them():
    fleet = {"rows": {"gone": row(-60, "gone"), "failed": row(-60, "failed"), "new": row(1, "new")}}
    after = with_rows(fleet, {"a": row(0)}, ACCOUNT, NOW, known={"a", "failed"})
    assert list(after["rows"]) == ["a", "failed", "new"]


def test_the_order_is_the_same_whatever_the_order_of_rows():
    rows = {each.name: fleet_row(each, NOW) for each in fleet_sources()}
    assert worst_first(rows) == worst_first(dict(reversed(rows.items())))


def test_scores_are_the_greatest_of_each_window():
    scores = car_loan().variants[0].scores
    assert fleet_row(car_loan(), NOW)["scores"][-1] == [
        scores[-1].end.isoformat(),
        max(scores[-1].psi_adjusted.values()),
    ]
