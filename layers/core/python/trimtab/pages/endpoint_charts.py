"""An endpoint's time lines: score, rows, coverage, quality with its intervals, cost."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from trimtab.drift.hysteresis import AlertState
from trimtab.drift.series import Score
from trimtab.drift.verdict import Verdict
from trimtab.pages.endpoint_status import day_before, metric_order
from trimtab.pages.figures import UNKNOWN, amount_of, minute, moment_of, number, psi, share, usd
from trimtab.pages.fleet import greatest
from trimtab.pages.lists import plain_table
from trimtab.pages.markup import Markup
from trimtab.pages.sources import Document, EndpointSources, VariantSources, column_limit
from trimtab.pages.status import Level
from trimtab.pages.time_chart import Mark, Point, Span, time_chart

DAY = timedelta(days=1)
MOST_METRICS = 3
MOST_ENTRIES = 60


def variant_charts(slug: str, variant: VariantSources, span: Span, marks: Sequence[Mark]) -> Iterator[Markup]:
    """The time lines of a variant. `slug` makes their ids."""
    scores = variant.scores
    limit = column_limit(variant.window, "")
    yield time_chart(
        f"{slug}-score", "Greatest PSI of a column", score_points(scores), span, psi, marks=marks, limit=limit
    )
    rows = [Point(_middle(each), float(each.rows)) for each in scores]
    yield time_chart(f"{slug}-rows", "Rows of each window", rows, span, number, marks=marks)
    read = [Point(_middle(each), each.coverage, level="good" if each.coverage >= 0.99 else "warn") for each in scores]
    yield time_chart(
        f"{slug}-read", "Coverage: captured lines that could be read", read, span, share, marks=marks, top=1.0
    )
    for name in quality_metrics(variant):
        yield time_chart(
            f"{slug}-quality-{name}", _quality_title(variant, name), quality_points(variant, name), span, number,
            marks=marks, from_zero=False,
        )  # fmt: skip


def cost_charts(slug: str, sources: EndpointSources, span: Span, marks: Sequence[Mark]) -> Iterator[Markup]:
    """The time lines of what the endpoint and its predictions cost, by day (UTC)."""
    if not sources.hours:
        return
    costs = {day: day_before(sources.hours, day + DAY) for day in _whole_days(sources)}
    by_day = [Point(day + DAY / 2, cost.usd if cost else None) for day, cost in costs.items()]
    yield time_chart(f"{slug}-cost", "Cost a day", by_day, span, usd, marks=marks)
    thousand = [Point(day + DAY / 2, cost.usd_per_thousand if cost else None) for day, cost in costs.items()]
    yield time_chart(f"{slug}-thousand", "Cost of 1,000 predictions", thousand, span, usd, marks=marks)


def score_points(scores: Sequence[Score]) -> list[Point]:
    """The greatest PSI of each window, its dot by the verdict."""
    return [Point(_middle(each), greatest(each), level=verdict_level(each)) for each in scores]


def column_points(scores: Sequence[Score], column: str) -> list[Point]:
    """One column's PSI in each window."""
    return [Point(_middle(each), each.psi_adjusted.get(column)) for each in scores]


def verdict_level(score: Score) -> Level:
    """How a window is shown: what raised or keeps an alert is as bad as an alert."""
    if score.verdict is Verdict.ALERT:
        return "bad"
    if score.verdict is Verdict.INSUFFICIENT_DATA:
        return "unknown"
    return "warn" if score.verdict is Verdict.WARN or score.state is AlertState.RAISED else "good"


def quality_metrics(variant: VariantSources) -> list[str]:
    """The metrics that are drawn, those that say most first."""
    return metric_order(variant.quality[-1].get("metrics") or {})[:MOST_METRICS] if variant.quality else []


def quality_points(variant: VariantSources, name: str) -> list[Point]:
    """A metric's values with their intervals; gaps where a window could not be judged."""
    points = []
    for entry in variant.quality:
        start, end = moment_of(entry.get("start")), moment_of(entry.get("end"))
        if start is None or end is None:
            continue
        metric = (entry.get("metrics") or {}).get(name) or {}
        value, low, high = (amount_of(metric.get(key)) for key in ("value", "lower", "upper"))
        verdict = str(entry.get("verdict"))
        level: Level = "bad" if verdict == "ALERT" else "warn" if verdict == "WARN" else "good"
        points.append(Point(start + (end - start) / 2, value, low, high, level))
    return points


def quality_table(variant: VariantSources) -> Markup:
    """The numbers behind the time lines of quality, newest first."""
    names = quality_metrics(variant)
    entries = variant.quality[::-1][:MOST_ENTRIES]
    rows = [
        (
            *(minute(at) if (at := moment_of(entry.get(key))) else UNKNOWN for key in ("start", "end")),
            f"{entry.get('rows', 0):,}",
            str(entry.get("basis", "")),
            str(entry.get("verdict", "")),
            *(_with_interval((entry.get("metrics") or {}).get(name) or {}) for name in names),
            share(amount_of(entry.get("labels_share"))),
            str(entry.get("cause") or "").replace("_", " "),
        )
        for entry in entries
    ]
    heads = ("From", "To", "Rows", "Rests on", "Verdict", *names, "Labels", "Likely cause")
    caption = f"Model quality, the last {len(entries)} of {len(variant.quality)} windows, newest first"
    return plain_table(caption, heads, rows)


def _with_interval(metric: Document) -> str:
    value, low, high = (amount_of(metric.get(key)) for key in ("value", "lower", "upper"))
    return number(value) if low is None or high is None else f"{number(value)} ({number(low)} to {number(high)})"


def _quality_title(variant: VariantSources, name: str) -> str:
    bases = {str(entry.get("basis", "")) for entry in variant.quality}
    told = "estimated without labels" if bases == {"estimated"} else "from labels" if bases == {"realised"} else ""
    title = name.replace("_", " ").capitalize() if len(name) > 4 else name.upper()
    return f"{title}, {told}" if told else title


def _whole_days(sources: EndpointSources) -> list[datetime]:
    """The days (UTC) of which every hour was looked at."""
    hours = sorted(sources.hours)
    first, last = hours[0], hours[-1] + timedelta(hours=1)
    day = first.astimezone(UTC).replace(hour=0)
    days = []
    while day < last:
        if day >= first and day + DAY <= last:
            days.append(day)
        day += DAY
    return days


def _middle(score: Score) -> datetime:
    return score.start + (score.end - score.start) / 2
