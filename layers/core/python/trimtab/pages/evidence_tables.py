"""Evidence as readable tables, whatever its shape: plain values as facts, lists of objects and objects of objects as
tables. Nothing is left out: what is too deep for a table stands as JSON."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trimtab.pages.figures import UNKNOWN, minute, moment_of, number
from trimtab.pages.lists import fact_list, plain_table
from trimtab.pages.markup import Markup, tag

MOST_ROWS = 200
_PLAIN = (str, int, float, bool, type(None))


def evidence_sections(evidence: Mapping[str, Any]) -> Iterator[Markup]:
    """A section per part of the evidence that is no plain value; those together come first."""
    plain = {key: value for key, value in evidence.items() if _is_short(value)}
    if plain:
        yield tag(
            "section", tag("h2", "Evidence"), fact_list((heading(key), value_text(each)) for key, each in plain.items())
        )
    for key, value in evidence.items():
        if key not in plain and value:
            yield tag("section", tag("h2", heading(key)), _part(heading(key), value))


def heading(key: str) -> str:
    """A key as people write it."""
    return key.replace("_", " ").strip().capitalize() or key


def value_text(value: Any) -> str:
    """A plain value, or a short list of them."""
    match value:
        case None:
            return UNKNOWN
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return number(value)
        case str():
            moment = moment_of(value) if "T" in value else None
            return minute(moment) if moment else value
        case list() | tuple():
            return ", ".join(value_text(each) for each in value) or "none"
        case Mapping() if _is_flat(value):
            return ", ".join(f"{key}: {value_text(each)}" for key, each in value.items()) or "none"
        case _:
            return json.dumps(value, default=str)


def _part(name: str, value: Any) -> Markup:
    if isinstance(value, Mapping):
        if all(isinstance(each, Mapping) for each in value.values()):
            return _objects(name, "Name", [(key, each) for key, each in value.items()])
        if all(_is_short(each) or _is_flat(each) for each in value.values()):
            return fact_list((heading(key), value_text(each)) for key, each in value.items())
    if isinstance(value, Sequence) and value and all(isinstance(each, Mapping) for each in value):
        return _objects(name, "No.", [(str(place), each) for place, each in enumerate(value, 1)])
    return tag("pre", json.dumps(value, indent=1, default=str), class_="card")


def _objects(name: str, first: str, rows: list[tuple[str, Mapping[str, Any]]]) -> Markup:
    """A row per object; `first` heads their names. Columns that no object has a value for are left out."""
    keys = dict.fromkeys(key for _, each in rows for key, value in each.items() if value not in (None, "", [], {}))
    numeric = frozenset(
        place
        for place, key in enumerate(keys, 1)
        if all(isinstance(each.get(key), int | float | None) for _, each in rows)
    )
    cells = [(key, *(value_text(each.get(column)) for column in keys)) for key, each in rows[:MOST_ROWS]]
    more = f" The first {MOST_ROWS} of {len(rows)}." if len(rows) > MOST_ROWS else ""
    table = plain_table(f"{name}.{more}", (first, *map(heading, keys)), cells, numeric=numeric)
    return tag("div", table, class_="card")


def _is_flat(value: Any) -> bool:
    return isinstance(value, Mapping) and len(value) <= 12 and all(isinstance(each, _PLAIN) for each in value.values())


def _is_short(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= 12 and all(isinstance(each, _PLAIN) for each in value)
    return isinstance(value, _PLAIN)
