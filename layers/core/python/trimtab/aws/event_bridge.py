"""Publishing findings on the findings bus."""

from collections.abc import Iterable
from itertools import batched

from trimtab.aws.clients import events
from trimtab.findings import SOURCE, Finding

_ENTRIES_PER_CALL = 10


class PublishError(RuntimeError):
    """The bus did not take every finding. Publishing all of them again is safe: their ids are the same."""


def publish_findings(bus: str, findings: Iterable[Finding]) -> None:
    """Put findings on the bus. Raises PublishError when an entry was refused."""
    for batch in batched(findings, _ENTRIES_PER_CALL, strict=False):
        answer = events().put_events(
            Entries=[
                {
                    "Source": SOURCE,
                    "DetailType": finding.detail_type,
                    "Detail": finding.model_dump_json(),
                    "EventBusName": bus,
                    "Time": finding.time,
                }
                for finding in batch
            ]
        )
        refused = [entry for entry in answer["Entries"] if "ErrorCode" in entry]
        if refused:
            raise PublishError(
                f"{len(refused)} of {len(batch)}: {refused[0].get('ErrorCode')} {refused[0].get('ErrorMessage')}"
            )
