import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trimtab.training.settings import GuardSettings, RetrainingSettings, SpotSettings
from trimtab.training.spot import (
    Limits,
    after_stop,
    checkpoint_uri,
    estimated_cost,
    spot_saving,
    training_limits,
)

CHECKPOINTED = SpotSettings(checkpoints=True)
seconds = st.lists(st.floats(1, 1e5), max_size=20)


@given(seconds, st.builds(SpotSettings, checkpoints=st.booleans(), first_run_seconds=st.integers(1, 100_000)))
def test_spot_never_waits_less_than_it_may_run(past, settings):
    limits = training_limits(settings, past)
    if limits.max_wait is not None:
        assert limits.max_wait >= limits.max_run
        assert settings.checkpoints or limits.max_wait <= 3600
    else:
        assert limits.reason


def test_limits_in_the_settings_hold():
    settings = SpotSettings(checkpoints=True, max_run_seconds=100, max_wait_seconds=100)
    assert training_limits(settings, [9000.0]) == Limits(100, 100)


def test_limits_come_from_past_trainings():
    limits = training_limits(CHECKPOINTED, [1000.0] * 20)
    assert (limits.max_run, limits.max_wait) == (1500, 1500 + 3600)
    assert training_limits(CHECKPOINTED, [10_000.0]).max_wait == 30_000


def test_a_first_training_has_the_limits_of_the_settings():
    assert training_limits(CHECKPOINTED, []).max_run == 3600
    assert training_limits(SpotSettings(), []).max_wait == 3600


def test_long_trainings_without_checkpoints_run_on_demand():
    limits = training_limits(SpotSettings(), [3000.0])
    assert not limits.is_spot
    assert "4,500 s" in limits.reason


def test_on_demand_has_no_wait():
    assert training_limits(CHECKPOINTED, [100.0], on_demand=True).max_wait is None
    assert training_limits(SpotSettings(enabled=False), [100.0]).max_wait is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_run_seconds": 100, "max_wait_seconds": 99},
        {"max_wait_seconds": 100},
        {"enabled": False, "max_run_seconds": 100, "max_wait_seconds": 100},
    ],
)
def test_settings_that_sagemaker_would_refuse_are_refused(wrong):
    with pytest.raises(ValidationError, match="max_wait_seconds"):
        SpotSettings(**wrong)


def test_a_rest_longer_than_the_longest_is_refused():
    with pytest.raises(ValidationError, match="max_cooldown_hours"):
        GuardSettings(attempt_cooldown_hours=200)


def test_a_pipeline_and_a_training_job_are_one_too_many():
    job = {
        "image": "i",
        "role": "arn:aws:iam::123456789012:role/r",
        "data": {"train": "s3://b/k"},
        "output": "s3://b/o",
    }
    assert RetrainingSettings(training_job=job).mode == "observe"
    assert RetrainingSettings(training_job=job).target == "training_job"
    assert RetrainingSettings(pipeline="p").target == "p"
    assert RetrainingSettings().target == ""
    with pytest.raises(ValidationError, match="not both"):
        RetrainingSettings(pipeline="p", training_job=job)


def test_a_training_job_says_itself_what_it_runs_on_a_pipeline_does_not():
    job = {
        "image": "i",
        "role": "arn:aws:iam::123456789012:role/r",
        "data": {"train": "s3://b/k"},
        "output": "s3://b/o",
        "instance_type": "ml.c5.large",
        "instance_count": 3,
    }
    told = {"instance_type": "ml.m5.2xlarge", "instance_count": 2}
    assert RetrainingSettings(**told, training_job=job).trains_on == ("ml.c5.large", 3)
    assert RetrainingSettings(**told, pipeline="p").trains_on == ("ml.m5.2xlarge", 2)


@given(st.text(min_size=1), st.text(min_size=1))
def test_no_two_data_versions_share_checkpoints(one, other):
    uris = {checkpoint_uri("b", "churn", version) for version in (one, other)}
    assert len(uris) == len({one, other})
    assert all(uri.startswith("s3://b/checkpoints/churn/") and uri.count("/") == 6 for uri in uris)


@pytest.mark.parametrize(
    ("status", "secondary", "severity", "was_spot", "expected"),
    [
        ("Stopped", "MaxWaitTimeExceeded", "critical", True, "retry_on_demand"),
        ("Stopped", "MaxWaitTimeExceeded", "warning", True, "alert"),
        ("Stopped", "MaxWaitTimeExceeded", "critical", False, "alert"),
        ("Stopped", "MaxRuntimeExceeded", "critical", True, "alert"),
        ("Failed", "Failed", "critical", True, "alert"),
        ("Completed", "Completed", "critical", True, "nothing"),
        ("InProgress", "Interrupted", "critical", True, "nothing"),
    ],
)
def test_spot_waited_for_in_vain_is_tried_on_demand_where_drift_is_severe(
    status, secondary, severity, was_spot, expected
):
    assert after_stop(status, secondary, severity, was_spot=was_spot, settings=SpotSettings()) == expected


def test_a_retry_on_demand_can_be_forbidden():
    settings = SpotSettings(retry_on_demand=False)
    assert after_stop("Stopped", "MaxWaitTimeExceeded", "critical", was_spot=True, settings=settings) == "alert"


def test_saving_is_as_in_the_specification():
    saving = spot_saving(500, 100, 2, 0.23)
    assert saving.percent == pytest.approx(80)
    assert saving.saved_usd + saving.cost_usd == pytest.approx(0.0639, abs=5e-5)
    assert saving.cost_usd == pytest.approx(0.0128, abs=5e-5)


@pytest.mark.parametrize(("training", "billable"), [(None, 100), (0, 100), (500, None)])
def test_unknown_times_are_no_saving(training, billable):
    assert spot_saving(training, billable, 2, 0.23).percent is None


def test_an_unknown_price_is_never_nothing():
    assert spot_saving(500, 100, 2, None).saved_usd is None
    assert estimated_cost(training_limits(CHECKPOINTED, []), [], 1, None) is None


def test_cost_is_estimated_by_what_was_billed_or_by_all_that_may_be():
    limits = training_limits(CHECKPOINTED, [])
    assert estimated_cost(limits, [], 2, 0.5) == pytest.approx(1.0)
    assert estimated_cost(limits, [360.0] * 9, 2, 0.5) == pytest.approx(0.1)
