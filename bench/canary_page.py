"""The bench's figures as the tables of docs/canary-figures.md. What is said around them stays."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from bench.page import write_parts

PAGE = Path(__file__).parents[1] / "docs" / "canary-figures.md"
COMMAND = "make bench-canary"
NAIVE, NAIVE_ANY, OURS = "naive_at_60", "naive_any_check", "ours"

type Told = dict[str, Any]
"""A scenario as it stands in the results."""
type Column = tuple[str, Callable[[Told], str]]


def write_page(document: dict[str, Any], page: Path = PAGE) -> None:
    """Put the tables between their marks on the page."""
    write_parts(page, parts(document), COMMAND)


def parts(document: dict[str, Any]) -> dict[str, list[str]]:
    """The lines of each part of the page."""
    scenarios, required = document["scenarios"], _required(document)

    def of(group: str, *, is_harmful: bool) -> list[Told]:
        return [each for each in scenarios if each["group"] == group and each["is_harmful"] == is_harmful]

    missed = missed_columns(required)
    return {
        "made": made(document),
        "bars": bars_table(document["bars"]),
        "harmless": table(FALSE_COLUMNS, of("steady", is_harmful=False)),
        "harmful": table(missed, of("steady", is_harmful=True)),
        "ramp": [
            *table(FALSE_COLUMNS, of("ramp", is_harmful=False)),
            "",
            *table(missed, of("ramp", is_harmful=True)),
        ],
        "bursts": table(FALSE_COLUMNS, of("bursts", is_harmful=False)),
        "late-onset": table([*missed, *EARLY_COLUMNS], of("late onset", is_harmful=True)),
        "slow": [
            *table(FALSE_COLUMNS, of("slow", is_harmful=False)),
            "",
            *table(missed, of("slow", is_harmful=True)),
        ],
        "judging": judging(document["judge"]),
    }


def table(columns: Sequence[Column], rows: Sequence[Told]) -> list[str]:
    """A table of right-aligned columns."""
    lines = [
        f"| {' | '.join(title for title, _ in columns)} |",
        f"| {' | '.join('---:' for _ in columns)} |",
    ]
    return lines + [f"| {' | '.join(cell(row) for _, cell in columns)} |" for row in rows]


def percent(rule: str, figure: str) -> Callable[[Told], str]:
    """A share of the runs in percent; of our rule's with its standard error."""

    def cell(row: Told) -> str:
        found = row[rule][figure]
        if found is None:
            return "–"
        told = f"{100 * found['value']:.1f}"
        exact = f"{100 * found['value']:.2f} ± {100 * found['se']:.2f}"
        return exact if rule == OURS and figure in _EXACT else told

    return cell


def minutes(rule: str) -> Callable[[Told], str]:
    """Median minutes to the roll-back; a dash when there was none."""

    def cell(row: Told) -> str:
        found = row[rule]["median_minutes"]
        return "–" if found is None else f"{found['value']:g}"

    return cell


def errors(row: Told) -> str:
    """Production's error rate, and where it rises to."""
    return " to ".join(f"{100 * rate:g} %" for rate in (row["error_rate"], row["rises_to"]) if rate is not None)


def ratio(row: Told) -> str:
    """What is true of the canary."""
    latency = row["latency"]
    slow = "" if latency is None else f", latency ×{latency['factor']:g} (CV {latency['variation']:g})"
    return f"{row['relative_risk']:g}{slow}"


_EXACT = frozenset({"false_rollbacks", "missed_detections", "rolled_back_if_never_promoted"})
_LABELS: tuple[Column, ...] = (
    ("Errors", errors),
    ("Requests/s", lambda row: f"{row['requests_per_second']:,g}"),
    ("True ratio", ratio),
)
_AT_60: tuple[Column, ...] = (
    ("promoted at 60 min", percent(OURS, "promoted_at_60")),
    ("held at 60 min", percent(OURS, "held_at_60")),
    ("undecided at the deadline", percent(OURS, "undecided_at_the_deadline")),
)
FALSE_COLUMNS: tuple[Column, ...] = (
    *_LABELS,
    ("Naive at 60 min: rolled back", percent(NAIVE, "false_rollbacks")),
    ("Naive, any of 12 checks: rolled back", percent(NAIVE_ANY, "false_rollbacks")),
    ("**Trimtab: rolled back**", percent(OURS, "false_rollbacks")),
    ("were it never promoted", percent(OURS, "rolled_back_if_never_promoted")),
    *_AT_60,
)
EARLY_COLUMNS: tuple[Column, ...] = (
    ("Before the onset: naive, any check", percent(NAIVE_ANY, "false_rollbacks")),
    ("Trimtab", percent(OURS, "false_rollbacks")),
)


def missed_columns(required: dict[str, float]) -> tuple[Column, ...]:
    """Columns of harmful canaries. `required`: by title, the power that is asked for."""

    def at_most(row: Told) -> str:
        power = required.get(row["title"])
        return "–" if power is None else f"{100 - 100 * power:.1f}"

    return (
        *_LABELS,
        ("Naive at 60 min: missed", percent(NAIVE, "missed_detections")),
        ("Naive, any of 12 checks: missed", percent(NAIVE_ANY, "missed_detections")),
        ("**Trimtab: missed**", percent(OURS, "missed_detections")),
        ("the design's simulation", at_most),
        *_AT_60,
        ("Minutes to roll back: naive, any check", minutes(NAIVE_ANY)),
        ("**Trimtab**", minutes(OURS)),
    )


def bars_table(bars: Sequence[dict[str, Any]]) -> list[str]:
    """One row for each kind of bar: the scenario that comes closest to missing it, or misses it by most."""
    lines = ["| Bar | Asked for | Closest | Where | All hold |", "| --- | ---: | ---: | --- | --- |"]
    for what in dict.fromkeys(bar["what"] for bar in bars):
        those = [bar for bar in bars if bar["what"] == what]
        worst = max(those, key=lambda bar: (bar["value"] - bar["limit"]) * (1 if bar["is_most"] else -1))
        sign = "≤" if worst["is_most"] else "≥"
        limit, value = (
            f"{number:g} ms" if worst["figure"].endswith("_ms") else f"{100 * number:.4g} %"
            for number in (worst["limit"], worst["value"])
        )
        if worst["allowed"]:
            limit += f" (less {100 * worst['allowed']:.2g})"
        holds = f"{sum(bar['holds'] for bar in those)} of {len(those)}"
        lines.append(f"| {what} | {sign} {limit} | {value} | {worst['where']} | {holds} |")
    return lines


def judging(timed: dict[str, Any]) -> list[str]:
    """How long one judgement takes."""
    lines = ["| Series of four hours | Judge, ms | Reference, ms | Judge ÷ reference |", "| --- | ---: | ---: | ---: |"]
    for title, case in timed["cases"].items():
        judge, reference = case["judge_ms"], case["reference_ms"]
        lines.append(f"| {title} | {judge:.1f} | {reference:.2f} | {judge / reference:.1f} |")
    return [*lines, "", f"Medians of {timed['rounds']} rounds, CPU time. Reference: {timed['reference']}."]


def made(document: dict[str, Any]) -> list[str]:
    """When, where and with what."""
    told = document["made"]
    versions = ", ".join(f"{name} {number}" for name, number in {"Python": told["python"], **told["versions"]}.items())
    runs = sorted({scenario["runs"] for scenario in document["scenarios"]})
    how_many = " or ".join(f"{each:,}" for each in runs)
    return [
        f"{told['date']}, {told['processor']}, {told['cores']} cores, {told['processes']} processes, "
        f"{told['seconds']:.0f} s; {versions}; seed {told['seed']}; {how_many} runs of each canary."
    ]


def _required(document: dict[str, Any]) -> dict[str, float]:
    return {bar["where"]: bar["limit"] for bar in document["bars"] if bar["what"] == "power"}
