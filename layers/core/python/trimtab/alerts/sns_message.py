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
from trimtab.alerts.text import aligned, ascii_line, one_line

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
        subject=ascii_line(f"[{tag(alert)}] {alert.heading}", SUBJECT_LENGTH),
        body=_body(alert),
        attributes={name: value for name, value in attributes.items() if value},
    )


def tag(alert: Alert) -> str:
    """The word that a reader sorts by: the severity, or RESOLVED once the fact is over."""
    return "RESOLVED" if alert.state == "cleared" else alert.severity.upper()


def _body(alert: Alert) -> str:
    sections = [
        _wrapped(f"{tag(alert)}  {alert.heading}"),
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
    head, *rows = column_table(columns)
    lines = [columns_title(columns), "", f"  {head}"]
    for row, reason in zip(rows, columns.reasons, strict=True):
        lines.append(f"  {row}")
        if reason:
            lines.append(_wrapped(reason, first=" " * 6, other=" " * 6))
    return "\n".join([*lines, *([f"  and {columns.more} more"] if columns.more else [])])


def columns_title(columns: MovedColumns) -> str:
    """What the table of columns shows."""
    return "Columns that moved most" if columns.moved else "No column moved; the largest differences"


def column_table(columns: MovedColumns) -> list[str]:
    """The columns as aligned lines, headed by the names of the cells; about 70 characters wide at most."""
    return aligned([("column", "PSI", "threshold", "verdict"), *columns.rows], numeric=frozenset({1, 2}))


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
