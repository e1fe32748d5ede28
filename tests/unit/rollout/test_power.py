import pytest

from trimtab.rollout.power import errors_needed, power_table, requests_for, requests_to_promote

TABLE = [  # of the specification: relative risk, errors, requests to the canary at 1 % and at 0.1 %
    (1.25, 4926, 48_055, 480_545),
    (1.5, 758, 7_215, 72_145),
    (2.0, 175, 1_591, 15_907),
    (3.0, 51, 423, 4_222),
    (5.0, 18, 127, 1_262),
    (10.0, 7, 34, 340),
]


@pytest.mark.parametrize(("error_rate", "column"), [(0.01, 2), (0.001, 3)])
def test_the_power_table_is_that_of_the_specification(error_rate, column):
    rows = power_table(error_rate=error_rate, share=0.1, canary_requests_per_minute=60, margin=1.1, level=0.02)
    for row, expected in zip(rows, TABLE, strict=True):
        assert row.relative_risk == expected[0]
        assert row.errors == expected[1]
        assert row.canary_requests == pytest.approx(expected[column], abs=1)
        assert row.minutes == pytest.approx(expected[column] / 60, rel=0.01)


@pytest.mark.parametrize(
    ("unacceptable", "requests"), [(1.1, 73_683), (1.25, 12_975), (1.5, 3_733), (2, 1_175), (3, 413)]
)
def test_what_it_takes_to_rule_out_a_relative_risk(unacceptable, requests):
    errors = errors_needed(0.1, tested=unacceptable, true=1.0, level=0.05)
    assert requests_for(errors, 0.01, 0.1, 1.0) == pytest.approx(requests, abs=1)


def test_relative_risks_within_the_margin_have_no_row():
    rows = power_table(error_rate=0.01, share=0.1, canary_requests_per_minute=0, margin=2.0, level=0.02)
    assert [row.relative_risk for row in rows] == [3.0, 5.0, 10.0]
    assert {row.minutes for row in rows} == {None}


def promotes(error_rate, difference=0.005):
    return requests_to_promote(
        error_rate=error_rate, share=0.1, unacceptable=2.0, absolute_difference=difference, level=0.05
    )


def test_without_errors_six_hundred_requests_promote():
    assert promotes(0.0) == pytest.approx(599, abs=1)


def test_the_sooner_of_two_ways_counts():
    assert promotes(0.01) == pytest.approx(1_175, abs=1)
    assert promotes(0.01, difference=0.0) == pytest.approx(1_175, abs=1)
    assert 599 < promotes(0.0001) < 800
