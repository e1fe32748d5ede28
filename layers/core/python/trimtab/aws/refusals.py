"""Which errors of SageMaker are answers: asking again would not help."""

from botocore.exceptions import ClientError

_FINAL = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "ResourceInUse",
        "ResourceLimitExceeded",
        "ResourceNotFound",
        "ResourceNotFoundException",
        "ValidationError",
        "ValidationException",
    }
)


class RefusedError(RuntimeError):
    """SageMaker refuses what was asked, and would again. The message has its code and its words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


def translated(error: ClientError) -> Exception:
    """A RefusedError for an answer that is final, the error itself for one that may be another the next time."""
    told = error.response["Error"]
    return RefusedError(told["Code"], told.get("Message", "")) if told["Code"] in _FINAL else error
