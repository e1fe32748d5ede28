from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.dataset import CAR_LOAN_CHANGE_ROW, DataSetError, event_times, load_dataset, part

SHARED = Path(__file__).parents[4] / "shared" / "data" / "datasets" / "nannyml"
LOANS = load_dataset("car_loan")


@pytest.mark.parametrize("half", ["reference", "analysis"])
def test_bundled_car_loan_has_every_cell_of_its_source(half: str) -> None:
    source_path = SHARED / f"synthetic_car_loan_{half}.csv.gz"
    if not source_path.is_file():
        pytest.skip("the source of the bundled data is not here")
    source = pd.read_csv(source_path, dtype=str, keep_default_na=False).set_index("id")
    if half == "analysis":
        targets = pd.read_csv(SHARED / "synthetic_car_loan_analysis_target.csv.gz", dtype=str).set_index("id")
        source = source.join(targets)
    source["repaid"] = source["repaid"].str.removesuffix(".0")
    bundled = pd.read_csv(
        Path(__file__).parents[3] / "local" / "data" / "car_loan" / f"{half}.csv.gz", dtype=str, keep_default_na=False
    )
    pd.testing.assert_frame_equal(bundled, source.reset_index()[bundled.columns], check_dtype=False)


def test_car_loan_is_the_analysis_half_with_its_change_in_the_middle() -> None:
    dataset = load_dataset("car_loan")
    assert len(dataset) == 2 * CAR_LOAN_CHANGE_ROW
    assert dataset.predictions == ("y_pred_proba", "y_pred")
    assert dataset.targets == ("repaid",)
    assert dataset.time == "timestamp"
    assert len(dataset.features) == 7
    car_value = dataset.rows["car_value"]
    before, after = car_value[:CAR_LOAN_CHANGE_ROW], car_value[CAR_LOAN_CHANGE_ROW:]
    assert after.mean() > 1.2 * before.mean()
    assert before[-1000:].mean() == pytest.approx(before.mean(), rel=0.05)


def test_columns_of_a_csv_are_told_by_their_names(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("id,time,age,city,y_pred,label\n1,2026-01-01T00:00:01Z,3,Bonn,0.5,1\n2,2026-01-01,4,,0.25,0\n")
    dataset = load_dataset(path)
    assert dataset.features == ("age", "city")
    assert dataset.predictions == ("y_pred",)
    assert dataset.targets == ("label",)
    assert dataset.rows["age"].tolist() == [4, 3], "rows come in the order of time"
    assert dataset.rows.index.tolist() == [0, 1]


def test_given_columns_win_over_their_names(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("when,id,y_pred,out\n2026-01-01,1,2,3\n")
    dataset = load_dataset(path, features=["id", "y_pred"], predictions=["out"], time="when")
    assert (dataset.features, dataset.predictions, dataset.time) == (("id", "y_pred"), ("out",), "when")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a readable CSV"),
        ("a,b\n", "no rows"),
        ("id,y_pred\n1,2\n", "no feature columns"),
        ("time,a\n2026-01-01,1\nyesterday,2\n", "row 1: time 'yesterday'"),
        ("time,a\n2026-01-01,1\n,2\n", "row 1: time nan"),
    ],
)
def test_refuses_what_cannot_be_played(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(DataSetError, match=rf"bad\.csv.*{message}"):
        load_dataset(path)


def test_refuses_an_absent_file_and_an_absent_column(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="no such file"):
        load_dataset(tmp_path / "absent.csv")
    path = tmp_path / "own.csv"
    path.write_text("a\n1\n")
    with pytest.raises(DataSetError, match="no column b; there are a"):
        load_dataset(path, features=["b"])


def test_times_are_the_data_sets_own_unless_moved_or_squeezed(tmp_path: Path) -> None:
    path = tmp_path / "own.csv"
    path.write_text("time,a\n2026-01-01T00:00:00Z,1\n2026-01-01T00:00:30Z,2\n2026-01-01T00:02:00Z,3\n")
    dataset = load_dataset(path)
    assert event_times(dataset).tolist() == dataset.rows["time"].tolist()
    start = datetime(2027, 5, 1, 12, tzinfo=UTC)
    moved = event_times(dataset, start)
    assert [(time - start).total_seconds() for time in moved] == [0, 30, 120]
    squeezed = event_times(dataset, start, timedelta(seconds=30))
    assert [(time - start).total_seconds() for time in squeezed] == [0, 5, 20]


@given(rows=st.integers(1, 200), seconds=st.floats(0.01, 1e7))
@settings(max_examples=50, deadline=None)
def test_without_a_time_column_rows_fill_the_span_evenly(rows: int, seconds: float) -> None:
    dataset = part(LOANS, 100, 100 + rows)
    untimed = type(dataset)("untimed", dataset.features, (), (), None, dataset.rows)
    start, span = datetime(2026, 1, 1, tzinfo=UTC), timedelta(seconds=seconds)
    times = event_times(untimed, start, span)
    assert times.index.tolist() == list(range(100, 100 + rows))
    assert times.iloc[0] == start
    assert times.iloc[-1] < start + span
    steps = times.diff().dropna().dt.total_seconds()
    assert (steps - seconds / rows).abs().max() <= 2e-6 or rows == 1


def test_refuses_times_that_cannot_be_told() -> None:
    dataset = part(LOANS, 0, 3)
    untimed = type(dataset)("untimed", dataset.features, (), (), None, dataset.rows)
    with pytest.raises(DataSetError, match="no time column"):
        event_times(untimed)
    with pytest.raises(DataSetError, match="knows no time zone"):
        event_times(dataset, datetime(2026, 1, 1))  # noqa: DTZ001
    with pytest.raises(DataSetError, match="not positive"):
        event_times(dataset, span=timedelta())
