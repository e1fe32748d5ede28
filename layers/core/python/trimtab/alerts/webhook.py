"""Rules of the Slack webhook: which address may be posted to, and what its answers mean."""

import ipaddress
import json
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from trimtab.alerts.alert import Alert, alert_of
from trimtab.findings import Finding, finding_id

Outcome = Literal["accepted", "passing", "rejected"]


class WebhookSecretError(ValueError):
    """The secret holds no usable webhook address. The message never contains the secret."""


def webhook_url(secret: str) -> str:
    """The webhook's address from the secret's value: the address itself or JSON `{"url": "https://…"}`.

    It must be https; plain http is let through to this very machine, where a test may listen.
    Raises WebhookSecretError.
    """
    text = secret.strip()
    if text.startswith("{"):
        try:
            text = json.loads(text)["url"]
        except (ValueError, KeyError):
            raise WebhookSecretError('the secret is no JSON object with the key "url"') from None
    if not isinstance(text, str) or not text.isascii() or not text.isprintable() or " " in text:
        raise WebhookSecretError("the secret's webhook address is not an address")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise WebhookSecretError("the secret's webhook address is not an address") from None
    if not host:
        raise WebhookSecretError("the secret's webhook address has no host")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise WebhookSecretError("the secret's webhook address must begin with https://")
    return text


def outcome(status: int) -> Outcome:
    """What an HTTP status of the webhook means: accepted, a passing failure worth another try, or rejected for good.

    Slack answers 400, 403, 404 and 410 when payload, permission, webhook or channel are wrong, and 429 with
    `Retry-After` above about one message a second.
    """
    if 200 <= status < 300:
        return "accepted"
    if status in (408, 425, 429) or status >= 500:
        return "passing"
    return "rejected"


def pause(status: int, retry_after: str, at_most: float) -> float | None:
    """Seconds to wait before one more try now, or None when the queue should bring the message back later."""
    if status != 429 or not retry_after.isascii() or not retry_after.isdigit() or len(retry_after) > 6:
        return None
    seconds = float(retry_after)
    return seconds if seconds <= at_most else None


def rejection_alert(rejected: Alert, why: str, now: datetime) -> Alert:
    """The alert, the same for a whole day, that Slack no longer gets alerts; `rejected` is the first that it missed."""
    return alert_of(
        Finding(
            id=finding_id("slack_webhook", why, f"{now:%Y-%m-%d}"),
            account=rejected.account,
            region=rejected.region,
            time=now,
            endpoint="",
            variant="",
            kind="self",
            severity="warning",
            state="raised",
            title="alerts do not reach Slack",
            reason=f"The Slack webhook cannot be used: {why}. Alerts come by SNS only until it is repaired. "
            "The first one that Slack missed today:\n"
            f"{rejected.heading}",
            links={"how to repair it": "docs/alerts.md, section Slack"},
        )
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
