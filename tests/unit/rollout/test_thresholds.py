import pytest
from pydantic import ValidationError

from trimtab.rollout.thresholds import CanaryThresholds


def test_defaults_are_those_of_the_specification():
    thresholds = CanaryThresholds()
    assert (thresholds.margin, thresholds.unacceptable, thresholds.absolute_difference) == (1.1, 2.0, 0.005)
    assert thresholds.looks == ((60, 0.02), (120, 0.01), (240, 0.01))
    assert thresholds.alarm_level + sum(level for _, level in thresholds.looks) == pytest.approx(0.05)


def test_looks_can_be_given_as_lists():
    assert CanaryThresholds.model_validate({"looks": [[30, 0.02], [60, 0.02]]}).looks == ((30, 0.02), (60, 0.02))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"looks": ((60, 0.02), (60, 0.01))}, "in order of time"),
        ({"looks": ((120, 0.02), (60, 0.01))}, "in order of time"),
        ({"looks": ((60, 0.02), (500, 0.01))}, "must not be after latest_minutes"),
        ({"looks": ()}, "at least 1"),
        ({"margin": 2.5}, "must be above margin"),
        ({"margin": 0.9}, "greater than or equal to 1"),
        ({"margn": 1.2}, "Extra inputs"),
        ({"policy": "guess"}, "'sequential' or 'ratio'"),
    ],
)
def test_what_cannot_be_is_refused(given, message):
    with pytest.raises(ValidationError, match=message):
        CanaryThresholds(**given)
