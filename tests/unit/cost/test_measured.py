"""From counts to hours: who ran, who served, and what is not known."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cost.configurations import Configuration, Stage, Variant
from trimtab.cost.measured import Observed, measured_hours, sample_period, split_minutes
from trimtab.cost.prices import Price, Product
from trimtab.cost.settings import PriceSettings

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
T0 = datetime(2026, 11, 20, 8, tzinfo=UTC)
BLUE = Variant("blue", "ml.m5.xlarge")
OLD = Configuration("old", T0 - 24 * HOUR, (BLUE,))
NEW = Configuration("new", T0, (BLUE, Variant("Canary", "ml.c5.xlarge")))
CONFIGURATIONS = {"old": OLD, "new": NEW}
PRICES = {
    Product("us-east-1", "Hosting", name): Price(usd, "bundled", date(2026, 5, 20))
    for name, usd in (("ml.m5.xlarge", 0.23), ("ml.c5.xlarge", 0.204))
}


@dataclass
class Series:
    points: dict = field(default_factory=dict)
    is_complete: bool = True


@dataclass
class Counted:
    samples: Series
    predictions: Series = field(default_factory=Series)
    microseconds: Series = field(default_factory=Series)


def steady(instances=1, start=T0, minutes=60, step=MINUTE):
    return {start + i * step: float(instances) for i in range(minutes)}


def hour(series, *, configurations=CONFIGURATIONS, stages=None, **more):
    stages = stages or (Stage("old", T0 - 24 * HOUR, T0 - 24 * HOUR),)
    about = {"created": T0 - 24 * HOUR, "seen": T0 + 2 * HOUR, "period": MINUTE, **more}
    observed = Observed("us-east-1", stages=stages, configurations=configurations, series=series, **about)
    [told] = measured_hours(observed, [T0], PRICES, PriceSettings())
    return told


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=60),
    st.integers(-5, 70),
    st.integers(0, 70),
    st.one_of(st.none(), st.integers(0, 70)),
)
def test_no_minute_is_lost_or_counted_twice_in_a_deployment(counts, since, length, given_up):
    minutes = {T0 + i * MINUTE: float(count) for i, count in enumerate(counts)}
    begun = T0 + since * MINUTE
    served = None if given_up is not None else begun + length * MINUTE
    until = None if given_up is None else begun + given_up * MINUTE
    stages = (Stage("old", T0 - HOUR, T0 - HOUR), Stage("new", begun, served, until))
    parts = split_minutes(minutes, "blue", stages, CONFIGURATIONS)
    for moment, count in minutes.items():
        assert sum(part.get(moment, 0) for part in parts.values()) == count
    assert all(count >= 0 for part in parts.values() for count in part.values())


def test_what_runs_beyond_the_last_count_is_the_new_configs():
    minutes = steady(2, minutes=30) | steady(5, T0 + 30 * MINUTE, 20) | steady(3, T0 + 50 * MINUTE, 10)
    stages = (Stage("old", T0 - HOUR, T0 - HOUR), Stage("new", T0 + 10 * MINUTE, T0 + 50 * MINUTE))
    parts = split_minutes(minutes, "blue", stages, CONFIGURATIONS)
    assert sum(parts["old"].values()) == 2 * 50
    assert sum(parts["new"].values()) == 3 * 20 + 3 * 10


def test_a_variant_that_is_new_belongs_to_the_new_config():
    stages = (Stage("old", T0 - HOUR, T0 - HOUR), Stage("new", T0))
    assert split_minutes(steady(), "Canary", stages, CONFIGURATIONS) == {"new": steady()}


def test_a_canary_beside_production_is_the_deployments_cost():
    series = {"blue": Counted(Series(steady(2))), "Canary": Counted(Series(steady()))}
    stages = (Stage("new", T0 - HOUR, T0 - HOUR),)
    told = hour(series, stages=stages, temporary=frozenset({"Canary"}))
    assert told.cost.serving["ml.m5.xlarge"].hours == pytest.approx(2)
    assert told.cost.deployment["ml.c5.xlarge"].usd == pytest.approx(0.204)


def test_a_variant_called_like_a_canary_that_is_alone_serves():
    alone = {"only": Configuration("only", T0 - HOUR, (Variant("Canary", "ml.c5.xlarge"),))}
    stages = (Stage("only", T0 - HOUR, T0 - HOUR),)
    told = hour(
        {"Canary": Counted(Series(steady()))}, configurations=alone, stages=stages, temporary=frozenset({"Canary"})
    )
    assert told.cost.serving.keys() == {"ml.c5.xlarge"}


@pytest.mark.parametrize("seconds", [10, 30, 60, 120, 300])
def test_samples_of_any_frequency_count_the_same_hours(seconds):
    configuration = Configuration("fast", T0 - HOUR, (BLUE,), publish_seconds=seconds)
    period = sample_period([configuration])
    samples = steady(3 * period.total_seconds() / seconds, minutes=round(HOUR / period), step=period)
    stages = (Stage("fast", T0 - HOUR, T0 - HOUR),)
    series = {"blue": Counted(Series(samples))}
    told = hour(series, configurations={"fast": configuration}, stages=stages, period=period)
    assert told.cost.serving["ml.m5.xlarge"].hours == pytest.approx(3)


def test_no_sample_of_what_cannot_rest_is_unknown_and_of_what_can_is_none():
    series = {"blue": Counted(Series())}
    assert hour(series).cost.usd is None
    rests = {"old": Configuration("old", OLD.created, (Variant("blue", "ml.m5.xlarge", may_rest=True),))}
    assert hour(series, configurations=rests).cost.usd == 0


def test_predictions_are_zero_only_where_instances_are_known_to_have_run():
    assert hour({"blue": Counted(Series(steady()))}).invocations == 0
    assert hour({"blue": Counted(Series())}).invocations is None
    assert hour({"blue": Counted(Series(steady()), Series(is_complete=False))}).invocations is None
    assert hour({"blue": Counted(Series(steady()), Series({T0: 7.0}))}).invocations == 7


@pytest.mark.parametrize("changed", [{"has_model": False}, {"is_async": True}])
def test_where_requests_are_counted_otherwise_silence_is_not_idleness(changed):
    changed = dict(changed)
    is_async = changed.pop("is_async", False)
    configurations = {
        "old": Configuration("old", OLD.created, (Variant("blue", "ml.m5.xlarge", **changed),), is_async=is_async)
    }
    assert hour({"blue": Counted(Series(steady()))}, configurations=configurations).invocations is None


def test_copies_of_requests_are_no_predictions():
    shadow = Variant("shadow", "ml.c5.xlarge", is_shadow=True)
    configurations = {"old": Configuration("old", OLD.created, (BLUE, shadow))}
    counted = {name: Counted(Series(steady()), Series({T0: 100.0})) for name in ("blue", "shadow")}
    told = hour(counted, configurations=configurations)
    assert told.invocations == 100
    assert told.cost.usd == pytest.approx(0.23 + 0.204)


def test_volumes_are_counted():
    configurations = {"old": Configuration("old", OLD.created, (Variant("blue", "ml.m5.xlarge", volume_gb=73),))}
    told = hour({"blue": Counted(Series(steady()))}, configurations=configurations)
    assert told.cost.storage_usd == pytest.approx(73 / 730 * 0.14)


def test_a_config_that_names_several_instance_types_has_an_unknown_cost():
    configurations = {"old": Configuration("old", OLD.created, (Variant("blue"),))}
    assert hour({"blue": Counted(Series(steady()))}, configurations=configurations).cost.usd is None


def test_before_any_config_is_known_nothing_is():
    told = hour({"blue": Counted(Series(steady()))}, stages=(Stage("old", T0 + 5 * HOUR, T0 + 5 * HOUR),))
    assert told.cost.usd is None
    assert told.invocations is None


def test_provisioned_concurrency_costs_while_nobody_asks():
    ready = Variant("blue", memory_mb=2048, provisioned=2)
    configurations = {"old": Configuration("old", OLD.created, (ready,))}
    prices = {Product("us-east-1", "ProvisionedConcurrency", "Usage-2GB"): Price(1e-5, "settings", date(2026, 11, 1))}
    observed = Observed(
        "us-east-1", T0 - HOUR, T0 + 2 * HOUR, (Stage("old", T0 - HOUR, T0 - HOUR),), configurations,
        {"blue": Counted(Series())}, MINUTE,
    )  # fmt: skip
    [told] = measured_hours(observed, [T0], prices, PriceSettings())
    assert told.cost.usd == pytest.approx(2 * 3600 * 1e-5)
