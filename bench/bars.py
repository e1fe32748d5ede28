"""What a bench must hold, and how it ends: its results are written, missed bars are said, and the exit code tells."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results"

type Told = dict[str, Any]


def bar(what: str, value: float | None, limit: float, *, is_most: bool = True, where: str = "") -> Told:
    """A figure that must be at most (`is_most`) or at least `limit`; one that is None is missed."""
    holds = value is not None and (value <= limit if is_most else value >= limit)
    told = {"what": what, "value": value, "limit": limit, "is_most": is_most, "holds": holds}
    return {**told, "where": where} if where else told


def conclude(document: Told, name: str, write_page: Callable[[Told], None] | None, *, quick: bool) -> None:
    """Write `document` to `results/<name>.json` and its tables to the page, if there is one, print what its `bars` say,
    and exit: 1 when one is missed. A quick run leaves the page as it is, and its results go to a file of their own."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / (f"{name}-quick.json" if quick else f"{name}.json")
    path.write_text(json.dumps(document, indent=1) + "\n")
    if write_page is not None and not quick:
        write_page(document)
    missed = [each for each in document["bars"] if not each["holds"]]
    for each in missed:
        print(f"MISSED {said(each)}", file=sys.stderr)
    print(f"{len(document['bars']) - len(missed)} of {len(document['bars'])} bars hold; see {path}")
    raise SystemExit(1 if missed else 0)


def said(missed: Told) -> str:
    """A bar in one line: "what: measured against limit (where)"."""
    value = "nothing measured" if missed["value"] is None else f"{missed['value']:g}"
    where = f" ({missed['where']})" if missed.get("where") else ""
    return f"{missed['what']}: {value} against {missed['limit']:g}{where}"
