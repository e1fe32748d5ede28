from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.pages.figures import amount_of, moment_of, number, probability, psi, share, time_tag, usd


@pytest.mark.parametrize(
    ("form", "value", "told"),
    [
        (number, None, "–"),
        (number, float("nan"), "–"),
        (number, 0, "0"),
        (number, 1042.0, "1,042"),
        (number, 0.4123, "0.412"),
        (number, 12.345, "12.3"),
        (number, 1.2e-5, "1.20e-5"),
        (number, 3.2e12, "3.20e12"),
        (psi, 0.998, "0.998"),
        (psi, 0.0001, "< 0.001"),
        (psi, 0.0, "0.000"),
        (probability, 1e-9, "< 0.0001"),
        (probability, 0.0042, "0.0042"),
        (probability, 0.31, "0.31"),
        (share, 1.0, "100 %"),
        (share, 0.99999, "> 99.9 %"),
        (share, 0.0001, "< 0.1 %"),
        (share, 0.123, "12.3 %"),
        (usd, None, "–"),
        (usd, 0.0, "$0.00"),
        (usd, 0.0958, "$0.0958"),
        (usd, 11.04, "$11.04"),
        (usd, 12345.6, "$12,346"),
    ],
)
def test_numbers_are_told_as_people_read_them(form, value, told):
    assert form(value).replace("\u00a0", " ") == told  # it does not break there


@given(st.floats(min_value=0, max_value=1))
def test_only_all_is_all_and_only_none_is_none(value):
    assert (share(value) == "100 %") == (value == 1)
    assert (share(value) == "0 %") == (value == 0)


def test_a_moment_is_told_in_utc_whatever_its_zone():
    moment = datetime(2026, 11, 20, 9, 30, tzinfo=timezone(timedelta(hours=1)))
    assert time_tag(moment) == '<time datetime="2026-11-20T08:30:00Z">2026-11-20 08:30 UTC</time>'
    assert time_tag(None) == "–"


def test_what_is_no_moment_or_number_is_not_known():
    assert moment_of("2026-11-20T08:00:00") == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert [moment_of(each) for each in ("soon", 7, None)] == [None] * 3
    assert amount_of(3) == 3.0
    assert [amount_of(each) for each in (True, "3", None, float("inf"))] == [None] * 4
