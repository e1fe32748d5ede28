"""How one side of an endpoint is: a level, a word and the detail behind it. Not known is a level of its own."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from trimtab.pages.markup import Markup, tag

type Level = Literal["bad", "warn", "busy", "unknown", "good", "none"]
"""`unknown`: it should be known and is not. `none`: there is nothing of the kind."""

WORST_FIRST: tuple[Level, ...] = ("bad", "warn", "busy", "unknown", "good", "none")
_SHAPES: Mapping[Level, str] = {"bad": "▲", "warn": "◆", "busy": "◐", "unknown": "○", "good": "●", "none": "·"}
SEVERITY_LEVELS: Mapping[str, Level] = {"critical": "bad", "warning": "warn", "info": "good"}


@dataclass(frozen=True, slots=True)
class Status:
    """One side of an endpoint. `since`: since when it is so, ISO 8601, "" when that is not known."""

    level: Level
    word: str
    detail: str = ""
    since: str = ""

    def document(self) -> dict[str, Any]:
        """The status as plain JSON values."""
        return asdict(self)


def worst(statuses: Iterable[Status]) -> Status:
    """The one that needs a person first; of equals the first. Raises ValueError without any."""
    return min(statuses, key=lambda each: WORST_FIRST.index(each.level))


def pill(status: Status) -> Markup:
    """The word beside a shape: never by colour alone."""
    return label(status.level, status.word)


def label(level: Level, word: str) -> Markup:
    """A word with a level's shape and colour."""
    return tag("span", tag("span", _SHAPES[level], class_="shape", aria_hidden="true"), word, class_=f"pill {level}")


def finding_level(severity: str, state: str) -> Level:
    """The level at which a finding is shown: what is over is no more a fault."""
    return "good" if state == "cleared" else SEVERITY_LEVELS.get(severity, "unknown")
