"""What is remembered of a variant from window to window, in the state table."""

from typing import Literal

from trimtab.aws.state_table import StateDocument, read_state, write_state
from trimtab.drift.history import History, history_document, history_from_document


class VariantHistory:
    """The stored history of one variant: of its drift, or of the quality of its data."""

    def __init__(self, table: str, endpoint: str, variant: str, of: Literal["drift", "data"]) -> None:
        self._where = (table, f"endpoint#{endpoint}", f"{of}#{variant}")
        self._stored = read_state(*self._where)

    @property
    def last(self) -> History:
        """The history as it was last read or written."""
        return history_from_document(self._stored.content)

    def write(self, history: History) -> None:
        """Remember this history, unless it is known. Raises StaleStateError when another run wrote one meanwhile."""
        document = history_document(history)
        if document != self._stored.content:
            write_state(*self._where, document, after=self._stored)
            self._stored = StateDocument(document, self._stored.version + 1)
