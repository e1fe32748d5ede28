"""How many instances ran, without billing data: each publishes one sample of CPUUtilization per publishing interval.

So `SampleCount` counts them, through autoscaling and through deployments, in which both fleets run and are billed.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise

MINUTE = timedelta(minutes=1)


def instance_minutes(
    sample_counts: Mapping[datetime, float],
    *,
    is_complete: bool,
    is_serving: bool,
    publish_seconds: float = 60,
    step: timedelta = MINUTE,
    longest_gap: timedelta = 5 * MINUTE,
) -> dict[datetime, float] | None:
    """Instance-minutes of a fleet by the start of their period of length `step`; None when they are not known.

    `sample_counts`: SampleCount of CPUUtilization by period. Not known: CloudWatch withheld some (`is_complete` False),
    or has none at all of a fleet that serves. Gaps of up to `longest_gap` between two periods are lost samples, not
    stopped instances: they take the smaller of the neighbours. `step` should not be shorter than `publish_seconds`.
    """
    if not is_complete or (is_serving and not sample_counts):
        return None
    minutes = {moment: count * publish_seconds / 60 for moment, count in sorted(sample_counts.items())}
    filled = dict(minutes)
    for before, after in pairwise(minutes):
        if step < after - before <= longest_gap + step:
            missing = before + step
            while missing < after:
                filled[missing] = min(minutes[before], minutes[after])
                missing += step
    return filled
