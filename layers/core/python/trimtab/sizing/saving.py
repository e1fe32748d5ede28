"""What a change saves, with its interval, and whether that is worth a change."""

from dataclasses import dataclass

import numpy as np

from trimtab.sizing.demand import DAY_MINUTES
from trimtab.sizing.settings import SizingSettings
from trimtab.sizing.simulation import MONTH_HOURS, Replay

INTERVAL = (0.05, 0.95)


@dataclass(frozen=True, slots=True)
class Saving:
    """USD a month, less than nothing where the proposal costs more: the middle and a 90 % interval over days."""

    low: float
    mid: float
    high: float


def saving(
    today: Replay, proposed: Replay, usd_today: float, usd_proposed: float, settings: SizingSettings, *, seed: int = 0
) -> Saving:
    """The saving a month at these hourly prices of one instance, by a bootstrap of whole days.

    Days are the blocks: minutes depend on each other within a day. The interval tells how much the saving varies with
    the days that come; it does not tell that the count was right, which is what confidence and simulation are for.
    """
    difference = today.instances * usd_today - proposed.instances * usd_proposed
    days = [difference[at : at + DAY_MINUTES] for at in range(0, len(difference), DAY_MINUTES)]
    means = np.array([day.mean() for day in days])
    weights = np.array([len(day) for day in days], dtype=np.float64)
    drawn = np.random.default_rng(seed).integers(0, len(days), (settings.resamples, len(days)))
    resampled = (means[drawn] * weights[drawn]).sum(axis=1) / weights[drawn].sum(axis=1)
    low, high = np.quantile(resampled, INTERVAL)
    mid = float(difference.mean())
    return Saving(min(float(low), mid) * MONTH_HOURS, mid * MONTH_HOURS, max(float(high), mid) * MONTH_HOURS)


def why_not_worth_it(
    saved: Saving, usd_month: float, confidence: float, days_since_change: float | None, settings: SizingSettings
) -> str | None:
    """Why a change that saves so much of `usd_month` should not be made, or None when it should.

    Each accepted change must lower the cost by a clear share and then rests, so that two states cannot alternate.
    """
    wanted = max(settings.min_saving_share * usd_month, settings.min_saving_usd)
    if saved.mid <= 0:
        return f"costs {-saved.mid:,.2f} USD a month more"
    if saved.mid < wanted:
        return f"saves {saved.mid:,.2f} USD a month, less than {wanted:,.2f}"
    if confidence < settings.min_confidence:
        return f"confidence {confidence:.2f} is below {settings.min_confidence:g}: collect more data or benchmark"
    if days_since_change is not None and days_since_change < settings.quiet_days:
        return f"changed {days_since_change:.1f} days ago, within {settings.quiet_days} days"
    return None
