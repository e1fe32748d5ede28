"""What SageMaker's List operations share: filters by name and time, the order, and one page at a time."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from local.sagemaker.errors import invalid


def listed[Item](
    items: Iterable[Item],
    parameters: Mapping[str, Any],
    key: Callable[[Item], Any],
    default_order: str = "Ascending",
    default_results: int = 10,
) -> tuple[list[Item], dict[str, str]]:
    """A page of the items, in the order that the parameters ask for by `key`, and the `NextToken` if there are more.

    Raises RefusedError for a NextToken that is none.
    """
    ordered = sorted(items, key=key, reverse=parameters.get("SortOrder", default_order) == "Descending")
    token = str(parameters.get("NextToken", "0"))
    if not token.isdecimal() or int(token) > len(ordered):
        raise invalid(f'Invalid pagination token because "{token}".')
    start = int(token)
    stop = start + int(parameters.get("MaxResults", default_results))
    return ordered[start:stop], {"NextToken": str(stop)} if stop < len(ordered) else {}


def is_between(moment: datetime, parameters: Mapping[str, Any], after: str, before: str) -> bool:
    """Whether a moment is within the times of these two parameters, as far as they are given."""
    if after in parameters and moment <= _moment(parameters[after]):
        return False
    return before not in parameters or moment < _moment(parameters[before])


def _moment(value: Any) -> datetime:
    return datetime.fromtimestamp(float(value), UTC)
