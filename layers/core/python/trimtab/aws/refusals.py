"""Which errors of AWS are answers, so that asking again would not help, and which only say: not now."""

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
_THROTTLED = frozenset(
    {"RequestLimitExceeded", "SlowDown", "Throttling", "ThrottlingException", "TooManyRequestsException"}
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


def is_passing(error: Exception) -> bool:
    """Whether a service was too busy, or broken on its side. A connection that cannot be made may be forbidden."""
    if not isinstance(error, ClientError):
        return False
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return error.response["Error"]["Code"] in _THROTTLED or status >= 500
