"""Where ground truth of which endpoint is uploaded, in the state table: settings are found by an endpoint's name, and a
ground-truth object does not tell it. Learnt from an endpoint's captures, which come before its labels."""

from collections.abc import Mapping
from contextlib import suppress

from trimtab.aws.state_table import StaleStateError, read_state, write_state

_KEY = ("quality", "label-prefixes")


def known_prefixes(table: str) -> Mapping[str, str]:
    """The prefixes by endpoint, as its settings had them when one of its captures was read last."""
    return read_state(table, *_KEY).content


def learn_prefix(table: str, endpoint: str, prefix: str) -> None:
    """Remember an endpoint's prefix. Should another run write at the same time, the next capture does it."""
    before = read_state(table, *_KEY)
    if before.content.get(endpoint) != prefix:
        with suppress(StaleStateError):
            write_state(table, *_KEY, {**before.content, endpoint: prefix}, after=before)
