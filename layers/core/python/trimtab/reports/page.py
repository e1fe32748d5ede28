"""A report as one page: what Trimtab found, its numbers beside Evidently's, and Evidently's own page below.

The page loads nothing: its content policy forbids that, whatever Evidently may put into it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from trimtab.pages.markup import Markup, joined, tag
from trimtab.reports.comparison import METHOD_NAMES, ComparedColumn
from trimtab.reports.sides import Sides
from trimtab.reports.style import STYLE

POLICY = (
    "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
)
"""What the page may do: run the scripts that are in it, and draw. plotly.js compiles some of its own."""
_PILLS = {"ALERT": "bad", "WARN": "warn", "OK": "good", "INSUFFICIENT_DATA": "none"}


def report_page(
    endpoint: str,
    variant: str,
    document: Mapping[str, Any],
    sides: Sides,
    compared: Sequence[ComparedColumn],
    notes: Sequence[str],
    evidently: str | None,
) -> str:
    """The page for a window. `evidently`: the page that Evidently made, None when there was nothing to make it from;
    `notes` say what it lacks and why."""
    window = document["window"]
    title = f"Drift report: {endpoint}/{variant}, {_minute(window['start'])}"
    head = joined(
        tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        tag("title", title),
        tag("style", Markup(STYLE)),
    )
    opening = tag(
        "div",
        _verdict(endpoint, variant, document),
        _sample(document, sides, notes),
        _table(compared) if compared else None,
        _notes_on_columns(sides),
        tag("h2", "Evidently's report on the sampled rows") if evidently else None,
        class_="trimtab",
    )
    if evidently is None:
        meta = joined(tag("meta", charset="utf-8"), tag("meta", name="viewport", content="width=device-width"))
        return f'<!DOCTYPE html>\n<html lang="en"><head>{meta}{head}</head><body>{opening}</body></html>\n'
    # Evidently's own head has neither tag in its data: `harmless` left no < in any name or value.
    return evidently.strip().replace("<head>", f"<head>{head}", 1).replace("<body>", f"<body>{opening}", 1)


def _verdict(endpoint: str, variant: str, document: Mapping[str, Any]) -> Markup:
    window, causes = document["window"], document.get("causes") or []
    return joined(
        tag("h1", f"{endpoint}/{variant} ", _pill(document["verdict"])),
        tag(
            "p",
            f"{_minute(window['start'])} to {_minute(window['end'])} UTC, {window['rows']:,} rows, against "
            f"{document['reference']['rows']:,} rows of {document['reference']['source']}. The alert is "
            f"{document['state']}.",
            class_="lead",
        ),
        tag("p", document["reason"], class_="reason"),
        tag(
            "ol",
            [tag("li", tag("b", each["kind"].replace("_", " ")), f": {each['text']}") for each in causes],
            aria_label="Likely causes, the likeliest first",
        )
        if causes
        else None,
    )


def _sample(document: Mapping[str, Any], sides: Sides, notes: Sequence[str]) -> Markup:
    before, after = sides.rows
    return joined(
        tag("h2", "Two ways to look at it"),
        tag(
            "p",
            f"Trimtab's verdict rests on every row: {document['window']['rows']:,} against "
            f"{document['reference']['rows']:,}. It alerts when a column's PSI is beyond doubt more than what is "
            "harmless, or when a rule on missing, unseen or invalid values is broken. Evidently looks at a sample, "
            f"{after:,} against {before:,} rows, chosen by a hash, so that the same rows come every time. It calls a "
            "column drifted when a distance reaches its threshold, and the whole data when half of the columns are. "
            "Where the two disagree, the last column says why. The verdict is Trimtab's.",
        ),
        [tag("p", note, class_="note") for note in notes],
    )


def _table(compared: Sequence[ComparedColumn]) -> Markup:
    titles = (
        "Column", "Trimtab", "PSI", "harmless to", "Evidently", "its distance", "on all rows", "its threshold", "Why",
    )  # fmt: skip
    return tag(
        "div",
        tag(
            "table",
            tag("caption", f"The columns, those that moved most first; {_agreement(compared)}"),
            tag("thead", tag("tr", [tag("th", title, scope="col") for title in titles])),
            tag("tbody", [_row(column) for column in compared]),
        ),
        class_="scroll",
        tabindex="0",
        role="region",
        aria_label="The columns' numbers, ours and Evidently's",
    )


def _agreement(compared: Sequence[ComparedColumn]) -> str:
    both = [column for column in compared if column.theirs]
    differ = sum(column.is_different for column in both)
    return f"Evidently and Trimtab agree on {len(both) - differ} of the {len(both)} that both have"


def _row(column: ComparedColumn) -> Markup:
    theirs = column.theirs
    method = METHOD_NAMES.get(theirs.method, theirs.method) if theirs else ""
    return tag(
        "tr",
        tag("th", column.name, scope="row"),
        tag("td", _pill(column.verdict)),
        tag("td", _number(column.psi), class_="number"),
        tag("td", f"{column.limit:.3g}", class_="number"),
        tag("td", tag("span", "drifted" if theirs.is_drifted else "not drifted", class_="pill"), tag("small", method))
        if theirs
        else tag("td", "–"),
        tag("td", _number(theirs.score if theirs else None), class_="number"),
        tag("td", _number(column.distance), class_="number"),
        tag("td", f"{theirs.threshold:g}" if theirs else "–", class_="number"),
        tag("td", column.why, class_="why"),
        class_="differs" if column.is_different else None,
    )


def _notes_on_columns(sides: Sides) -> Markup | None:
    if not sides.notes:
        return None
    return tag("ul", [tag("li", tag("b", name), f": {note}") for name, note in sides.notes.items()])


def _pill(verdict: str) -> Markup:
    return tag("span", verdict.replace("_", " "), class_=f"pill {_PILLS.get(verdict, 'none')}")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}" if abs(value) < 1e5 else f"{value:.3g}"


def _minute(moment: str) -> str:
    return moment[:16].replace("T", " ")
