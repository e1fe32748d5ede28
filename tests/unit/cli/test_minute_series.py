from datetime import UTC, datetime, timedelta

import pytest

from trimtab.cli.minute_series import read_minute_series
from trimtab.cli.options import InputError
from trimtab.rollout.series import Arm

HEADER = "minute,canary_requests,canary_errors,production_requests,production_errors"


@pytest.fixture
def series(tmp_path):
    def read(text, share=None):
        path = tmp_path / "series.csv"
        path.write_text(text, "utf-8")
        return read_minute_series(str(path), share)

    return read


def test_reads_minutes_given_as_numbers(series):
    read = series(f"{HEADER}\n0,100,1,900,9\n1,110,2,890,8\n")
    first, second = read.minutes
    assert (first.canary, first.production) == (Arm(100, 1), Arm(900, 9))
    assert second.at - first.at == timedelta(minutes=1)
    assert read.started == first.at


def test_reads_minutes_given_as_times_in_any_order_with_their_zone(series):
    read = series(f"{HEADER}\n2026-03-01T10:01:00+01:00,1,0,9,0\n2026-03-01T09:00:30Z,2,0,8,0\n")
    assert [minute.at for minute in read.minutes] == [datetime(2026, 3, 1, 9, m, tzinfo=UTC) for m in (0, 1)]


def test_reads_slow_requests_columns_in_any_order_a_byte_order_mark_and_empty_lines(series):
    read = series(
        "﻿canary_slow,production_slow, minute ,canary_requests,canary_errors,production_requests,production_errors,x\n"
        "\n3,4,0,100,1,900,9,hello\n"
    )
    assert read.minutes[0].canary == Arm(100, 1, 3)
    assert read.minutes[0].production == Arm(900, 9, 4)


def test_keeps_the_share_it_is_told(series):
    assert series(f"{HEADER}\n0,100,1,900,9\n", share=0.1).minutes[0].share == 0.1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "line 1: no column minute"),
        (HEADER, "no minute in it"),
        ("minute,canary_requests\n0,1\n", "line 1: no column canary_errors, production_requests, production_errors"),
        (f"{HEADER},minute\n0,1,1,1,1,1\n", "line 1: column minute stands there twice"),
        (f"{HEADER},canary_slow\n0,1,1,1,1,1\n", "line 1: canary_slow and production_slow go together"),
        (f"{HEADER}\n0,1,0,9,0\n1,1,0,9\n", "line 3: 4 values, and the header has 5 columns"),
        (f"{HEADER}\n0,1,0,9,0\n0,1,0,9,0\n", "line 3: this minute stands in line 2 already"),
        (f"{HEADER}\n0,x,0,9,0\n", "line 2: canary_requests is 'x', no count"),
        (f"{HEADER}\n0,-1,0,9,0\n", "line 2: canary_requests is '-1', no count"),
        (f"{HEADER}\n0,1.5,0,9,0\n", "line 2: canary_requests is '1.5', no count"),
        (f"{HEADER}\n0,1,nan,9,0\n", "line 2: canary_errors is 'nan', no count"),
        (f"{HEADER}\n0,1,2,9,0\n", "line 2: canary_errors is 2, more than canary_requests, 1"),
        (f"{HEADER}\nyesterday,1,0,9,0\n", "line 2: minute is 'yesterday', neither a number nor a time"),
        (f"{HEADER}\n1767225600,1,0,9,0\n", "line 2: minute 1767225600 is too large"),
        (f'{HEADER}\n0,1,0,9,"0\n', "line 2"),
    ],
)
def test_names_the_file_and_the_line_of_bad_input(series, text, message):
    with pytest.raises(InputError) as error:
        series(text)
    assert "series.csv" in str(error.value)
    assert message in str(error.value)


def test_says_that_a_file_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"absent\.csv: No such file"):
        read_minute_series(str(tmp_path / "absent.csv"))


def test_says_that_a_file_is_no_text(tmp_path):
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not UTF-8"):
        read_minute_series(str(tmp_path / "bytes.csv"))
