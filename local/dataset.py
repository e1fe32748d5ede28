"""A data set that can be played as an endpoint's traffic: which columns go in, which come out, and when."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

_DATA = Path(__file__).parent / "data"
BUNDLED = {
    "car_loan": _DATA / "car_loan" / "analysis.csv.gz",
    "car_loan:analysis": _DATA / "car_loan" / "analysis.csv.gz",
    "car_loan:reference": _DATA / "car_loan" / "reference.csv.gz",
}
CAR_LOAN_CHANGE_ROW = 25_000
"""First row of the car-loan analysis half that is drifted (counted from 0)."""

_IDS = {"id"}
_TIMES = ("timestamp", "time", "event_time", "datetime")
_PREDICTIONS = {"prediction", "predictions", "score", "probability"}
_TARGETS = {"target", "label", "y_true", "ground_truth", "repaid"}


class DataSetError(ValueError):
    """A data set can't be played; the message names the file and the column or row."""


@dataclass(frozen=True)
class DataSet:
    """Rows in the order in which they happened.

    `rows` has the features, predictions, targets and the time column (UTC); its index is the row number in the whole
    data set, counted from 0, and stays so in a part of it. `predictions` may be empty (inputs only), `time` may be
    None.
    """

    name: str
    features: tuple[str, ...]
    predictions: tuple[str, ...]
    targets: tuple[str, ...]
    time: str | None
    rows: pd.DataFrame

    def __len__(self) -> int:
        return len(self.rows)


def load_dataset(
    source: str | Path,
    *,
    features: Sequence[str] | None = None,
    predictions: Sequence[str] | None = None,
    targets: Sequence[str] | None = None,
    time: str | None = None,
) -> DataSet:
    """Load a bundled data set by name (see `BUNDLED`), or any CSV (plain or gzip) with a header row.

    Columns not given are told by their names: `timestamp`, `time`, `event_time` or `datetime` is the time; `y_pred…`,
    `prediction`, `score` and `probability` came out of the model; `target`, `label`, `y_true`, `ground_truth` and
    `repaid` are labels; `id` is left out; the rest are features. Times are ISO 8601, UTC where they name no zone.
    Rows are put in the order of time and then numbered. Floats keep every digit.

    Raises DataSetError when the file can't be read, has no rows or no features, lacks a named column, or a time is
    missing or unreadable.
    """
    path = BUNDLED.get(str(source), Path(source))
    table = _read(path)
    known = list(table.columns)
    time = time or next((name for name in _TIMES if name in known), None)
    out = _given_or(predictions, [name for name in known if name in _PREDICTIONS or name.startswith("y_pred")])
    labels = _given_or(targets, [name for name in known if name in _TARGETS and name not in out])
    taken = {*out, *labels, *_IDS, *([time] if time else [])}
    inputs = _given_or(features, [name for name in known if name not in taken])
    if absent := [name for name in (*inputs, *out, *labels, *([time] if time else [])) if name not in known]:
        raise DataSetError(f"{path}: no column {', '.join(absent)}; there are {', '.join(known)}")
    if not inputs:
        raise DataSetError(f"{path}: no feature columns among {', '.join(known)}")
    rows = table[list(dict.fromkeys([*([time] if time else []), *inputs, *out, *labels]))]
    if time is not None:
        rows = rows.assign(**{time: _times(rows[time], path)}).sort_values(time, kind="stable", ignore_index=True)
    return DataSet(name=str(source), features=inputs, predictions=out, targets=labels, time=time, rows=rows)


def part(dataset: DataSet, first: int, stop: int) -> DataSet:
    """Rows `first` up to but without `stop`, under their own numbers."""
    return replace(dataset, rows=dataset.rows.iloc[first:stop])


def event_times(dataset: DataSet, start: datetime | None = None, span: timedelta | None = None) -> pd.Series:
    """When each row is played (UTC, to the microsecond), indexed by row number.

    By default at the data set's own times. `start` moves the first row there and the others with it. `span` stretches
    or squeezes the whole so that it fills `span`, keeping its rhythm. Without a time column rows come evenly, one a
    second when no `span` is given.

    Raises DataSetError when there is neither a time column nor a start, `start` knows no zone, or `span` is not
    positive.
    """
    index = dataset.rows.index
    if start is not None and start.tzinfo is None:
        raise DataSetError(f"the start {start.isoformat()} knows no time zone")
    if span is not None and span <= timedelta():
        raise DataSetError(f"the span {span} is not positive")
    if dataset.time is None:
        if start is None:
            raise DataSetError(f"{dataset.name}: no time column, so a start must be given")
        own = pd.Series(pd.date_range("1970-01-01", periods=len(index), freq="s", tz=UTC), index=index)
    else:
        own = dataset.rows[dataset.time]
    if own.empty:
        return own
    since_first = own - own.iloc[0]
    length = since_first.iloc[-1]
    if span is not None and length > timedelta():
        # The last row has an interval of its own, so that what follows the span does not begin on top of it.
        since_first = since_first * (span / (length * len(own) / (len(own) - 1)))
    base = own.iloc[0] if start is None else pd.Timestamp(start).tz_convert(UTC)
    return (base + since_first).dt.floor("us")


def _given_or(given: Sequence[str] | None, found: list[str]) -> tuple[str, ...]:
    return tuple(found if given is None else given)


def _read(path: Path) -> pd.DataFrame:
    if not path.is_file():
        raise DataSetError(f"{path}: no such file, and no bundled data set ({', '.join(BUNDLED)})")
    try:
        table = pd.read_csv(path, float_precision="round_trip")
    except (ValueError, OSError, EOFError) as error:
        raise DataSetError(f"{path}: not a readable CSV: {error}") from error
    if table.empty:
        raise DataSetError(f"{path}: no rows")
    return table


def _times(texts: pd.Series, path: Path) -> pd.Series:
    times = pd.to_datetime(texts, utc=True, format="ISO8601", errors="coerce")
    if times.isna().any():
        row = int(times.isna().to_numpy().argmax())
        raise DataSetError(f"{path}: row {row}: {texts.name} {texts.iloc[row]!r} is no ISO 8601 time")
    return times
