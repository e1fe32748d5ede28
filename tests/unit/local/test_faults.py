from collections import Counter
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.capture_objects import CaptureObject
from local.faults import (
    Add,
    Duplicated,
    Fault,
    FaultError,
    Late,
    NewCategory,
    Nulls,
    Reordered,
    RowFault,
    Scale,
    Shift,
    disturb,
    parse_fault,
    plant,
    split_faults,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def rows_of(count: int, first: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    whole = pd.DataFrame(
        {
            "number": rng.normal(10.0, 2.0, count + first),
            "count": rng.integers(0, 9, count + first),
            "city": rng.choice(["Bonn", "Köln"], count + first),
            "member": rng.random(count + first) < 0.5,
        }
    )
    return whole.iloc[first:]


ROW_FAULTS = st.one_of(
    st.builds(Shift, st.sampled_from(["number", "count"]), st.integers(0, 120), st.floats(-3, 3)),
    st.builds(Add, st.sampled_from(["number", "count"]), st.integers(0, 120), st.floats(-1e6, 1e6)),
    st.builds(Scale, st.sampled_from(["number", "count"]), st.integers(0, 120), st.floats(-100, 100)),
    st.builds(NewCategory, st.just("city"), st.integers(0, 120), st.just("Trier"), st.floats(0, 1)),
    st.builds(Nulls, st.sampled_from(["number", "count", "city", "member"]), st.integers(0, 120), st.floats(0, 1)),
)


@given(faults=st.lists(ROW_FAULTS, max_size=4), seed=st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_rows_before_the_moment_and_the_input_itself_stay_as_they_were(faults: list[RowFault], seed: int) -> None:
    rows = rows_of(100)
    original = rows.copy(deep=True)
    planted = plant(rows, faults, times=None, seed=seed)
    pd.testing.assert_frame_equal(rows, original)
    assert list(planted.columns) == list(rows.columns)
    first = min((fault.at for fault in faults), default=100)
    assert isinstance(first, int)
    for name in rows.columns:
        kept, was = planted[name].tolist()[:first], rows[name].tolist()[:first]
        assert list(map(repr, kept)) == list(map(repr, was)), "not even the type of a cell changes"


@given(faults=st.lists(ROW_FAULTS.filter(lambda fault: not isinstance(fault, Shift)), max_size=3))
@settings(max_examples=40, deadline=None)
def test_a_part_gets_what_the_whole_would_have_got(faults: list[RowFault]) -> None:
    whole = plant(rows_of(100), faults, times=None, seed=1)
    part = plant(rows_of(100).iloc[40:70], faults, times=None, seed=1)
    assert part.astype(object).equals(whole.iloc[40:70].astype(object))


def test_shift_moves_the_mean_by_deviations_of_the_rows_before() -> None:
    rows = rows_of(1000)
    planted = plant(rows, [Shift("number", 400, 0.5)], times=None, seed=0)
    moved = planted["number"][400:] - rows["number"][400:]
    assert moved.astype(float).to_numpy() == pytest.approx(0.5 * rows["number"][:400].std(ddof=0))


def test_shift_from_the_first_row_uses_the_deviation_of_all() -> None:
    rows = rows_of(1000)
    planted = plant(rows, [Shift("number", 0, 1.0)], times=None, seed=0)
    assert planted["number"].mean() - rows["number"].mean() == pytest.approx(rows["number"].std(ddof=0))


def test_faults_add_up_in_their_order() -> None:
    planted = plant(rows_of(10), [Add("count", 5, 1), Scale("count", 5, 10)], times=None, seed=0)
    assert planted["count"].tolist()[5:] == [10 * (value + 1) for value in rows_of(10)["count"][5:]]


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_share_of_nulls_and_of_a_new_category_is_as_asked(share: float) -> None:
    planted = plant(
        rows_of(20_000),
        [Nulls("number", 10_000, share), NewCategory("city", 10_000, "Trier", share)],
        times=None,
        seed=3,
    )
    margin = 5 * (share * (1 - share) / 10_000) ** 0.5
    assert planted["number"][10_000:].isna().mean() == pytest.approx(share, abs=margin + 1e-12)
    assert (planted["city"][10_000:] == "Trier").mean() == pytest.approx(share, abs=margin + 1e-12)


def test_two_faults_of_one_kind_hit_different_rows() -> None:
    planted = plant(rows_of(1000), [Nulls("number", 0, 0.5), Nulls("city", 0, 0.5)], times=None, seed=3)
    assert not planted["number"].isna().equals(planted["city"].isna())


def test_a_moment_can_be_a_time() -> None:
    times = pd.Series(pd.date_range(START, periods=10, freq="h"))
    planted = plant(rows_of(10), [Nulls("city", START + timedelta(hours=4), 1.0)], times=times, seed=0)
    assert planted["city"].isna().tolist() == [False] * 4 + [True] * 6
    with pytest.raises(FaultError, match="no times"):
        plant(rows_of(10), [Nulls("city", START, 1.0)], times=None, seed=0)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Nulls("town", 0, 1.0), "no column 'town'; there are number, count, city, member"),
        (Shift("city", 0, 1.0), "holds no numbers"),
        (Scale("member", 0, 2.0), "holds no numbers"),
    ],
)
def test_refuses_what_does_not_fit_the_data(fault: RowFault, message: str) -> None:
    with pytest.raises(FaultError, match=message):
        plant(rows_of(10), [fault], times=None, seed=0)


def objects_of(count: int) -> list[CaptureObject]:
    return [
        CaptureObject(
            f"{n}.jsonl", f"{n}\n".encode(), START + timedelta(minutes=n), 1, START + timedelta(minutes=n + 1)
        )
        for n in range(count)
    ]


def contents(objects: list[CaptureObject]) -> Counter[tuple[str, bytes, datetime]]:
    return Counter((item.key, item.body, item.first_time) for item in objects)


@given(
    faults=st.lists(st.one_of(st.builds(Late, st.floats(0, 1), st.floats(0, 48)), st.just(Reordered())), max_size=3),
    seed=st.integers(0, 9),
)
def test_late_and_reordered_files_are_all_there_once(faults: list[Late | Reordered], seed: int) -> None:
    objects = objects_of(50)
    delivered = disturb(objects, faults, seed=seed)
    assert contents(delivered) == contents(objects)
    assert objects == objects_of(50)
    assert disturb(objects, faults, seed=seed) == delivered, "a seed gives one order"


def test_late_files_arrive_after_those_in_time() -> None:
    delivered = disturb(objects_of(60), [Late(0.3, 5)], seed=2)
    late = [item for item in delivered if item.arrival - item.first_time > timedelta(hours=4)]
    assert 0 < len(late) < 60
    assert delivered[-len(late) :] == late
    assert delivered == sorted(delivered, key=lambda item: item.arrival)


def test_duplicated_files_come_again_under_the_same_key() -> None:
    objects = objects_of(400)
    delivered = disturb(objects, [Duplicated(0.25)], seed=2)
    counts = Counter(item.key for item in delivered)
    assert set(contents(delivered)) == set(contents(objects))
    assert set(counts.values()) == {1, 2}
    assert sum(count == 2 for count in counts.values()) == pytest.approx(100, abs=40)


def test_reordered_files_are_not_in_their_order() -> None:
    assert disturb(objects_of(50), [Reordered(), Duplicated(0.0)], seed=0) != objects_of(50)
    assert disturb(objects_of(50), [], seed=0) == objects_of(50)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("shift:car_value:25000:0.5", Shift("car_value", 25_000, 0.5)),
        ("shift:a:2019-03-31T03:00:00Z:-1", Shift("a", datetime(2019, 3, 31, 3, tzinfo=UTC), -1.0)),
        ("add:a:0:1e3", Add("a", 0, 1000.0)),
        ("scale:a:2019-03-31:0.001", Scale("a", datetime(2019, 3, 31, tzinfo=UTC), 0.001)),
        ("category:salary_range:7:80K+ €: or so:0.2", NewCategory("salary_range", 7, "80K+ €: or so", 0.2)),
        ("nulls:a:b:7:1", Nulls("a:b", 7, 1.0)),
        ("late:0.1:3", Late(0.1, 3.0)),
        ("duplicated:0.3", Duplicated(0.3)),
        ("reordered", Reordered()),
    ],
)
def test_reads_a_fault_from_the_command_line(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("swap:a:0:1", "is no fault; the forms are shift:COLUMN:AT:SIGMAS"),
        ("shift:a:soon:1", "is no fault"),
        ("nulls:a:0:1.5", "share 1.5 is not between 0 and 1"),
        ("shift:a:2019-13-01:1", "month must be in 1..12"),
        ("late:0.1:1.2.3", "could not convert"),
    ],
)
def test_refuses_a_fault_it_cannot_read(text: str, message: str) -> None:
    with pytest.raises(FaultError, match=message):
        parse_fault(text)


def test_tells_faults_of_rows_from_faults_of_files() -> None:
    assert split_faults([Reordered(), Add("a", 0, 1), Late(1, 1), Nulls("a", 0, 1)]) == (
        [Add("a", 0, 1), Nulls("a", 0, 1)],
        [Reordered(), Late(1, 1)],
    )
