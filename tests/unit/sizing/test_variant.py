import pytest

from trimtab.sizing import variant
from trimtab.sizing.recommendation import Verdict, recommend
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.variant import size_variant

SETTINGS = SizingSettings(latency_ms=200)


@pytest.fixture
def size(worked, observe, endpoint, catalogue, prices, now, monkeypatch):
    """Size the worked example; the answer, and over how many types `recommend` was asked."""
    asked = []

    def counted(observations, endpoint, types, *others, **named):
        asked.append(len(types))
        return recommend(observations, endpoint, types, *others, **named)

    monkeypatch.setattr(variant, "recommend", counted)

    def sized(types=catalogue, settings=SETTINGS, rps=worked.rps):
        observations = observe(rps, cpu_percent=worked.cpu)
        more = {"weekly_means": (), "serverless_usd_per_second": {}}
        return *size_variant(observations, endpoint, types, prices, settings, now, **more), list(asked)

    return sized


def test_beside_another_type_there_is_a_plan_for_the_present_one(size, endpoint, catalogue):
    found, plan, asked = size()
    assert found.proposal.instance_type != endpoint.instance_type
    assert plan.instance_type == endpoint.instance_type
    assert plan.usd_month < plan.usd_month_now
    assert asked == [len(catalogue), 1]


def test_a_proposal_of_the_present_type_is_the_plan(size, endpoint, catalogue):
    found, plan, asked = size({endpoint.instance_type: catalogue[endpoint.instance_type]})
    assert (plan.instance_type, plan.count) == (found.proposal.instance_type, found.proposal.count)
    assert asked == [1]


def test_there_is_no_plan_where_nothing_is_worth_a_change(size):
    found, plan, _ = size(settings=SizingSettings(latency_ms=200, min_saving_share=1))
    assert (found.verdict, plan) == (Verdict.RIGHT_SIZED, None)


def test_what_could_not_be_sized_is_not_tried_again(size, worked, catalogue):
    found, plan, asked = size(rps=worked.rps * float("nan"))
    assert (found.verdict, plan, asked) == (Verdict.INSUFFICIENT_DATA, None, [len(catalogue)])
