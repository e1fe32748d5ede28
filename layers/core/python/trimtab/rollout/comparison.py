"""The judgement of a rollout's traffic: the minutes in which production had traffic to compare the canary with."""

from datetime import datetime, timedelta

from trimtab.rollout.baking import promotion_looks
from trimtab.rollout.judgement import Judgement, judge
from trimtab.rollout.readings import Readings, series_of, shared
from trimtab.rollout.state import Rollout


def compare(rollout: Rollout, readings: Readings, now: datetime) -> Judgement | None:
    """The judgement at `now`, None when canary and production never served side by side. Once the canary serves alone
    nothing is added to the comparison, and no time is counted."""
    ladder = shared(rollout.ladder)
    if not ladder:
        return None
    delay, ended = rollout.thresholds.publish_delay_minutes, ladder[-1].until
    serves_alone = len(ladder) < len(rollout.ladder)
    # the last minute that ended before production had no traffic left is the last that counts
    horizon = min(now, ended + timedelta(minutes=delay - 1)) if ended and serves_alone else now
    thresholds = rollout.thresholds.model_copy(update={"latest_minutes": round(rollout.most_minutes(now))})
    return judge(series_of(readings, ladder, delay, now), thresholds, horizon, promotion_looks(rollout))
