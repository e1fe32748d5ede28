"""Pages of lists."""

from datetime import UTC, datetime

import pytest

from local.sagemaker.errors import RefusedError
from local.sagemaker.listing import is_between, listed


def test_pages_cover_all_items_once() -> None:
    seen: list[int] = []
    parameters: dict[str, object] = {"MaxResults": 3, "SortOrder": "Descending"}
    while True:
        page, more = listed([2, 5, 1, 4, 3, 0, 6], parameters, lambda item: item)
        seen += page
        if not more:
            break
        parameters |= more
    assert seen == [6, 5, 4, 3, 2, 1, 0]


def test_a_token_that_is_none_is_refused() -> None:
    for token in ("x", "9"):
        with pytest.raises(RefusedError, match="Invalid pagination token"):
            listed([1], {"NextToken": token}, lambda item: item)


def test_times_are_within_what_is_given() -> None:
    moment = datetime(2026, 11, 23, 12, tzinfo=UTC)
    epoch = moment.timestamp()
    assert is_between(moment, {}, "After", "Before")
    assert is_between(moment, {"After": epoch - 1, "Before": epoch + 1}, "After", "Before")
    assert not is_between(moment, {"After": epoch}, "After", "Before")
    assert not is_between(moment, {"Before": epoch}, "After", "Before")
