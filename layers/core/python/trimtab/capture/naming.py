"""Names for columns that have none in the payload, from a reference. Loads no decoder: judges name columns too."""

from dataclasses import replace

from trimtab.capture.free_text import MEASURED, holds_texts, measured_as_known, without_measure
from trimtab.capture.reference import Reference
from trimtab.capture.rows import Side
from trimtab.capture.sample import RowSample
from trimtab.capture.sketch import Sketch
from trimtab.capture.table import Table


def name_columns[Counted: (Table, Sketch)](counted: Counted, reference: Reference) -> Counted:
    """The table or sketch with the reference's names where the payload had none and the number of columns agrees, and
    with the texts measured that the reference knows by their length."""
    names = names_by_position(counted, reference)
    if names:
        counted = replace(
            counted,
            columns={names.get(name, name): column for name, column in counted.columns.items()},
            outputs=frozenset(names.get(name, name) for name in counted.outputs),
        )
    return measured_as_known(counted, reference.grid.columns)


def name_sample(sample: RowSample, sketched: Sketch, reference: Reference) -> RowSample:
    """The sample of rows that were sketched, with the names that `name_columns` gives the sketch."""
    names = names_by_position(sketched, reference)
    return replace(
        sample,
        columns=dict(sorted((names.get(name, name), column) for name, column in sample.columns.items())),
        outputs=frozenset(names.get(name, name) for name in sample.outputs),
    )


def names_by_position(counted: Table | Sketch, reference: Reference) -> dict[str, str]:
    """The reference's names by the positional ones, of the sides that have no names and as many columns. Texts are
    named after texts, measured or not."""
    known_inputs = [name for name in reference.grid.columns if name not in reference.outputs]
    known_outputs = [name for name in reference.grid.columns if name in reference.outputs]
    names: dict[str, str] = {}
    for is_output, known in ((False, known_inputs), (True, known_outputs)):
        nameless = Side("output" if is_output else "input").positions(len(known))
        of_side = [name for name in counted.columns if (name in counted.outputs) is is_output]
        if len(of_side) != len(known) or {without_measure(name) for name in of_side} != set(nameless):
            continue
        known_as = dict(zip(nameless, known, strict=True))
        for name in of_side:
            to = known_as[without_measure(name)]
            if name not in known_as:
                to = without_measure(to) + MEASURED
            elif holds_texts(counted.columns[name]):
                to = without_measure(to)
            names[name] = to
    return names


def has_nameless_inputs(table: Table) -> bool:
    """Whether neither the payload nor anything else has named the table's inputs."""
    inputs = {without_measure(name) for name in table.columns.keys() - table.outputs}
    return bool(inputs) and inputs == set(Side("input").positions(len(inputs)))
