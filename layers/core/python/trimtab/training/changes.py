"""What else is being done to an endpoint, from its change item (partition `change` of the state table)."""

from collections.abc import Mapping
from typing import Any

OVER = frozenset({"promoted", "rolled_back", "failed"})
"""The phases that end rollouts, restorations and changes of instances."""


def change_in_progress(content: Mapping[str, Any]) -> str:
    """What is being done, "" when nothing is."""
    if not content or content.get("phase") in OVER:
        return ""
    return f"{content.get('kind', 'change')} {content.get('id', '')}".strip()
