from datetime import datetime

from trimtab.drift.history import History, history_document
from trimtab.drift.hysteresis import AlertState
from trimtab.drift.late import judged_again
from trimtab.drift.thresholds import DriftThresholds

NEW = History()


def document(hour, verdict, history=None):
    return {
        "window": {"start": f"2026-11-20T{hour:02}:00:00Z", "end": f"2026-11-20T{hour + 1:02}:00:00Z", "rows": 1000},
        "verdict": verdict,
        "history_before": history_document(history or History()),
    }


def follow(documents, late, now=NEW):
    judged = []

    def judge(each, history):
        judged.append((each["window"]["start"], history.state))
        return each | {"verdict": "ALERT"}, history

    def is_late(each):
        return each["window"]["start"][11:13] in late

    return judged_again(documents, is_late, judge, now, DriftThresholds()), judged


def test_nothing_is_judged_when_nothing_came_late():
    assert follow([document(1, "OK"), document(2, "ALERT")], late=()) == (None, [])
    assert follow([], late=()) == (None, [])


def test_what_comes_after_a_late_window_follows_from_it():
    known = History(cursor=datetime.fromisoformat("2026-11-20T02:00:00Z"))
    documents = [document(1, "OK"), document(2, "OK", known), *(document(hour, "ALERT") for hour in (3, 4, 5))]
    (last, history), judged = follow(documents, late={"02", "05"})
    assert judged == [("2026-11-20T02:00:00Z", AlertState.CLEARED), ("2026-11-20T05:00:00Z", AlertState.RAISED)]
    assert last["window"]["start"] == "2026-11-20T05:00:00Z"
    assert history.since == datetime.fromisoformat("2026-11-20T03:00:00Z")


def test_judging_again_neither_moves_the_cursor_nor_forgets_whom_was_told():
    moment = datetime.fromisoformat("2026-11-20T06:00:00Z")
    now = History(cursor=moment, notified=moment, seen=frozenset("ab"))
    before = History(seen=frozenset("c"))
    (_, history), _ = follow([document(1, "OK", before), document(2, "OK")], late={"01"}, now=now)
    assert (history.cursor, history.notified, history.seen) == (moment, moment, frozenset("abc"))
