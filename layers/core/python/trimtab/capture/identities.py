"""Which request stands on which line of a group, and so which request each row of a table is of.

A second look at every line, so that reading rows without it costs nothing: it is had only where it is asked for.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from trimtab.capture.envelope import IdentifiedEnvelope, read_identified
from trimtab.capture.event_time import parse_event_time
from trimtab.capture.faults import FaultError
from trimtab.capture.lines import Group
from trimtab.capture.records import read_records
from trimtab.capture.table import Identities

type Requests = Mapping[int, tuple[str, int]]
"""By line number: the request's `inferenceId` or `eventId`, and when it was answered in seconds since 1970."""


def requests_on(group: Group) -> Requests:
    """The requests on a group's lines. Lines that hold none, or one without a time that can be read, are left out."""
    found = {}
    for line, envelope in read_records(group.data, group.first_line, read_identified):
        if isinstance(envelope, IdentifiedEnvelope):
            moment = _moment(envelope.event_metadata.inference_time)
            if moment is not None:
                found[line] = (envelope.event_metadata.request, moment)
    return found


def identities_of(lines: Sequence[int], counts: Sequence[int], requests: Requests) -> Identities:
    """The identities of a table's rows, which are of the requests on these lines, so many of each."""
    known = [requests[line] for line in lines]
    return Identities(
        requests=tuple(request for request, _ in known),
        moments=np.array([moment for _, moment in known], np.int64),
        counts=np.array(counts, np.int64),
    )


@lru_cache(maxsize=1024)  # requests of one second stand together
def _moment(time: str) -> int | None:
    try:
        return int(parse_event_time(time).timestamp())
    except FaultError:
        return None
