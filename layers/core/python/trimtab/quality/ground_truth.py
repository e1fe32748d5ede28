"""The labels in a ground-truth object, as they are kept for each endpoint that they are of."""

from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import batched

from trimtab.capture.faults import Unreadable
from trimtab.capture.ground_truth import Label, labels
from trimtab.capture.objects import MOST_LISTED, FoldedObject
from trimtab.quality.keyed_rows import KeyedRows, are_drawn, union
from trimtab.quality.labels import labels_of
from trimtab.quality.settings import QualitySettings

LABELS_AT_ONCE = 50_000
"""So many labels of an object are held as they are read; as rows they take a tenth of that."""


def labels_to_keep(
    chunks: Iterable[bytes], collected: int, watched: Mapping[str, QualitySettings]
) -> tuple[dict[str, KeyedRows], FoldedObject]:
    """The labels in an object that was collected at a moment (seconds since 1970), by endpoint: of the share of its
    requests of which answers are kept too. And how many labels were read, with what could not be."""
    found: dict[str, list[KeyedRows]] = {endpoint: [] for endpoint in watched}
    reasons = Counter[str]()
    listed: list[Unreadable] = []
    count = 0
    for items in batched(labels(chunks), LABELS_AT_ONCE, strict=False):
        unreadable = [item for item in items if isinstance(item, Unreadable)]
        reasons.update(item.reason for item in unreadable)
        listed = [*listed, *unreadable][:MOST_LISTED]
        count += len(items) - len(unreadable)
        for endpoint, quality in watched.items():
            rows = labels_of((item for item in items if isinstance(item, Label)), collected, quality.label)
            found[endpoint].append(rows.where(are_drawn(rows.keys, quality.keep_share)))
    read = FoldedObject({}, records=count, unreadable=reasons, lost=reasons.total(), listed=tuple(listed))
    return {endpoint: union(parts) for endpoint, parts in found.items()}, read
