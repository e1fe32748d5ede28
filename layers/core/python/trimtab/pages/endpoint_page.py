"""An endpoint's page: how it is, how it came to that, what its columns look like, what was found and done."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from trimtab.drift.series import Score
from trimtab.pages.addresses import target
from trimtab.pages.endpoint_charts import cost_charts, quality_metrics, quality_table, variant_charts
from trimtab.pages.endpoint_columns import column_table, distributions
from trimtab.pages.endpoint_marks import alerts, deployments, span_of
from trimtab.pages.endpoint_status import last_day, statuses
from trimtab.pages.figures import minute, moment_of, psi, share, time_tag, usd
from trimtab.pages.finding_page import VERDICT_LEVELS
from trimtab.pages.fleet import greatest
from trimtab.pages.frame import page
from trimtab.pages.lists import fact_list, finding_list, plain_table, short_finding
from trimtab.pages.markup import Child, Markup, joined, tag
from trimtab.pages.overview_page import tile
from trimtab.pages.sources import EndpointSources, VariantSources
from trimtab.pages.status import Status, label, pill
from trimtab.pages.time_chart import Mark, Span, legend

MOST_WINDOWS = 60
MOST_FINDINGS = 25
MOST_REPORTS = 5
_ROOT = "../"
_SIDES = {"drift": "Drift", "quality": "Model quality", "change": "Change", "cost": "Cost", "captures": "Captures"}


def endpoint_page(sources: EndpointSources, state_bucket: str, now: datetime) -> str:
    """The page, as of `now`. It tells everything about the endpoint without any other page."""
    span, marks = span_of(sources), deployments(sources)
    content = [
        tag("h1", sources.name),
        tag("p", _in_one_sentence(sources), class_="lead"),
        _tiles(sources, now),
        *_variants(sources, span, marks, state_bucket),
        *_costs(sources, span, marks),
        tag("h2", "Findings"),
        finding_list(map(short_finding, sources.findings[:MOST_FINDINGS]), _ROOT),
        tag("h2", "Deployments and alerts"),
        _events(sources, marks),
        *_reports(sources, state_bucket),
    ]
    return page(sources.name, content, built=now, root=_ROOT, path=[("Fleet", "index.html")])


def _in_one_sentence(sources: EndpointSources) -> str:
    names = [each.name for each in sources.variants]
    config = str((sources.cost or {}).get("configuration") or "")
    served = f", served by endpoint config {config}" if config else ""
    if not names:
        return f"No capture of this endpoint has been seen{served}."
    return f"{'Variant' if len(names) == 1 else 'Variants'} {', '.join(names)}{served}."


def _tiles(sources: EndpointSources, now: datetime) -> Markup:
    day = last_day(sources)
    seen = max((moment for each in sources.variants if (moment := each.captured)), default=None)
    details: dict[str, list[Child]] = {side: _detail(status) for side, status in statuses(sources, now).items()}
    if day and day.usd_per_thousand is not None:
        details["cost"].append(f"{' · ' if details['cost'] else ''}{usd(day.usd_per_thousand)} per 1,000 predictions")
    if seen:
        details["captures"] += [" · " if details["captures"] else "", "last seen ", time_tag(seen)]
    tiles = [
        tag("li", *tile(_SIDES[side], pill(status), details[side]), class_="tile card")
        for side, status in statuses(sources, now).items()
    ]
    return tag("ul", *tiles, class_="tiles", role="list")


def _detail(status: Status) -> list[Child]:
    since = moment_of(status.since)
    told: list[Child] = [status.detail] if status.detail else []
    return [*told, *([" · " if told else "", "since ", time_tag(since)] if since else [])]


def _variants(sources: EndpointSources, span: Span | None, deployed: list[Mark], state_bucket: str) -> Iterator[Markup]:
    for number_, variant in enumerate(sources.variants):
        slug = f"v{number_}"
        suffix = f" of {variant.name}" if len(sources.variants) > 1 else ""
        marks = [*alerts(sources, variant), *deployed]
        yield tag("h2", f"Time lines{suffix}")
        if span and variant.scores:
            has_band = bool(quality_metrics(variant))
            yield legend(marks, limit=True, band=has_band)
            yield tag("div", *variant_charts(slug, variant, span, marks), class_="charts")
            yield _window_table(variant)
            if variant.quality:
                table = quality_table(variant)
                yield tag("details", tag("summary", "Model quality as a table"), table, class_="card")
        else:
            yield tag("p", "No window has been judged yet, so there is nothing to draw.", class_="card empty")
        yield tag("h2", f"Columns{suffix}")
        yield column_table(variant, span)
        yield tag("h2", f"Distributions{suffix}: reference in grey on the left, last window in blue on the right")
        yield from distributions(slug, variant)
        yield tag("h2", f"The last window{suffix}")
        yield _last_window(sources.name, variant, state_bucket)


def _window_table(variant: VariantSources) -> Markup:
    """The numbers behind the time lines."""
    scores = variant.scores[::-1][:MOST_WINDOWS]
    rows = [
        (
            minute(each.start),
            minute(each.end),
            f"{each.rows:,}",
            label(VERDICT_LEVELS.get(each.verdict.value, "unknown"), each.verdict.value),
            psi(greatest(each)),
            _most_moved(each),
            share(each.coverage),
        )
        for each in scores
    ]
    heads = ("From", "To", "Rows", "Verdict", "Greatest PSI", "Of column", "Coverage")
    caption = f"Windows of {variant.name}, the last {len(scores)} of {len(variant.scores)}, newest first"
    table = plain_table(caption, heads, rows, numeric=frozenset({2, 4, 6}))
    return tag("details", tag("summary", "The windows as a table"), table, class_="card")


def _most_moved(score: Score) -> str:
    return max(score.psi_adjusted, key=lambda name: score.psi_adjusted[name], default="–")


def _last_window(endpoint: str, variant: VariantSources, state_bucket: str) -> Markup:
    document = variant.window
    if document is None:
        return tag("p", "There is none yet.", class_="card empty")
    window, reference, read = document["window"], document["reference"], document["coverage"]
    start = moment_of(window["start"])
    unreadable = ", ".join(f"{reason}: {count:,}" for reason, count in read["unreadable"].items()) or "none"
    facts: list[tuple[str, Child]] = [
        ("Verdict", f"{document['verdict']}: {document['reason']}"),
        ("Window", f"{_moment(window['start'])} to {_moment(window['end'])}"),
        ("Rows", f"{window['rows']:,} against {reference['rows']:,} of the reference"),
        ("Reference", reference["source"]),
        ("Captured", f"{read['objects']:,} files, {read['records']:,} lines read; unreadable: {unreadable}"),
    ]
    if document.get("never_captured"):
        facts.append(("Never captured", ", ".join(document["never_captured"])))
    if document.get("dates"):
        facts.append(("Dates, not judged", ", ".join(document["dates"])))
    if start is not None:
        key = f"windows/{endpoint}/{variant.name}/{start:%Y-%m-%dT%H}.json"
        facts.append(("All evidence", target(f"s3://{state_bucket}/{key}", state_bucket, _ROOT)))
    return fact_list(facts)


def _moment(text: str) -> str:
    moment = moment_of(text)
    return minute(moment) if moment else text


def _costs(sources: EndpointSources, span: Span | None, deployed: list[Mark]) -> Iterator[Markup]:
    if span is None or not sources.hours:
        return
    yield tag("h2", "Cost")
    yield tag("div", *cost_charts("cost", sources, span, deployed), class_="charts")
    month = (sources.cost or {}).get("month") or {}
    if month:
        facts = (
            ("This month so far", usd(month.get("to_date_usd"))),
            ("Forecast", _forecast(month)),
            ("Idle", usd(month.get("idle_usd"))),
            ("Deployments", usd(month.get("deployment_usd"))),
        )
        yield tag("div", fact_list(facts), class_="after")


def _forecast(month: dict[str, float | None]) -> str:
    low, high = month.get("low_usd"), month.get("high_usd")
    told = usd(month.get("forecast_usd"))
    return told if low is None or high is None else f"{told}, between {usd(low)} and {usd(high)}"


def _events(sources: EndpointSources, deployed: list[Mark]) -> Markup:
    """What is marked in the time lines, as a table, newest first."""
    raised = [mark for variant in sources.variants for mark in alerts(sources, variant)]
    marks: Iterable[Mark] = sorted({*raised, *deployed}, key=lambda each: each.start, reverse=True)
    rows = [
        (
            minute(each.start),
            label("bad", "alert") if each.kind == "alert" else label("busy", "deployment"),
            f"{each.text}, to {minute(each.end)}" if each.end > each.start else each.text,
        )
        for each in marks
    ]
    if not rows:
        return tag("p", "None has been seen.", class_="card empty")
    table = plain_table("What is marked in the time lines, newest first", ("When", "What", "Which"), rows)
    return tag("div", table, class_="card")


def _reports(sources: EndpointSources, state_bucket: str) -> Iterator[Markup]:
    if sources.reports:
        yield tag("h2", "Drift reports")
        facts = [
            (key.split("/")[-2], target(f"s3://{state_bucket}/{key}", state_bucket, _ROOT))
            for key in sorted(sources.reports, reverse=True)[:MOST_REPORTS]
        ]
        yield joined(fact_list(facts))
