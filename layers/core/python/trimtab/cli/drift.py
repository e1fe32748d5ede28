"""`trimtab drift`: the verdict on captures or tables against a reference, as detect_drift reaches it on one window."""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from trimtab.capture.decode import Unreadable
from trimtab.capture.faults import printable
from trimtab.capture.grid import NumericBins
from trimtab.capture.profile import Profile, add_profiles, profile_table
from trimtab.capture.reference import Reference
from trimtab.cli.naming import named_by
from trimtab.cli.options import InputError, add_reading_options, settings_of
from trimtab.cli.output import aligned, count, figure, print_json, share, tell, warn
from trimtab.cli.parallel import map_parts
from trimtab.cli.reading import Account, Reading, place, read_part, reading_of
from trimtab.cli.references import build_reference
from trimtab.cli.sources import Part, find_files, parts_of
from trimtab.drift.assessment import Assessment, assess
from trimtab.drift.dates import WHY_NOT_JUDGED
from trimtab.drift.evidence import column_document
from trimtab.drift.verdict import Verdict
from trimtab.settings import EndpointSettings

EXIT_CODES = {Verdict.OK: 0, Verdict.WARN: 0, Verdict.ALERT: 3, Verdict.INSUFFICIENT_DATA: 4}
_FIGURES = (
    "kind",
    "psi",
    "psi_adjusted",
    "p",
    "ks",
    "wasserstein",
    "jensen_shannon",
    "missing",
    "unseen",
    "verdict",
    "reason",
)
_NOTABLY_FEWER = 0.9
_ORDER = ("ALERT", "WARN", "OK", "INSUFFICIENT_DATA")
_HEADER = ("column", "kind", "PSI", "adjusted", "p", "missing", "unseen", "verdict", "reason")


@dataclass(frozen=True)
class Counted:
    """Current data on the reference's grid. `seen`: the columns that occurred, whether or not the grid knows them.
    `misfits`: rows without names whose number of columns is not the reference's, and `widths` how many they had."""

    profile: Profile
    seen: frozenset[str] = frozenset()
    misfits: int = 0
    widths: frozenset[int] = frozenset()
    account: Account = field(default_factory=Account)


def add_drift_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "drift",
        help="has current data drifted from a reference?",
        description="Compares captures, CSV or Parquet with a reference. Exit code: 0 no drift (OK, WARN), 3 drift "
        "(ALERT), 4 too little data to say, 2 bad input.",
    )
    parser.add_argument("--reference", required=True, metavar="PATH", help="file, folder, glob or s3://bucket/prefix")
    parser.add_argument("--current", required=True, nargs="+", metavar="PATH", help="the same, for current data")
    add_reading_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the verdict; its exit code. Raises InputError, InvalidReferenceError, OSError."""
    settings = settings_of(arguments)
    current_files = find_files(arguments.current)  # before the long work: is everything there?
    built = build_reference(arguments.reference, settings, arguments.jobs)
    reference = built.reference
    parts = [part for path in current_files for part in parts_of(path, may_hold_rows=True)]
    current = count_current(parts, settings, reference, arguments.jobs)
    _refuse_what_cannot_be_compared(arguments.current, current, reference)
    absent = reference.grid.columns.keys() - current.seen if current.profile.rows else frozenset[str]()
    assessment = assess(
        reference,
        current.profile,
        settings.drift,
        importance=settings.importance or None,
        critical=settings.critical,
        ignore=settings.ignore | absent | built.running_numbers,
    )
    unjudged = {
        **dict.fromkeys(absent, "does not occur in the current data"),
        **dict.fromkeys(built.running_numbers, "numbers the rows of the reference: no feature"),
        **dict.fromkeys(assessment.dates, WHY_NOT_JUDGED),
    }
    document = verdict_document(
        assessment, reference, {name: why for name, why in unjudged.items() if name not in settings.ignore}
    )
    _warn_of_losses("reference", built.account)
    _warn_of_losses("current", current.account)
    if current.misfits:
        warn(f"current: {_misfits(current, reference)}")
    if arguments.json:
        print_json(document)
    else:
        _print_table(document)
    return EXIT_CODES[assessment.verdict]


def count_current(parts: list[Part], settings: EndpointSettings, reference: Reference, jobs: int) -> Counted:
    """The counts of all parts on the reference's grid."""
    columns = reference.grid.columns
    reading = replace(reading_of(settings, names=tuple(columns)), layout=settings.layout(columns))
    work = partial(count_part, reading=reading, reference=reference)
    total = Counted(add_profiles([], reference.grid))
    for counted in map_parts(work, parts, jobs):
        total = Counted(
            add_profiles([total.profile, counted.profile], reference.grid),
            total.seen | counted.seen,
            total.misfits + counted.misfits,
            total.widths | counted.widths,
            total.account + counted.account,
        )
    return total


def count_part(part: Part, reading: Reading, reference: Reference) -> Counted:
    """The counts of one part."""
    profiles: list[Profile] = []
    seen: set[str] = set()
    widths: set[int] = set()
    misfits = 0
    account = Account()
    for item in read_part(part, reading):
        if isinstance(item, Unreadable):
            account = account.with_unreadable(part, item)
            continue
        account = account.with_table(item)
        table = named_by(item, reference) if part.format != "table" else item
        if table is None:
            misfits += item.rows
            widths.add(len(item.columns.keys() - item.outputs))
            continue
        seen |= table.columns.keys()
        profiles.append(profile_table(table, reference.grid))
    return Counted(add_profiles(profiles, reference.grid), frozenset(seen), misfits, frozenset(widths), account)


def verdict_document(assessment: Assessment, reference: Reference, unjudged: Mapping[str, str]) -> dict[str, Any]:
    """The result as plain JSON values, the columns that moved most first. `unjudged`: columns that were not compared,
    and why."""
    documents = {name: column_document(column) for name, column in assessment.columns.items()}
    for name, why in unjudged.items():
        profile = reference.profile.columns[name]
        documents[name] = {
            "kind": "numeric" if isinstance(reference.grid.columns[name], NumericBins) else "categorical",
            "missing": [profile.missing / profile.cells if profile.cells else 0.0, None],
            "verdict": Verdict.INSUFFICIENT_DATA.value,
            "reason": why,
        }
    ranked = sorted(
        documents.items(),
        key=lambda item: (_ORDER.index(item[1]["verdict"]), -(item[1].get("psi_adjusted") or 0.0), item[0]),
    )
    return {
        "verdict": assessment.verdict.value,
        "reason": assessment.reason,
        "rows": {"reference": assessment.rows[0], "current": assessment.rows[1]},
        "columns": {
            name: {key: document.get(key) for key in _FIGURES}
            | {"reason": document["reason"] or document.get("skipped") or ""}
            | _fewer_rows(document)
            for name, document in ranked
        },
    }


def _fewer_rows(document: Mapping[str, Any]) -> dict[str, Any]:
    """As how many independent rows a column's rows count, where that is fewer."""
    return {key: document[key] for key in ("rows", "rows_effective") if "rows_effective" in document}


def _refuse_what_cannot_be_compared(patterns: list[str], current: Counted, reference: Reference) -> None:
    name = ", ".join(patterns)
    if not current.profile.rows and current.misfits:
        raise InputError(f"{name}: {_misfits(current, reference)}")
    if not current.profile.rows and current.account.first:
        raise InputError("nothing could be read: " + "; ".join(place(*each) for each in current.account.first.values()))
    if current.profile.rows and not reference.grid.columns.keys() & current.seen:
        theirs, ours = _some(current.seen), _some(reference.grid.columns)
        raise InputError(f"{name}: no column is in the reference: there are {theirs}, and {ours} in the reference")


def _misfits(current: Counted, reference: Reference) -> str:
    widths = " or ".join(map(str, sorted(current.widths)))
    inputs = len(reference.grid.columns.keys() - reference.outputs)
    return (
        f"{count(current.misfits, 'row')} cannot be compared: requests have {widths} values without names, and the "
        f"reference has {inputs} input columns; name those of the requests, in order, with --columns"
    )


def _some(names: Mapping[str, Any] | frozenset[str]) -> str:
    ordered = list(names) if isinstance(names, Mapping) else sorted(names)
    return ", ".join(ordered[:5]) + (", …" if len(ordered) > 5 else "")


def _warn_of_losses(side: str, account: Account) -> None:
    for reason, times in account.reasons.most_common():
        warn(f"{side}: {times:,} {reason}, the first in {place(*account.first[reason])}")


def _print_table(document: Mapping[str, Any]) -> None:
    rows = [
        (
            printable(name),
            column["kind"],
            figure(column["psi"]),
            figure(column["psi_adjusted"]),
            figure(column["p"]),
            " → ".join(share(value) for value in column["missing"] if value is not None),
            share(column["unseen"]),
            column["verdict"],
            printable(column["reason"]),
        )
        for name, column in document["columns"].items()
    ]
    if rows:
        tell("\n".join(aligned(_HEADER, rows)))
        tell("")
    if note := _note_on_requests(document["columns"]):
        tell(note)
    tell(f"{document['verdict']}: {printable(document['reason'])}")


def _note_on_requests(columns: Mapping[str, Mapping[str, Any]]) -> str:
    """Which columns' rows count as notably fewer in the tests, and as how few at worst; "" where none do."""
    shares = {
        name: column["rows_effective"][1] / column["rows"][1]
        for name, column in columns.items()
        if "rows_effective" in column and column["rows"][1]
    }
    fewer = sorted((share, name) for name, share in shares.items() if share < _NOTABLY_FEWER)
    if not fewer:
        return ""
    least = columns[fewer[0][1]]
    return (
        f"rows of one request are alike in {count(len(fewer), 'column')}: in the tests, "
        f"{least['rows'][1]:,} of {printable(fewer[0][1])} count as {least['rows_effective'][1]:,}"
    )
