"""What is remembered of retrainings, in the state table, and the documents that trainings are told by, in buckets."""

from trimtab.aws import s3
from trimtab.aws.state_table import StateDocument, list_states, read_state, write_state
from trimtab.training.attempts import RETRAININGS, Retrainings, retrainings_of


def read_retrainings(table: str, endpoint: str) -> tuple[Retrainings, StateDocument]:
    """The memory of an endpoint, and the document that it was read from."""
    document = read_state(table, RETRAININGS, endpoint)
    return retrainings_of(document.content), document


def all_retrainings(table: str) -> dict[str, Retrainings]:
    """The memories of all endpoints that have one."""
    return {name: retrainings_of(each.content) for name, each in list_states(table, RETRAININGS).items()}


def write_retrainings(table: str, endpoint: str, memory: Retrainings, after: StateDocument) -> StateDocument:
    """Replace the document that was read as `after`; the new one. Raises StaleStateError when it has changed since."""
    content = memory.document()
    write_state(table, RETRAININGS, endpoint, content, after)
    return StateDocument(content, after.version + 1)


def read_uri(uri: str) -> bytes | None:
    """The object at an `s3://` address, None when there is none, or none that may be read."""
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    try:
        return s3.read_object(bucket, key)
    except (s3.ObjectNotFoundError, s3.ObjectForbiddenError):
        return None
