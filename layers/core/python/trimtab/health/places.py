"""What is watched: endpoints with their variants, since when each captures as it does, and what is watched no more."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

WHOLE = "*"
"""Stands for an endpoint as a whole beside its variants."""

type Places = Mapping[str, Iterable[str]]
"""The variants by endpoint."""


def places_left(known: Places, watched: Places, left: Mapping[str, str]) -> dict[tuple[str, str], str]:
    """The places (endpoint and variant) that were watched and are no more, each with a sentence that says why.

    `known`: what was watched before. `watched`: what is now; an endpoint that shows no variants is between two states.
    `left`: why endpoints are watched no more. Endpoints in neither are left as they are.
    """
    places: dict[tuple[str, str], str] = {}
    for endpoint, variants in known.items():
        if endpoint in left:
            places |= {(endpoint, variant): left[endpoint] for variant in (WHOLE, *variants)}
        elif now := set(watched.get(endpoint, ())):
            gone = [variant for variant in variants if variant not in now]
            places |= {(endpoint, variant): f"The endpoint has no variant {variant} any more." for variant in gone}
    return places


def places_known(known: Places, watched: Places, forgotten: Iterable[str]) -> dict[str, list[str]]:
    """What is known to be watched from now on, as plain JSON values. `forgotten`: endpoints that need not be looked for
    again."""
    now = {endpoint: sorted(variants or known.get(endpoint, ())) for endpoint, variants in watched.items()}
    after = {endpoint: sorted(variants) for endpoint, variants in known.items()} | now
    done = set(forgotten)
    return {endpoint: after[endpoint] for endpoint in sorted(after) if endpoint not in done}


def configured_since(
    document: Mapping[str, Any], configuration: str, *, created: datetime, changed: datetime
) -> datetime:
    """Since when an endpoint has the configuration it has, and so captures as it does.

    `changed`, when it was last updated, moves with every scaling too: it stands for that only until the configuration
    has been seen. `document`: as `configuration_document` remembered it. `created`: an endpoint that was made anew may
    have the same configuration.
    """
    if document.get("configuration") != configuration:
        return changed
    return max(created, datetime.fromisoformat(document["configured"]))


def configuration_document(configuration: str, since: datetime) -> dict[str, Any]:
    """What is remembered of an endpoint's configuration, as plain JSON values."""
    return {"configuration": configuration, "configured": since.isoformat()}
