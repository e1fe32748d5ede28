"""References: the data a model was approved on, as a grid and the counts on it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trimtab.capture.free_text import settled
from trimtab.capture.grid import Grid, grid_document, grid_from_document
from trimtab.capture.pack import profile_document, profile_from_document
from trimtab.capture.profile import Profile
from trimtab.capture.sketch import Sketch, grid_of, profile_of


class InvalidReferenceError(ValueError):
    """A document that is no reference of a version this code reads, or data that can be none."""


@dataclass(frozen=True)
class Reference:
    """What live data is compared with.

    `source` says where it came from (an S3 address, or the window of captures). `created` is ISO 8601 UTC. `outputs`
    names the columns that come out of the model. `constraints` is Model Monitor's constraints.json where there was one,
    and `called_texts` names the columns that it calls String though its statistics are those of numbers.
    """

    grid: Grid
    profile: Profile
    source: str
    created: str
    outputs: frozenset[str] = frozenset()
    constraints: Mapping[str, Any] | None = None
    called_texts: frozenset[str] = frozenset()


def reference_from_sketch(
    sketch: Sketch,
    *,
    source: str,
    created: str,
    categorical: frozenset[str] = frozenset(),
    only_deciles: bool = False,
) -> Reference:
    """The reference that a window of captures makes, known by its merged sketch. `only_deciles`: see `numeric_bins`."""
    if not sketch.rows or not sketch.columns:
        raise InvalidReferenceError(f"{source}: no rows to make a reference from")
    sketch = settled(sketch, categorical)
    grid = grid_of(sketch, categorical=categorical, only_deciles=only_deciles)
    return Reference(
        grid=grid, profile=profile_of(sketch, grid), source=source, created=created, outputs=sketch.outputs
    )


def encode_reference(reference: Reference) -> bytes:
    """The reference as a JSON document."""
    return json.dumps(
        {
            "version": 1,
            "source": reference.source,
            "created": reference.created,
            "rows": reference.profile.rows,
            "outputs": sorted(reference.outputs),
            "grid": grid_document(reference.grid.columns),
            "profile": profile_document(reference.profile),
            "constraints": reference.constraints,
            "called_texts": sorted(reference.called_texts),
        }
    ).encode()


def decode_reference(body: bytes) -> Reference:
    """The inverse of `encode_reference`. Raises InvalidReferenceError when the bytes are no reference."""
    try:
        document = json.loads(body)
        if document["version"] != 1:
            raise InvalidReferenceError(f"reference version {document['version']} is not known here")
        return Reference(
            grid=grid_from_document(document["grid"]),
            profile=profile_from_document(document["profile"]),
            source=document["source"],
            created=document["created"],
            outputs=frozenset(document["outputs"]),
            constraints=document["constraints"],
            called_texts=frozenset(document.get("called_texts", ())),  # references of former versions have none
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        if isinstance(error, InvalidReferenceError):
            raise
        raise InvalidReferenceError(f"not a reference: {error!r}") from error
