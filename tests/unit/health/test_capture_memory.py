"""What is remembered of captures says what reading all packs again would."""

import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trimtab.capture.pack import ObjectId, ObjectProfile, pack_key
from trimtab.capture.profile import ColumnProfile, Profile
from trimtab.health.capture_memory import (
    CaptureMemory,
    capture_document,
    capture_from_document,
    count_hours,
    see_packs,
    unread_hours,
)
from trimtab.health.hours import count_hour

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
SCHEMA_ROWS = 10


def pack(name, hour, columns="ab", rows=10, grid="g"):
    """A pack of one object: its key, and what it holds."""
    profile = Profile(grid, rows, {"a": ColumnProfile(np.array([rows]))})
    entry = ObjectProfile(ObjectId("captures", name, "", ""), profile, rows, {}, frozenset(columns))
    return pack_key("churn", "blue", hour, grid, [entry]), entry


def run(memory, packs, hours, written=NOON):
    """The memory after a run that finds these packs, and the hours that it had to read."""
    memory = see_packs(memory, [(key, written) for key, _ in packs])
    keys = {hour: [key for key, _ in packs if key.hour == hour] for hour in hours}
    unread = unread_hours(memory, keys)
    held = defaultdict(list)
    for key, entry in packs:
        held[key.hour].append(entry)
    memory = count_hours(memory, keys, {hour: held[hour] for hour in unread}, SCHEMA_ROWS)
    return stored(memory), unread


def stored(memory):
    return capture_from_document(json.loads(json.dumps(capture_document(memory))))


HOURS = [NOON - i * HOUR for i in (3, 2, 1)]


def test_an_hour_is_read_once_and_again_when_its_packs_change():
    packs = [pack(f"{hour:%H}", hour) for hour in HOURS]
    memory, unread = run(CaptureMemory(), packs, HOURS)
    assert unread == HOURS
    memory, unread = run(memory, packs, HOURS)
    assert unread == []
    packs.append(pack("late", HOURS[1]))
    memory, unread = run(memory, packs[::-1], HOURS)
    assert unread == [HOURS[1]]
    assert memory.total.captured == 40
    memory, unread = run(memory, packs, [*HOURS[1:], NOON])
    assert unread == [NOON]
    assert list(memory.hours) == [*HOURS[1:], NOON]


given_packs = st.lists(
    st.tuples(
        st.sampled_from(HOURS),
        st.sets(st.sampled_from("abc"), min_size=1).map(sorted),
        st.integers(0, 12),
        st.integers(1, 4),
    ),
    max_size=8,
)


@given(given_packs)
def test_in_however_many_runs_packs_come_they_count_the_same(drawn):
    """Those of run 0 teach the columns."""
    packs = [(0, pack("first", HOURS[0], "ab"))]
    packs += [(at, pack(str(i), hour, columns, rows)) for i, (hour, columns, rows, at) in enumerate(drawn)]
    memory = CaptureMemory()
    for now in range(5):
        memory, _ = run(memory, [each for at, each in packs if at <= now], HOURS)
    assert memory.columns == {"a", "b"}
    for hour in HOURS:
        objects = [entry for _, (key, entry) in packs if key.hour == hour]
        assert memory.hours[hour].counts == count_hour(objects, "g", frozenset("ab"))


def test_columns_are_learned_from_enough_rows_and_the_hours_counted_again():
    few = [pack("1", HOURS[0], "ab", rows=9)]
    memory, _ = run(CaptureMemory(), few, HOURS)
    assert memory.columns is None
    assert memory.hours == {}
    memory, unread = run(memory, [*few, pack("2", HOURS[1], "bc", rows=1)], HOURS)
    assert memory.columns == {"a", "b", "c"}
    assert unread == HOURS
    assert memory.total.extra == {}


def test_what_was_counted_before_columns_are_learned_is_stored_all_the_same():
    key, entry = pack("1", HOURS[0], "ab", rows=9)
    memory = count_hours(see_packs(CaptureMemory(), [(key, NOON)]), {HOURS[0]: [key]}, {HOURS[0]: [entry]}, SCHEMA_ROWS)
    assert memory.total.captured == 9
    assert capture_document(memory)["hours"][HOURS[0].isoformat()]["counts"]["extra"] == {"a": 1, "b": 1}


def test_another_grid_is_learned_anew():
    memory, _ = run(CaptureMemory(), [pack("1", HOURS[0])], HOURS)
    older, newer = pack("1", HOURS[0]), pack("2", HOURS[1], ["c0"], grid="other")
    known = see_packs(memory, [(newer[0], NOON), (older[0], NOON - MINUTE)])
    assert (known.grid, known.columns, known.hours) == ("other", None, {})
    assert see_packs(memory, []) == memory


def test_the_last_capture_is_never_forgotten_nor_later_than_its_hour():
    key, _ = pack("1", HOURS[0])
    assert see_packs(CaptureMemory(), [(key, HOURS[0] + 20 * MINUTE)]).last == HOURS[0] + 20 * MINUTE
    memory = see_packs(CaptureMemory(), [(key, NOON)])
    assert memory.last == HOURS[0] + HOUR
    earlier, _ = pack("0", HOURS[0] - 5 * HOUR, grid="other")
    assert see_packs(memory, [(earlier, NOON)]).last == memory.last
    assert see_packs(stored(memory), []).last == memory.last


def test_nothing_remembered_is_an_empty_memory():
    assert capture_from_document({}) == CaptureMemory()
    assert "last_capture" not in capture_document(CaptureMemory())
