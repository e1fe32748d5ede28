"""The drift bench's figures as the tables of docs/drift-figures.md. What is said around them stays."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.drift_plan import HALF_SIGMA, QUIET, SIZES
from bench.drift_rules import EVIDENTLY, KS, OF_PROFILES
from bench.page import table, write_parts

PAGE = Path(__file__).parents[1] / "docs" / "drift-figures.md"
COMMAND = "make bench-drift"
RULES = (*OF_PROFILES, *KS, *EVIDENTLY)
SHOWN = (1_000, 10_000)

type Told = dict[str, Any]


def write_page(document: Told, page: Path = PAGE) -> None:
    """Put the tables between their marks on the page."""
    write_parts(page, parts(document), COMMAND)


def parts(document: Told) -> dict[str, list[str]]:
    """The lines of each part of the page."""
    return {
        "made": made(document),
        "bars": bars_table(document["bars"]),
        "side-by-side": side_by_side(document),
        "quiet": quiet_table([each for each in document["quiet"] if not each["is_recorded"]]),
        "quiet-rules": quiet_rules_table(document["quiet"]),
        "quiet-recorded": quiet_table([each for each in document["quiet"] if each["is_recorded"]]),
        "weekly": weekly_table(document["weekly"]),
        "faults": faults_table([each for each in document["faults"] if not each["is_recorded"]]),
        "fault-rules": fault_rules_table(document["faults"], QUIET[1].title),
        "fault-recorded": fault_recorded_table([each for each in document["faults"] if each["is_recorded"]]),
        "in-order": in_order_table(document),
        "units": units_table(document["units"]),
        "labels": labels_tables(document["quality"]),
    }


def made(document: Told) -> list[str]:
    """When, where and with what."""
    told = document["made"]
    versions = ", ".join(f"{name} {number}" for name, number in {"Python": told["python"], **told["versions"]}.items())
    windows = sum(each["trimtab"]["windows"] for each in document["quiet"])
    runs = sum(each["trimtab"]["runs"] for each in document["faults"])
    sets = ", ".join(document["sets"]) or "none: generated traffic only"
    return [
        f"{told['date']}, {told['processor']}, {told['cores']} cores, {told['processes']} processes, "
        f"{told['seconds']:.0f} s; {versions}; seed {told['seed']}; {windows:,} windows without a fault, {runs:,} "
        f"planted faults; recorded data: {sets}."
    ]


def bars_table(bars: Sequence[Told]) -> list[str]:
    """One row for each kind of bar: what comes closest to missing it, or misses it by most."""
    rows = []
    for what in dict.fromkeys(bar["what"] for bar in bars):
        those = [bar for bar in bars if bar["what"] == what]
        worst = max(those, key=_miss)
        sign = "≤" if worst["is_most"] else "≥"
        value = "never" if worst["value"] is None else f"{worst['value']:.3g}"
        holds = f"{sum(bar['holds'] for bar in those)} of {len(those)}"
        rows.append((what, f"{sign} {worst['limit']:g}", value, worst["where"], holds))
    return table(("Bar", "Asked for", "Closest", "Where", "All hold"), rows)


def side_by_side(document: Told) -> list[str]:
    """Every rule in one line: false alarms, and whether it finds half a standard deviation in one column."""
    quiet = {(each["source"], each["rows"]): each for each in document["quiet"]}
    faults = {(each["source"], each["rows"], each["fault"]): each for each in document["faults"]}
    header = ["Rule"]
    for rows in SHOWN:
        header += [f"false alarms per 1,000, {rows:,} rows, {each.title}" for each in QUIET[:2]]
    header += [f"found in 2 windows, %: {HALF_SIGMA.title} of 20, 1,000 rows, {each.title}" for each in QUIET[:2]]
    cells = []
    for rule in (None, *RULES):
        row = ["**Trimtab: alerts raised**" if rule is None else rule]
        row += [rate_cell(_of(quiet.get((each.title, rows)), rule)) for rows in SHOWN for each in QUIET[:2]]
        row += [percent(_of(faults.get((each.title, 1_000, HALF_SIGMA.title)), rule), "found") for each in QUIET[:2]]
        cells.append(row)
    return table(header, cells)


def quiet_table(rows: Sequence[Told]) -> list[str]:
    """Trimtab's false alarms."""
    header = ("Traffic", "Rows", "Windows", "**Alerts raised per 1,000**", "at most", "ALERT windows", "WARN windows")
    return table(
        header,
        [
            (
                each["source"],
                f"{each['rows']:,}",
                f"{ours['windows']:,}",
                *(
                    ("not judged", "", "", "")
                    if ours["insufficient_data"] == 1000
                    else (
                        number(ours["per_1000"]),
                        number(ours["at_most"]),
                        number(ours["alert"]),
                        number(ours["warn"]),
                    )
                ),
            )
            for each in rows
            if (ours := each["trimtab"])
        ],
    )


def quiet_rules_table(rows: Sequence[Told]) -> list[str]:
    """The other rules' false alarms per 1,000 windows, wherever all were asked."""
    asked = [each for each in rows if not each["is_recorded"]]
    return table(
        ("Traffic", "Rows", *RULES),
        [
            (each["source"], f"{each['rows']:,}", *(rate_cell(_of(each, rule)) for rule in RULES))
            for each in asked
            if KS[0] in each["rules"]
        ],
    )


def faults_table(rows: Sequence[Told]) -> list[str]:
    """Trimtab's share of faults found within two windows, by the size of the window."""
    sizes = [size for size in SIZES if any(each["rows"] == size for each in rows)]
    known = {(each["source"], each["fault"], each["rows"]): each["trimtab"] for each in rows}
    lines = []
    for source, fault in dict.fromkeys((each["source"], each["fault"]) for each in rows):
        at_1000 = known.get((source, fault, 1_000))
        lines.append(
            (
                f"{fault} of 20",
                source,
                *(percent(known.get((source, fault, size)), "found") for size in sizes),
                *(
                    (waits(at_1000, "median"), waits(at_1000, "p95"), percent(at_1000, "found_later"))
                    if at_1000
                    else ("", "", "")
                ),
            )
        )
    return table(
        (
            "Fault",
            "Traffic",
            *(f"{size:,} rows" for size in sizes),
            "median windows, 1,000 rows",
            "95 %",
            "in 6 windows",
        ),
        lines,
    )


def fault_rules_table(rows: Sequence[Told], source: str) -> list[str]:
    """Every rule's share of faults found within two windows of 1,000 rows."""
    shown = [each for each in rows if each["source"] == source and each["rows"] == 1_000 and each["rules"]]
    shown = list({each["fault"]: each for each in shown}.values())
    return table(
        ("Fault", "**Trimtab**", "Trimtab, first window ALERT", *RULES),
        [
            (
                f"{each['fault']} of 20",
                percent(each["trimtab"], "found"),
                percent(each["trimtab"], "first"),
                *(percent(_of(each, rule), "found") for rule in RULES),
            )
            for each in shown
        ],
    )


def fault_recorded_table(rows: Sequence[Told]) -> list[str]:
    """The same of faults planted in recorded rows."""
    return table(
        ("Data", "Fault", "**Trimtab**", "median windows", *RULES),
        [
            (
                each["source"],
                each["fault"],
                percent(each["trimtab"], "found"),
                waits(each["trimtab"], "median"),
                *(percent(_of(each, rule), "found") for rule in RULES),
            )
            for each in rows
        ],
    )


def in_order_table(document: Told) -> list[str]:
    """Recorded rows as they stand."""
    return table(
        (
            "Data",
            "Rows",
            "Windows before the change",
            "**Trimtab: alerts before**",
            "windows from the change to the alert",
            *(f"{rule}: windows before, after, %" for rule in RULES),
        ),
        [
            (
                each["source"],
                f"{each['rows']:,}",
                f"{each['clean_windows']}",
                f"{each['early']}",
                "–" if each["delay"] is None else f"{each['delay']}",
                *(_before_after(each["rules"].get(rule)) for rule in RULES),
            )
            for each in document["in_order"]
            if each["windows"]
        ],
    )


def weekly_table(rows: Sequence[Told]) -> list[str]:
    """Alerts by week, with all their past."""
    if not rows:
        return ["Not replayed."]
    weeks = len(rows[0]["weeks"])
    return table(
        (
            "Traffic",
            "Endpoints",
            *(f"week {week + 1}" for week in range(weeks)),
            "the fault after it: found after windows",
        ),
        [
            (
                each["source"],
                f"{each['endpoints']}",
                *(
                    f"{week['alarms']} ({alerting})"
                    for week, alerting in zip(each["weeks"], each["alerting"], strict=True)
                ),
                ", ".join(str(found) if found else "never" for found in each["found"]),
            )
            for each in rows
        ],
    )


def units_table(rows: Sequence[Told]) -> list[str]:
    """Changes of units."""
    return table(
        ("Data", "Windows", "named, %", "named where there was none, %"),
        [
            (each["source"], f"{each['runs']}", f"{100 * each['named']:.3g}", f"{100 * each['false']:.3g}")
            for each in rows
        ],
    )


def labels_tables(rows: Sequence[Told]) -> list[str]:
    """What labels tell, window by window; then the faults planted among labels."""
    lines: list[str] = []
    for each in rows:
        name = "mae" if each["problem"] == "regression" else "accuracy"
        windows = [(f"{told['row']:,}", told) for told in each["windows"]] + [
            (f"all after {each['change']:,}", each["after"])
        ]
        lines += [
            f"**{each['source']}**: {each['kind']} changes at row {each['change']:,}; the reference's {name} is "
            f"{interval(each['reference'][name])}.",
            "",
            *table(
                ("From row", f"{name} by labels", "estimated without", "verdict", "inputs that moved", "cause"),
                [
                    (
                        first,
                        interval(told["realised"].get(name)),
                        interval(told["estimated"].get(name)),
                        told["verdict"],
                        ", ".join(told["moved"]) or "none",
                        told["cause"] or "–",
                    )
                    for first, told in windows
                ],
            ),
            "",
        ]
        if planted := each["planted"]:
            concept, delay, runs = planted["concept"], planted["delay"], planted["runs"]
            lines += [
                f"Planted in {runs} clean windows of {planted['rows']:,} rows: 5 % of the labels turned around, found "
                f"in {concept['found']} and named a concept change in {concept['named']}; one class's labels late, "
                f"waited for in {delay['waits']} (the accuracy of the labels so far would have alarmed in "
                f"{delay['naive']}).",
                "",
            ]
    return lines[:-1] or ["No recorded data with labels."]


def rate_cell(told: Told | None) -> str:
    """Alarms per 1,000 windows, and how many there may be."""
    if not told or told["per_1000"] is None:
        return "–"
    return f"{number(told['per_1000'])} (≤ {number(told['at_most'])})"


def number(value: float) -> str:
    """Three digits, whole from 100 on."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def percent(told: Told | None, name: str) -> str:
    """A share in percent."""
    return "–" if told is None else f"{100 * told[name]:.3g}"


def waits(told: Told | None, name: str) -> str:
    """How many windows; more than were looked at is "> 6"."""
    if told is None:
        return "–"
    return "> 6" if told[name] is None else f"{told[name]}"


def interval(metric: Sequence[float] | None) -> str:
    """A metric with its bounds."""
    if metric is None:
        return "–"
    value, low, high = metric
    return f"{value:.4g}" if low is None else f"{value:.4g} ({low:.4g} to {high:.4g})"


def _of(told: Told | None, rule: str | None) -> Told | None:
    if told is None:
        return None
    return told["trimtab"] if rule is None else told["rules"].get(rule)


def _before_after(told: Told | None) -> str:
    if told is None:
        return "–"
    parts = (told["before"]["per_1000"], told["after"]["per_1000"])
    return ", ".join("–" if each is None else f"{each / 10:.3g}" for each in parts)


def _miss(bar: Told) -> float:
    if bar["value"] is None:
        return float("inf")
    return (bar["value"] - bar["limit"]) * (1 if bar["is_most"] else -1)
