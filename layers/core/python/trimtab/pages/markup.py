"""HTML made of nested calls. Text is escaped wherever it comes from: only `tag` and `joined` make markup."""

import re
from collections.abc import Iterable
from html import escape

from trimtab.alerts.text import clean

type Child = str | Iterable["Child"] | None
"""What a tag may hold: markup as it is, other text escaped, several of these, nothing."""

_VOID = frozenset({"meta", "input", "link", "br", "hr", "wbr"})
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Marks that make text read otherwise than it is spelled."""


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Markup:
    """An element. An attribute's underscores are hyphens, one at its end is dropped (`class_`); None and False leave it
    out, True gives it without a value."""
    opening = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{text(str(value))}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{opening}>")
    return Markup(f"<{name}{opening}>{joined(*children)}</{name}>")


def joined(*children: Child) -> Markup:
    """The children one after the other."""
    return Markup("".join(_rendered(child) for child in children))


def text(value: str) -> Markup:
    """Text made safe for any place in a page: escaped, without control characters and without marks that reorder it."""
    return Markup(escape(_REORDERING.sub("\ufffd", clean(value)), quote=True))


def _rendered(child: Child) -> str:
    match child:
        case None:
            return ""
        case Markup():
            return child
        case str():
            return text(child)
        case _:
            return "".join(_rendered(each) for each in child)
