"""Numbers and moments as people read them. What is not known is a dash, never a zero."""

import math
from datetime import UTC, datetime, timedelta

from trimtab.pages.markup import Markup, tag

UNKNOWN = "–"


def number(value: float | None) -> str:
    """Three significant digits, thousands with commas, as `0.412`, `12.3`, `1,042`."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-3:
        return f"{value:.2e}".replace("e+0", "e").replace("e-0", "e-").replace("e+", "e")
    if size >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.{1 if size >= 10 else 2 if size >= 1 else 3}f}"


def psi(value: float | None) -> str:
    """A PSI, always to three decimals."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return "<\u00a00.001" if 0 < value < 0.0005 else f"{value:.3f}"


def probability(value: float | None) -> str:
    """A p-value: `< 0.0001` where more digits mean nothing."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    return "<\u00a00.0001" if value < 1e-4 else f"{value:.4f}" if value < 0.01 else f"{value:.2f}"


def share(value: float | None) -> str:
    """A share as a percentage. One that is not quite all is never shown as 100 %, nor a small one as none."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    percent = 100 * value
    if 0 < percent < 0.05:
        return "<\u00a00.1\u00a0%"
    if 99.95 < percent < 100:
        return ">\u00a099.9\u00a0%"
    return f"{percent:.0f} %" if percent == round(percent) else f"{percent:.1f} %"


def usd(value: float | None) -> str:
    """US dollars, with more digits the fewer they are."""
    if value is None or not math.isfinite(value):
        return UNKNOWN
    digits = 0 if abs(value) >= 1000 else 2 if abs(value) >= 1 or value == 0 else 4
    return f"${value:,.{digits}f}"


def minute(moment: datetime) -> str:
    """`2026-05-01 06:00 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def short(moment: datetime) -> str:
    """`05-01 06:00`, where the year goes without saying."""
    return f"{moment.astimezone(UTC):%m-%d %H:%M}"


def time_tag(moment: datetime | None, form: str = "") -> Markup | str:
    """A moment that a page's script shows as how long ago it is, besides. `form`: the text, by default the minute."""
    if moment is None:
        return UNKNOWN
    return tag("time", form or minute(moment), datetime=f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}")


def duration(span: timedelta) -> str:
    """`45 min`, `6 h`, `3 days`."""
    hours = span.total_seconds() / 3600
    if hours < 1:
        return f"{hours * 60:.0f} min"
    return f"{hours:g} h" if hours < 48 and hours == round(hours, 1) else f"{hours / 24:.0f} days"


def moment_of(value: object) -> datetime | None:
    """The moment that a document gives as ISO 8601 text, None when it gives none. Without an offset it is UTC."""
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def amount_of(value: object) -> float | None:
    """The finite number that a document gives, None when it gives none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
