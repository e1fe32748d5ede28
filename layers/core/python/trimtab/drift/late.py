"""Windows that got captures after they were judged, and what that changes in the windows after them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import dropwhile
from typing import Any

from trimtab.drift.evidence import window_of_document
from trimtab.drift.history import History, after_window, history_from_document
from trimtab.drift.thresholds import DriftThresholds
from trimtab.drift.verdict import Verdict

type Document = Mapping[str, Any]


def judged_again(
    documents: Sequence[Document],
    is_late: Callable[[Document], bool],
    judge: Callable[[Document, History], tuple[Document, History]],
    now: History,
    thresholds: DriftThresholds,
) -> tuple[Document, History] | None:
    """Judge the late windows again, each after the history that then holds, and follow the others' verdicts; the last
    document and the history that takes the place of the present one, `now`. None when none is late.

    `documents`: consecutive windows, oldest first, up to the last one that is closed."""
    touched = list(dropwhile(lambda document: not is_late(document), documents))
    if not touched:
        return None
    last, history = touched[0], history_from_document(touched[0]["history_before"])
    for document in touched:
        if is_late(document):
            last, history = judge(document, history)
        else:
            last = document
            history = after_window(history, window_of_document(document), Verdict(document["verdict"]), thresholds)
    return last, replace(history, cursor=now.cursor, notified=now.notified, seen=history.seen | now.seen)
