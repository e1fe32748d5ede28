from dataclasses import replace
from datetime import timedelta

import pytest

from trimtab.sizing.notification import Memory, notify
from trimtab.sizing.recommendation import Recommendation, Verdict, recommend
from trimtab.sizing.settings import SizingSettings

SETTINGS = SizingSettings(latency_ms=200)
DAY = timedelta(days=1)
CALM = Recommendation(Verdict.RIGHT_SIZED, "nothing is worth it")
IDLE = Recommendation(Verdict.IDLE, "no request")
UNKNOWN = Recommendation(Verdict.INSUFFICIENT_DATA, "too few days")


@pytest.fixture(scope="module")
def found(worked, observe, endpoint, catalogue, prices, now):
    return recommend(observe(worked.rps, cpu_percent=worked.cpu), endpoint, catalogue, prices, SETTINGS, now)


@pytest.fixture
def tell(now):
    """Tell of recommendations day by day; the states told."""

    def told(*days, memory=None, waiting=""):
        memory, states = memory or Memory(), []
        for number, each in enumerate(days):
            state, memory = notify(memory, each, 503.7, waiting, now + number * DAY, SETTINGS)
            states.append(state)
        return states, memory

    return told


def test_the_first_is_told_and_the_same_is_not_told_again(tell, found):
    assert tell(found, found, found)[0] == ["raised", None, None]
    assert tell(CALM, CALM)[0] == ["raised", None]
    assert tell(IDLE, IDLE)[0] == ["raised", None]


def test_too_little_data_is_no_news(tell, found):
    assert tell(UNKNOWN)[0] == [None]
    assert tell(found, UNKNOWN, UNKNOWN, found)[0] == ["raised", None, None, None]


def test_another_type_that_is_as_cheap_is_no_news(tell, found):
    """Between two that cost alike, the answer may change each day."""
    first, second, *_ = found.top
    near = replace(second, monthly_usd=first.monthly_usd + 1)
    swapped = replace(found, proposal=near, top=(near, replace(first, monthly_usd=near.monthly_usd + 1)))
    assert tell(found, swapped, found)[0] == ["raised", None, None]


def test_a_clearly_cheaper_one_is_news(tell, found):
    first = found.top[0]
    cheaper = replace(first, instance_type="ml.c5.large", monthly_usd=first.monthly_usd - 80)
    assert tell(found, replace(found, proposal=cheaper, top=(cheaper, *found.top[:2])))[0] == ["raised", "raised"]


def test_what_holds_no_more_is_news(tell, found):
    last = found.top[-1]
    assert tell(found, replace(found, proposal=last, top=(last,)))[0] == ["raised", "raised"]
    assert tell(found, replace(found, proposal=None))[0] == ["raised", "raised"]


def test_another_plan_that_waits_for_approval_is_news(tell, found):
    _, memory = tell(found, waiting="2 × ml.m5.xlarge")
    assert tell(found, memory=memory, waiting="2 × ml.m5.xlarge")[0] == [None]
    assert tell(found, memory=memory, waiting="3 × ml.m5.xlarge")[0] == ["raised"]


def test_it_is_taken_back_after_three_days_in_a_row(tell, found):
    assert tell(found, CALM, CALM, CALM, CALM, CALM)[0] == ["raised", None, None, None, "cleared", None]
    assert tell(found, CALM, CALM, found, CALM, CALM, CALM, CALM)[0] == ["raised", *[None] * 6, "cleared"]


def test_what_is_remembered_survives_being_written_down(tell, found):
    _, memory = tell(found)
    assert Memory.model_validate(memory.document()) == memory
    assert Memory.model_validate({}) == Memory()
