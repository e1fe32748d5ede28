"""An alert as a Slack message of Block Kit blocks.

Slack's limits: 50 blocks, header 150 characters, section text 3,000, ten fields of 2,000. Besides, an undocumented
limit on all blocks together has been met at 13,200 and even at 11,341 characters of text (slackapi/bolt-js issues 2509
and 2867), so every part is kept so short that all texts together stay below `TOTAL_LENGTH` characters.
"""

from collections.abc import Mapping
from typing import Any

from trimtab.alerts.alert import Alert
from trimtab.alerts.drift_evidence import MovedColumns
from trimtab.alerts.sns_message import column_table, columns_title, tag
from trimtab.alerts.text import one_line

TOTAL_LENGTH = 11_200
MAX_FIELDS = 10
LINK_LENGTH = 400
SIGNED_LENGTH = 2_200
"""Of the address of one link, the first that is so long. The credentials of a role make signed links that long."""

_SIGNS = {"critical": "🔴", "warning": "🟠", "info": "🔵"}
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

Block = Mapping[str, Any]


def slack_message(alert: Alert) -> Mapping[str, Any]:
    """The payload for an incoming webhook: `text` for notifications, `blocks` for the channel."""
    sign = "✅" if alert.state == "cleared" else _SIGNS[alert.severity]
    if alert.state == "continued":
        sign += "🔁"
    blocks: list[Block] = [
        {"type": "header", "text": _plain(f"{sign} {alert.heading}", 150)},
    ]
    if alert.reason:
        blocks.append({"type": "section", "text": _plain(alert.reason, 1200)})
    if alert.facts:
        blocks.append({"type": "section", "fields": _facts(alert.facts)})
    if alert.columns:
        blocks.append({"type": "section", "text": _mrkdwn(_columns(alert.columns))})
    if alert.next_steps:
        steps = "\n".join(f"{number}. {step}" for number, step in enumerate(alert.next_steps, 1))
        blocks.append({"type": "section", "text": _plain(f"What to do next\n{steps}", 900)})
    if alert.links:
        blocks += [{"type": "section", "text": _mrkdwn(text)} for text in _links(alert.links)]
    if alert.unread:
        blocks.append({"type": "section", "text": _plain(f"Not understood of this finding: {alert.unread}", 300)})
    if alert.raw:
        blocks.append({"type": "section", "text": _mrkdwn(_code(alert.raw, 1200))})
    blocks.append(
        {"type": "context", "elements": [_plain(f"{tag(alert)}. Trimtab, finding {one_line(alert.id, 100)}", 200)]}
    )
    return {"text": escaped(f"{sign} [{tag(alert)}] {alert.heading}", 500), "blocks": blocks}


def escaped(text: str, limit: int) -> str:
    """`text` with &, < and > as the entities that Slack demands, cut to `limit` characters, never within an entity."""
    whole = "".join(_ENTITIES.get(character, character) for character in text)
    if len(whole) <= limit:
        return whole
    kept = whole[: limit - 1]
    start = kept.rfind("&")
    if start != -1 and ";" not in kept[start:]:
        kept = kept[:start]
    return f"{kept}…"


def _plain(text: str, limit: int) -> Block:
    # Plain text: a column named *price* or <!channel> stays what it is.
    return {"type": "plain_text", "text": escaped(text, limit), "emoji": True}


def _mrkdwn(text: str) -> Block:
    return {"type": "mrkdwn", "text": text}


def _facts(facts: tuple[tuple[str, str], ...]) -> list[Block]:
    shown = facts if len(facts) <= MAX_FIELDS else (*facts[: MAX_FIELDS - 1], ("And", "more in the mail"))
    return [_plain(f"{label}\n{value}", 200) for label, value in shown]


def _columns(columns: MovedColumns) -> str:
    table = _code("\n".join(column_table(columns)), 1500)
    more = f"\nand {columns.more} more" if columns.more else ""
    return f"*{columns_title(columns)}*\n{table}{more}"


def _code(text: str, limit: int) -> str:
    return f"```{escaped(text.replace('`', "'"), limit)}```"


def _links(links: tuple[tuple[str, str], ...]) -> list[str]:
    """A line per link; S3 addresses cannot be clicked in Slack, so they are shown as code to copy. The first long one
    comes by itself, for a text has a limit too."""
    named = [(escaped(name.replace("|", " "), 50), target) for name, target in links]
    long = next((link for link in named if _address(link[1], LINK_LENGTH).endswith("…")), None)
    lines = "\n".join(_link(*link, LINK_LENGTH) for link in named if link is not long)
    return [text for text in (_link(*long, SIGNED_LENGTH) if long else "", lines) if text]


def _link(name: str, target: str, limit: int) -> str:
    address = _address(target, limit)
    if address.endswith("…"):
        return f"{name}: too long for Slack, see the mail"
    return f"<{address}|{name}>" if target.startswith(("https://", "http://")) else f"{name}: `{address}`"


def _address(target: str, limit: int) -> str:
    return escaped(target.replace("|", "%7C").replace("`", "%60"), limit)
