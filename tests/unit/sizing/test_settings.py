import pytest
from pydantic import ValidationError

from trimtab.sizing.settings import SizingSettings


@pytest.mark.parametrize(
    "wrong",
    [
        {"min_days": 10, "days": 8},
        {"min_instances": 5, "max_instances": 3},
        {"busy": 0.95, "failure_busy": 0.9},
        {"min_confidence": 0.8},
        {"latency_ms": 0},
        {"latency": 200},
        {"seed_table": [{"instance_type": "m5.large"}]},
        {"performance": {"c5": 0}},
    ],
)
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        SizingSettings(**wrong)


def test_the_defaults_are_the_specified_ones():
    found = SizingSettings()
    assert (found.growth, found.busy, found.burstable_busy, found.failure_busy) == (0.2, 0.7, 0.5, 0.9)
    assert (found.min_instances, found.max_instances) == (2, 10)
    assert (found.scale_in_cooldown_s, found.scale_out_cooldown_s) == (300, 60)
    assert (found.min_saving_share, found.min_saving_usd, found.quiet_days) == (0.15, 20, 14)
