"""An alert as an SNS message: a subject line and a plain text that reads well in a mail client.

SNS refuses a Subject that is not ASCII text beginning with a letter, number or punctuation mark, without line breaks
or control characters, shorter than 100 characters; message and attributes together may have 262,144 bytes; the value
of an attribute must not be empty (SNS API reference, Publish and MessageAttributeValue).
"""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

from trimtab.alerts.alert import Alert
from trimtab.alerts.drift_evidence import MovedColumns
from trimtab.alerts.text import aligned, ascii_line, one_line, shorten

WIDTH = 76
SUBJECT_LENGTH = 99


@dataclass(frozen=True)
class SnsMessage:
    """What is published on the alert topic. `attributes` are strings to filter subscriptions by."""

    subject: str
    body: str
    attributes: Mapping[str, str]


def sns_message(alert: Alert) -> SnsMessage:
    """The SNS message for an alert."""
    attributes = {
        "severity": alert.severity,
        "endpoint": alert.endpoint,
        "variant": alert.variant,
        "kind": alert.kind,
        "state": alert.state,
        "account": alert.account,
        "region": alert.region,
    }
    return SnsMessage(
        subject=ascii_line(f"[{tag(alert)}] {_heading(alert)}", SUBJECT_LENGTH),
        body=_body(alert),
        attributes={name: value for name, value in attributes.items() if value},
    )


def tag(alert: Alert) -> str:
    """The word that a reader sorts by: the severity, or RESOLVED once the fact is over."""
    return "RESOLVED" if alert.state == "cleared" else alert.severity.upper()


def _heading(alert: Alert) -> str:
    return alert.headline if alert.title == alert.headline else f"{alert.headline}: {alert.title}"


def _body(alert: Alert) -> str:
    sections = [
        _wrapped(f"{tag(alert)}  {alert.headline}"),
        "" if alert.title == alert.headline else _wrapped(alert.title),
        "\n".join(_wrapped(line) for line in alert.reason.splitlines()),
        _facts(alert),
        _columns(alert.columns) if alert.columns else "",
        _next_steps(alert),
        "\n".join(["Links", *(f"  {name}: {target}" for name, target in alert.links)]) if alert.links else "",
        _wrapped(f"Not understood of this finding: {alert.unread}") if alert.unread else "",
        f"As it was received\n\n{alert.raw}" if alert.raw else "",
        f"--\nTrimtab, finding {one_line(alert.id, 200)}",
    ]
    return "\n\n".join(section for section in sections if section) + "\n"


def _facts(alert: Alert) -> str:
    if not alert.facts:
        return ""
    margin = max(len(label) for label, _ in alert.facts) + 4
    return "\n".join(
        _wrapped(value, first=f"  {label}".ljust(margin), other=" " * margin) for label, value in alert.facts
    )


def _columns(columns: MovedColumns) -> str:
    title = "Columns that moved most" if columns.moved else "No column moved; the largest differences"
    more = [f"  and {columns.more} more"] if columns.more else []
    return "\n".join([title, "", *(f"  {line}" for line in column_table(columns, WIDTH - 2)), *more])


def column_table(columns: MovedColumns, width: int) -> list[str]:
    """The columns as aligned lines of at most `width` characters (72 or more), headed by their names."""
    lines = aligned(
        [("column", "PSI", "threshold", "verdict", "why"), *columns.rows],
        numeric=frozenset({1, 2}),
    )
    return [shorten(line, width) for line in lines]


def _next_steps(alert: Alert) -> str:
    if not alert.next_steps:
        return ""
    if len(alert.next_steps) == 1:
        steps = [_wrapped(alert.next_steps[0], first="  ", other="  ")]
    else:
        steps = [_wrapped(step, first=f"  {n}. ", other="     ") for n, step in enumerate(alert.next_steps, 1)]
    return "\n".join(["What to do next", "", *steps])


def _wrapped(text: str, first: str = "", other: str = "") -> str:
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=other,
        # An address that is broken over lines can be neither clicked nor copied.
        break_long_words=False,
        break_on_hyphens=False,
    )
