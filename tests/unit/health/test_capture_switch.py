"""Whether captures can arrive at all."""

import pytest

from trimtab.drift.verdict import Verdict
from trimtab.health.capture_switch import capture_bucket, capture_switch


@pytest.mark.parametrize(
    ("is_enabled", "status", "verdict"),
    [
        (True, "Started", Verdict.OK),
        (True, "", Verdict.OK),
        (True, "Stopped", Verdict.ALERT),
        (False, "Stopped", Verdict.ALERT),
        (False, "", Verdict.ALERT),
    ],
)
def test_capture_that_is_off_is_told(is_enabled, status, verdict):
    assert capture_switch("churn", is_enabled=is_enabled, status=status).verdict is verdict


@pytest.mark.parametrize(
    ("watched", "tells", "verdict", "says"),
    [
        (["captures"], True, Verdict.OK, "tells EventBridge"),
        (["captures"], False, Verdict.ALERT, "ManageCaptureBuckets"),
        (["captures"], None, Verdict.INSUFFICIENT_DATA, "could not be asked"),
        (["other"], None, Verdict.ALERT, "CaptureBuckets"),
    ],
)
def test_a_bucket_that_is_not_heard_is_told_with_what_to_do(watched, tells, verdict, says):
    check = capture_bucket("churn", "captures", watched=watched, tells=tells)
    assert check.verdict is verdict
    assert says in check.reason
