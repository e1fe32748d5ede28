"""Statistics of the local CloudWatch, held to numpy and to the examples of the CloudWatch User Guide."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.ministack_statistics import StatisticError, parse, statistic

SEEN = st.dictionaries(st.integers(0, 10_000).map(float), st.integers(1, 5), min_size=1, max_size=30)


def told(*values: float) -> dict[str, object]:
    return {"Values": list(values), "Counts": None}


@given(seen=SEEN, percent=st.floats(0, 100))
def test_percentiles_of_values_and_counts_are_those_of_each_value_so_many_times(
    seen: dict[float, int], percent: float
) -> None:
    point = {"Values": list(seen), "Counts": [float(count) for count in seen.values()]}
    single = np.repeat(list(seen), list(seen.values()))
    assert statistic([point], f"p{percent:f}") == pytest.approx(np.percentile(single, float(f"{percent:f}")))
    assert statistic([point], "SampleCount") == len(single)
    assert statistic([point], "Average") == pytest.approx(single.mean())


@given(seen=SEEN, low=st.integers(0, 9_000), width=st.integers(1, 5_000))
def test_ranges_leave_out_their_lower_end_and_keep_their_upper(seen: dict[float, int], low: int, width: int) -> None:
    point = {"Values": list(seen), "Counts": [float(count) for count in seen.values()]}
    single = np.repeat(list(seen), list(seen.values()))
    kept = single[(single > low) & (single <= low + width)]
    bounds = f"({low}:{low + width})"
    assert statistic([point], f"TC{bounds}") == len(kept)
    assert statistic([point], f"TS{bounds}") == kept.sum()
    assert statistic([point], f"PR{bounds}") == pytest.approx(100 * len(kept) / len(single))
    assert statistic([point], f"TM{bounds}") == (pytest.approx(kept.mean()) if len(kept) else None)
    assert statistic([point], f"WM{bounds}") == pytest.approx(single.clip(low, low + width).mean())


def test_open_ranges_reach_to_the_ends() -> None:
    points = [told(100, 200, 300), told(400)]
    assert statistic(points, "TC(200:)") == 2
    assert statistic(points, "PR(:300)") == 75
    assert statistic(points, "TC(:50)") == 0


def test_shares_trim_the_samples_by_rank() -> None:
    points = [told(*range(1, 101))]
    assert statistic(points, "tm90") == pytest.approx(np.arange(1, 91).mean())
    assert statistic(points, "TM(2%:98%)") == pytest.approx(np.arange(3, 99).mean())
    assert statistic(points, "IQM") == pytest.approx(np.arange(26, 76).mean())
    assert statistic(points, "tc90") == 90
    assert statistic([told(7)], "tm90") == 7


def test_single_values_are_asked_of_no_statistic_set_and_of_nothing_negative() -> None:
    spread, one_value = {"Set": (3.0, 6.0, 1.0, 3.0)}, {"Set": (3.0, 6.0, 2.0, 2.0)}
    for name in ("p95", "TC(1:2)", "PR(1:2)", "tm90", "IQM"):
        assert statistic([spread], name) is None
        assert statistic([told(1, -1)], name) is None
    assert statistic([one_value, told(5)], "p100") == 5
    assert statistic([spread, told(5)], "Maximum") == 5
    assert statistic([spread, told(5)], "Average") == 11 / 4


def test_nothing_has_no_statistic() -> None:
    for points in ([], [{"Set": (0.0, 0.0, 0.0, 0.0)}], [{"Values": [1.0], "Counts": [0.0]}]):
        assert statistic(points, "Sum") is None
        assert statistic(points, "TC(1:)") is None


@pytest.mark.parametrize(
    "name", ["Mean", "p101", "p", "TC(:)", "TC(5:1)", "TC(1%:5)", "TM(:%)", "PR(1%:2%)", "TM(1%:101%)", "average", ""]
)
def test_unknown_statistics_are_refused(name: str) -> None:
    with pytest.raises(StatisticError, match="is not a statistic of CloudWatch"):
        parse(name)
