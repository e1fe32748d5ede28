"""Sending capture objects to be profiled again."""

from collections.abc import Iterable

from trimtab.aws import sqs
from trimtab.capture.pack import ObjectProfile
from trimtab.findings import SOURCE


def profile_again(queue_url: str, objects: Iterable[ObjectProfile]) -> None:
    """Send capture objects to be profiled on the present grid, as if they had just been created."""
    identities = sorted({entry.announced for entry in objects})
    sqs.send_messages(
        queue_url,
        (
            {"source": SOURCE, "detail": {"bucket": {"name": bucket}, "object": {"key": key}}}
            for bucket, key in identities
        ),
    )
