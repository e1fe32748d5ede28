"""Slack incoming webhook: one HTTP POST. No redirects, no retries; neither errors nor results contain the address."""

import http.client
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 3.0


class WebhookUnreachableError(Exception):
    """The webhook gave no HTTP answer: no connection, no TLS, no answer in time."""


@dataclass(frozen=True)
class WebhookAnswer:
    """The HTTP answer: status, the first 200 characters of the body, and the header Retry-After or an empty text."""

    status: int
    body: str
    retry_after: str


def post(url: str, payload: Mapping[str, Any], timeout: float = TIMEOUT_SECONDS) -> WebhookAnswer:
    """POST `payload` as JSON. `timeout` seconds are for the connection and again for each wait for the answer.

    Raises WebhookUnreachableError.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    connection = (
        http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=ssl.create_default_context())
        if parts.scheme == "https"
        else http.client.HTTPConnection(host, parts.port, timeout=timeout)
    )
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    body = json.dumps(payload, ensure_ascii=False).encode()
    try:
        connection.request("POST", target, body, {"Content-Type": "application/json; charset=utf-8"})
        response = connection.getresponse()
        answer = response.read(200).decode(errors="replace")
    except (OSError, http.client.HTTPException) as error:
        # Only the kind of failure: http.client's own messages can contain the secret path.
        raise WebhookUnreachableError(f"no answer from the webhook: {type(error).__name__}") from None
    finally:
        connection.close()
    return WebhookAnswer(response.status, answer, (response.getheader("Retry-After") or "").strip())
