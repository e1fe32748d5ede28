"""Names for the columns of captures that have none, from a reference whose number of columns agrees."""

from dataclasses import replace

from trimtab.capture.naming import name_columns
from trimtab.capture.reference import Reference
from trimtab.capture.table import Table

_PREDICTIONS = frozenset({"pred", "prediction", "predictions", "score", "probability"})


def tell_outputs(reference: Reference) -> Reference:
    """The reference with the columns as outputs whose names say that they came out of a model, unless it knows its
    outputs. A table does not tell them, and positions would confuse them with a label."""
    if reference.outputs:
        return reference
    return replace(reference, outputs=frozenset(name for name in reference.grid.columns if _is_prediction(name)))


def named_by(table: Table, reference: Reference) -> Table | None:
    """The table with names that can be compared with the reference's, or None when it has none and their number does
    not agree: `c0` of a request is not the reference's `c0` when the reference is a table with names of its own."""
    named = name_columns(table, reference)
    inputs = [name for name in named.columns if name not in named.outputs]
    is_nameless = bool(inputs) and inputs == [f"c{i}" for i in range(len(inputs))]
    known = [name for name in reference.grid.columns if name not in reference.outputs]
    if is_nameless and known != [f"c{i}" for i in range(len(known))] and not set(inputs) <= set(known):
        return None
    return named


def _is_prediction(name: str) -> bool:
    lower = name.strip().lower()
    return lower in _PREDICTIONS or lower.startswith(("y_pred", "prediction_"))
