"""What the owner of the labels tells of the data that a training would learn from: version 1 of the data document."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

type Rows = Annotated[int, Field(ge=0)]


class DataDocumentError(ValueError):
    """A document that cannot be read. The message names every key at fault by its path."""


class DataDocument(BaseModel):
    """`new_rows`: labelled rows since the present model's training data; `rows_per_class`: the same by class, {} where
    there are no classes. `data_version`: of the data that a training would use."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    new_rows: Rows
    rows_per_class: Mapping[str, Rows]
    data_version: Annotated[str, Field(min_length=1, max_length=1024)]


def parse_data_document(text: str | bytes) -> DataDocument:
    """The document in a file. Raises DataDocumentError."""
    try:
        return data_document_of(json.loads(text))
    except ValueError as error:
        raise error if isinstance(error, DataDocumentError) else DataDocumentError(f"no JSON: {error}") from error


def data_document_of(document: Any) -> DataDocument:
    """The document in plain JSON values. Raises DataDocumentError."""
    try:
        return DataDocument.model_validate(document)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise DataDocumentError(faults) from error
