"""The account's view."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from trimtab.cost.configurations import Configuration
from trimtab.cost.hours import Cost, EndpointHour, Use
from trimtab.cost.memory import first_look
from trimtab.cost.summary import View, account_summary, endpoint_row, rows_to_keep

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MONTH = datetime(2026, 11, 1, tzinfo=UTC)
UNTIL = MONTH + 10 * DAY


def hours(usd=0.5, count=240, invocations=100.0):
    made = [EndpointHour(MONTH + i * HOUR, Cost({"ml.m5.xlarge": Use(1.0, usd)}), invocations) for i in range(count)]
    return {hour.start: hour for hour in made}


def row(known, ended=None, tags=None):
    memory = first_look(MONTH - DAY, Configuration("a", MONTH - DAY, ()), UNTIL)
    return endpoint_row(replace(memory, tags=tags or {}, ended=ended), known, UNTIL, {})


def test_the_month_so_far_and_at_its_end():
    month = row(hours())["month"]
    assert month["to_date_usd"] == pytest.approx(120)
    assert month["forecast_usd"] == pytest.approx(360)
    assert month["usd_per_thousand_predictions"] == pytest.approx(5)


def test_an_endpoint_that_is_gone_costs_nothing_any_more():
    month = row(hours(count=48), ended=MONTH + 2 * DAY)["month"]
    assert month["to_date_usd"] == month["forecast_usd"] == month["high_usd"] == pytest.approx(24)
    assert month["unknown_hours"] == 0


def test_the_price_of_predictions_is_that_of_hours_known_whole():
    known = hours() | {MONTH: EndpointHour(MONTH, Cost({"ml.m5.xlarge": Use(1.0, None)}), 1e9)}
    known[MONTH + HOUR] = EndpointHour(MONTH + HOUR, Cost({"ml.m5.xlarge": Use(1.0, 99.0)}), None)
    assert row(known)["month"]["usd_per_thousand_predictions"] == pytest.approx(5)


def test_whose_cost_is_unknown_is_named():
    rows = {"known": row(hours(), tags={"team": "x"}), "unknown": row({}, tags={"team": "x"})}
    view = account_summary(View("1", "eu-west-1", UNTIL, "2026-05-20"), rows, ["team"])
    assert view["total"]["to_date_usd"] == pytest.approx(120)
    assert view["total"]["to_date_unknown"] == view["total"]["forecast_unknown"] == ["unknown"]
    assert view["by_tag"]["team"]["x"]["unknown"] == ("unknown",)


def test_rows_of_what_is_gone_stay_for_their_month():
    rows = {"here": row(hours()), "gone": row(hours(), ended=UNTIL), "long": row({}, ended=MONTH - HOUR)}
    assert rows_to_keep({"endpoints": rows}, UNTIL).keys() == {"here", "gone"}
    assert rows_to_keep({"endpoints": rows}, UNTIL + 30 * DAY).keys() == {"here"}
    assert rows_to_keep({}, UNTIL) == {}
