"""What pydantic finds wrong with a document, in words that name each key at fault by its path."""

from pydantic import ValidationError


def faults_of(error: ValidationError, *, with_paths: bool = True) -> str:
    """Every fault, as `drift.psi: Input should be greater than 0`, joined by semicolons."""
    return "; ".join(_fault(fault["loc"] if with_paths else (), fault["msg"]) for fault in error.errors())


def _fault(location: tuple[int | str, ...], message: str) -> str:
    # pydantic puts the members of a union into the path; they are no part of the document
    path = ".".join(str(part) for part in location if not str(part).startswith(("constrained-", "tuple[", "float")))
    message = message.removeprefix("Value error, ")
    return f"{path}: {message}" if path else message
