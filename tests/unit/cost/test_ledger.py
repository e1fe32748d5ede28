"""Which hours are read again, and how they are kept."""

import json
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from trimtab.cost.hours import Cost, EndpointHour, Use
from trimtab.cost.ledger import (
    DAY,
    HOUR,
    changed_months,
    hours_of_documents,
    hours_to_read,
    month_document,
    month_of,
    months_between,
    months_needed,
    settled_hours,
    unpriced_items,
    with_readings,
)

END = datetime(2026, 12, 1, 10, tzinfo=UTC)
NOW = END + timedelta(minutes=12)


def hour(back, usd=0.23, hours=1.0, invocations=10.0, item="ml.m5.xlarge"):
    return EndpointHour(END - back * HOUR, Cost({item: Use(hours, usd)}), invocations)


def ledger(*hours):
    return {each.start: each for each in hours}


def read(known, first=10, priced=()):
    wanted = hours_to_read(known, END - first * HOUR, END, now=NOW, priced=frozenset(priced))
    return [round((END - start) / HOUR) for start in wanted]


def test_the_last_hours_and_the_missing_ones_are_read():
    assert read(ledger(*(hour(back) for back in range(1, 11)))) == [3, 2, 1]
    assert read(ledger(*(hour(back) for back in range(1, 11) if back not in (8, 5)))) == [8, 5, 3, 2, 1]
    assert read({}, first=500)[0] == 14 * 24


def test_withheld_hours_are_read_again_for_a_day():
    known = ledger(*(hour(back) for back in range(1, 41)))
    for back in (30, 20):
        known |= ledger(hour(back, None, None))
    assert read(known, first=40) == [20, 3, 2, 1]


def test_hours_without_a_price_are_read_again_when_it_is_known():
    known = ledger(*(hour(back) for back in range(1, 41))) | ledger(hour(30, None))
    assert read(known, first=40) == [3, 2, 1]
    assert read(known, first=40, priced=["ml.m5.xlarge"]) == [30, 3, 2, 1]


def test_what_was_known_stays_known():
    known, withheld, better = hour(2), hour(2, None, None), hour(2, 0.46, 2.0)
    assert with_readings(ledger(known), [withheld]) == ledger(known)
    assert with_readings(ledger(known), [better]) == ledger(better)
    assert with_readings(ledger(withheld), [known]) == ledger(known)
    assert with_readings({}, [withheld]) == ledger(withheld)


def test_a_withheld_hour_is_waited_for_but_not_for_ever():
    known = ledger(*(hour(back) for back in range(1, 8)))
    known |= ledger(hour(6, None, None), hour(2, None, None))
    settled = settled_hours(known, END - 8 * HOUR, END)
    assert [round((END - each.start) / HOUR) for each in settled] == [7, 6, 5, 4, 3]


def test_an_hour_that_only_lacks_a_price_is_settled():
    assert settled_hours(ledger(hour(1, None)), END - 2 * HOUR, END) == [hour(1, None)]


@given(st.integers(0, 365 * 24), st.integers(0, 200 * 24))
def test_the_months_of_a_time_are_those_of_its_hours(back, length):
    start = END - back * HOUR
    end = start + length * HOUR
    expected = dict.fromkeys(month_of(start + i * DAY) for i in range(length // 24 + 1)) | {month_of(end): None}
    assert months_between(start, end) == list(expected)


def test_months_keep_their_own_hours():
    known = ledger(*(hour(back) for back in range(1, 40)))
    documents = [json.loads(json.dumps(month_document("churn", month, known))) for month in ("2026-11", "2026-12")]
    assert hours_of_documents(documents) == known
    assert min(hours_of_documents(documents[1:])) == datetime(2026, 12, 1, tzinfo=UTC)
    assert hours_of_documents([{}]) == hours_of_documents([]) == {}


def test_only_months_whose_hours_changed_are_written():
    known = ledger(*(hour(back) for back in range(1, 40)))
    months = {month: json.loads(json.dumps(month_document("churn", month, known))) for month in ("2026-11", "2026-12")}
    assert changed_months("churn", months, known) == {}
    after = known | ledger(hour(1, 0.46))
    assert changed_months("churn", months, after) == {"2026-12": month_document("churn", "2026-12", after)}
    assert changed_months("churn", {"2026-10": {}}, known) == {}
    assert changed_months("churn", {"2026-11": {}}, known).keys() == {"2026-11"}


@given(st.integers(0, 366 * 24), st.integers(1, 12))
def test_the_months_needed_have_every_hour_that_is_read_and_those_it_is_compared_with(back, weeks):
    until = END - back * HOUR
    months = months_needed(until, weeks)
    for start in hours_to_read({}, until - 100 * DAY, until, now=until, priced=frozenset()):
        assert {month_of(start), month_of(start - timedelta(weeks=weeks))} <= set(months)


def test_items_without_a_price_are_told_once():
    hours = [hour(1), hour(2, None), hour(3, None), hour(4, None, item="ml.x9.large"), hour(5, None, None)]
    assert unpriced_items(hours) == {"ml.m5.xlarge", "ml.x9.large"}
