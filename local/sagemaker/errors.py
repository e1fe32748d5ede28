"""What the SageMaker side answers when it answers no."""

from typing import Any

IN_PROGRESS = 'Cannot update in-progress endpoint "{}".'
"""SageMaker's words for a change of an endpoint that is changing already, around its ARN."""


class RefusedError(Exception):
    """A request that SageMaker refuses, with the error code and message it refuses it with."""

    def __init__(self, code: str, message: str, **members: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.members = code, message, members


def invalid(message: str) -> RefusedError:
    """The refusal of a request that can't be granted as it is: SageMaker's `ValidationException`."""
    return RefusedError("ValidationException", message)
