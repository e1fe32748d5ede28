"""How to read the payloads of one endpoint."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Layout:
    """What is known beforehand about an endpoint's payloads; every part may be left out.

    `columns`, `predictions`: names of the input and output columns in payload order. Without them names come from the
    payload (JSON keys, a CSV header), else they are `c0…`, and `prediction` or `prediction_0…`. `records`,
    `output_records`: JMESPath to the records of a JSON request or answer. `numeric`, `categorical`: kinds the reference
    says, or the settings: of texts they tell which are measured (see `free_text`), else they are a hint for speed and
    never for correctness. `keep`: the only columns wanted, by their names in the table.
    `identities`: whether tables tell which requests their rows are of, which takes a second look at each line.
    """

    columns: tuple[str, ...] = ()
    predictions: tuple[str, ...] = ()
    records: str = ""
    output_records: str = ""
    numeric: frozenset[str] = frozenset()
    categorical: frozenset[str] = frozenset()
    keep: frozenset[str] | None = None
    identities: bool = False
