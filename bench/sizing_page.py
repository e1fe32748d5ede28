"""The bench's figures as the tables of docs/sizing-figures.md."""

from pathlib import Path
from typing import Any

from bench.page import table, write_parts

PAGE = Path(__file__).parents[1] / "docs" / "sizing-figures.md"
COMMAND = "make bench-sizing"

type Told = dict[str, Any]


def write_page(document: Told, page: Path = PAGE) -> None:
    """Put the tables between their marks on the page."""
    write_parts(page, parts(document), COMMAND)


def parts(document: Told) -> dict[str, list[str]]:
    """The lines of each part of the page."""
    return {
        "made": made(document),
        "bars": table(
            ("", "measured", "asked for"),
            [
                (bar["what"], f"{bar['value']:g}", f"{'≤' if bar['is_most'] else '≥'} {bar['limit']:g}")
                for bar in document["bars"]
            ],
        ),
        "rules": table(
            (
                "who chooses",
                "endpoints",
                "holds, %",
                "holds with 20 % more, %",
                "cost, × cheapest with reserves",
                "× cheapest of all",
                "× today's",
            ),
            [
                (
                    each["rule"],
                    f"{each['endpoints']}",
                    percent(each["holds"]),
                    percent(each["holds_grown"]),
                    times(each["cost_with_reserves"]),
                    times(each["cost_at_all"]),
                    times(each["cost_of_today"]),
                )
                for each in document["rules"]
            ],
        ),
        "groups": [*_groups("traffic", document), "", *_groups("service", document)],
        "verdicts": table(
            ("verdict", "endpoints", "of which today's fleet holds the week after, %"),
            [(each["verdict"], f"{each['endpoints']}", percent(each["today_holds"])) for each in document["verdicts"]],
        ),
    }


def made(document: Told) -> list[str]:
    """When, where and with what."""
    told, speed = document["made"], document["speed"]
    versions = ", ".join(f"{name} {number}" for name, number in {"Python": told["python"], **told["versions"]}.items())
    return [
        f"{told['date']}, {told['processor']}, {told['cores']} cores, {told['processes']} processes, "
        f"{told['seconds']:.0f} s; {versions}; seed {told['seed']}; {len(document['endpoints'])} endpoints. Sizing "
        f"one took {speed['seconds']:g} s (median of {len(speed['runs'])}, slowest {speed['slowest_seconds']:g} s), "
        f"in a process that had {speed['mb']} MB at the most."
    ]


def percent(value: float | None) -> str:
    """A share in percent."""
    return "–" if value is None else f"{100 * value:.1f}"


def times(value: float | None) -> str:
    """A ratio."""
    return "–" if value is None else f"{value:.2f}"


def _groups(by: str, document: Told) -> list[str]:
    return table(
        (by, "endpoints", "holds, %", "cost, × cheapest with reserves"),
        [
            (each[by], f"{each['endpoints']}", percent(each["holds"]), times(each["cost_with_reserves"]))
            for each in document[by]
        ],
    )
