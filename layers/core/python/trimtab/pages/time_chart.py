"""Time lines as inline SVG. The drawing is stretched to the width there is; its labels are text of the page, so that
they can be read at any width. What a chart shows is told in words besides, for those who do not see it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from trimtab.pages.figures import UNKNOWN, minute, short
from trimtab.pages.markup import Markup, joined, tag
from trimtab.pages.status import Level

WIDTH, HEIGHT = 1000.0, 100.0
MOST_DOTS = 60
type Form = Callable[[float | None], str]


@dataclass(frozen=True, slots=True)
class Point:
    """A value at a moment; None leaves a gap. `low`, `high`: its interval. `level`: how its dot looks."""

    at: datetime
    value: float | None
    low: float | None = None
    high: float | None = None
    level: Level = "good"


@dataclass(frozen=True, slots=True)
class Mark:
    """Something that happened: a deployment at `start`, or an alert that stood from `start` to `end`."""

    kind: Literal["deployment", "alert"]
    start: datetime
    end: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """What a time axis goes from and to."""

    start: datetime
    end: datetime

    def x(self, moment: datetime) -> float:
        """Where a moment is, from 0 to WIDTH, rounded."""
        whole = (self.end - self.start).total_seconds()
        part = (moment - self.start).total_seconds() / whole if whole else 0.5
        return round(WIDTH * min(1.0, max(0.0, part)), 1)


@dataclass(frozen=True, slots=True)
class Scale:
    """What a value axis goes from and to."""

    low: float
    high: float

    def y(self, value: float) -> float:
        """Where a value is, from HEIGHT (low) to 0 (high), rounded; beyond the ends it is at an end."""
        whole = self.high - self.low
        part = (value - self.low) / whole if whole else 0.5
        return round(HEIGHT * (1 - min(1.0, max(0.0, part))), 1)


def time_chart(
    slug: str,
    title: str,
    points: Sequence[Point],
    span: Span,
    form: Form,
    *,
    marks: Iterable[Mark] = (),
    limit: float | None = None,
    from_zero: bool = True,
    top: float | None = None,
) -> Markup:
    """A figure with one line over time. `slug` makes ids of its parts. `limit`: a threshold that is drawn. `from_zero`:
    the value axis begins at 0; `top`: it ends there, by default at the greatest value."""
    known = [point for point in points if point.value is not None]
    last = form(known[-1].value) if known else UNKNOWN
    caption = tag("figcaption", tag("h3", title), tag("span", last, class_="now"))
    if not known:
        return tag("figure", caption, tag("p", "No data.", class_="empty"), class_="card")
    scale = _scale(known, limit, from_zero, top)
    drawing = tag(
        "svg",
        tag("title", title, id=f"{slug}-title"),
        tag("desc", _in_words(known, form, limit), id=f"{slug}-desc"),
        *_frame_lines(),
        *_marks(marks, span),
        _band(points, span, scale),
        None if limit is None else _level(limit, scale),
        *line(points, span, scale, dots=len(known) <= MOST_DOTS),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        preserveAspectRatio="none",
        role="img",
        aria_labelledby=f"{slug}-title {slug}-desc",
    )
    return tag(
        "figure",
        caption,
        tag(
            "div",
            drawing,
            tag("span", form(scale.high), class_="high", aria_hidden="true"),
            tag("span", form(scale.low), class_="low", aria_hidden="true"),
            class_="plot",
        ),
        tag("div", tag("span", short(span.start)), tag("span", short(span.end)), class_="ends", aria_hidden="true"),
        class_="card",
    )


def spark(points: Sequence[Point], span: Span, description: str, *, limit: float | None = None) -> Markup | str:
    """A small line for a table's cell. `description` says in words what it shows."""
    known = [point for point in points if point.value is not None]
    if not known:
        return UNKNOWN
    scale = _scale(known, limit, True, None)
    return tag(
        "svg",
        tag("title", description),
        None if limit is None else _level(limit, scale),
        *line(points, span, scale, dots=False),
        viewBox=f"0 0 {WIDTH:g} {HEIGHT:g}",
        preserveAspectRatio="none",
        role="img",
        class_="spark",
    )


def line(points: Sequence[Point], span: Span, scale: Scale, *, dots: bool) -> list[Markup]:
    """The line through the points, broken where a value is missing; a point alone between gaps is a dot."""
    runs: list[list[str]] = [[]]
    for point in points:
        if point.value is None:
            runs.append([])
        else:
            runs[-1].append(f"{span.x(point.at):g} {scale.y(point.value):g}")
    path = "".join("M" + "L".join(run) for run in runs if len(run) > 1)
    alone = {run[0] for run in runs if len(run) == 1}
    drawn = [tag("path", d=path, class_="current")] if path else []
    by_level: dict[Level, list[str]] = {}
    for point in points:
        if point.value is not None:
            place = f"{span.x(point.at):g} {scale.y(point.value):g}"
            if dots or place in alone or point.level in ("bad", "warn"):
                by_level.setdefault(point.level, []).append(f"M{place}h.01")
    return drawn + [tag("path", d="".join(each), class_=f"dots {level}") for level, each in by_level.items()]


def _scale(known: Sequence[Point], limit: float | None, from_zero: bool, top: float | None) -> Scale:
    values = [each for p in known for each in (p.value, p.low, p.high) if each is not None]
    if limit is not None:
        values.append(limit)
    low, high = (min(0.0, *values) if from_zero else min(values)), max(values) if top is None else top
    if low == high:
        low, high = (low, low + 1) if from_zero else (low - abs(low) / 10 - 0.01, high + abs(high) / 10 + 0.01)
    return Scale(low, high)


def _band(points: Sequence[Point], span: Span, scale: Scale) -> Markup | None:
    ends = [(span.x(p.at), scale.y(p.low), scale.y(p.high)) for p in points if p.low is not None and p.high is not None]
    if len(ends) < 2:
        return None
    there = "L".join(f"{x:g} {high:g}" for x, _, high in ends)
    back = "L".join(f"{x:g} {low:g}" for x, low, _ in reversed(ends))
    return tag("path", d=f"M{there}L{back}Z", class_="area")


def _level(value: float, scale: Scale) -> Markup:
    y = scale.y(value)
    return tag("path", d=f"M0 {y:g}H{WIDTH:g}", class_="limit")


def _frame_lines() -> list[Markup]:
    return [tag("path", d=f"M0 {y:g}H{WIDTH:g}", class_="grid-line") for y in (0.0, HEIGHT / 2, HEIGHT)]


def _marks(marks: Iterable[Mark], span: Span) -> list[Markup]:
    drawn = []
    for mark in marks:
        if mark.end < span.start or mark.start > span.end:
            continue
        start, end = span.x(mark.start), span.x(mark.end)
        if mark.kind == "deployment":
            drawn.append(tag("path", d=f"M{start:g} 0V{HEIGHT:g}", class_="deployment"))
        else:
            drawn.append(tag("rect", x=start, y=0, width=max(1.0, end - start), height=HEIGHT, class_="alarm-area"))
            drawn.append(tag("path", d=f"M{start:g} 0V{HEIGHT:g}", class_="alarm"))
    return drawn


def _in_words(known: Sequence[Point], form: Form, limit: float | None) -> str:
    values = [point.value for point in known if point.value is not None]
    greatest = max(known, key=lambda point: point.value or 0.0)
    words = (
        f"{len(known)} values from {minute(known[0].at)} to {minute(known[-1].at)}. Last {form(known[-1].value)}, "
        f"least {form(min(values))}, greatest {form(greatest.value)} at {minute(greatest.at)}."
    )
    return words if limit is None else f"{words} The threshold is {form(limit)}."


def legend(marks: Iterable[Mark], *, limit: bool, band: bool) -> Markup:
    """What the signs in the time lines mean, of those that occur."""
    kinds = {mark.kind for mark in marks}
    items = [("current", "value", True), ("area", "interval", band), ("limit", "threshold", limit)]
    items += [("deployment", "deployment", "deployment" in kinds), ("alarm", "alert stands", "alert" in kinds)]
    return tag("ul", *(tag("li", _sample(sign), word) for sign, word, is_there in items if is_there), class_="legend")


def _sample(sign: str) -> Markup:
    shape = {
        "area": tag("rect", x=0, y=2, width=24, height=8, class_="area"),
        "deployment": tag("path", d="M12 0V12", class_="deployment"),
        "alarm": joined(
            tag("rect", x=6, y=0, width=18, height=12, class_="alarm-area"), tag("path", d="M6 0V12", class_="alarm")
        ),
    }.get(sign) or tag("path", d="M0 6H24", class_=sign)
    return tag("svg", shape, viewBox="0 0 24 12", aria_hidden="true")
