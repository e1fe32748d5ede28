from collections.abc import Mapping

import pytest

from local.ministack_expressions import ExpressionError, resolve

SERIES = {"errors": {0.0: 1.0, 60.0: 0.0, 180.0: 2.0}, "requests": {0.0: 50.0, 60.0: 0.0, 120.0: 40.0, 180.0: 20.0}}
MOMENTS = [0.0, 60.0, 120.0, 180.0]


def worked_out(**expressions: str) -> dict[str, Mapping[float, float]]:
    read = [{"Id": name, "MetricStat": name} for name in SERIES]
    queries = [{"Id": name, "Expression": expression} for name, expression in expressions.items()]
    return resolve([*queries, *read], lambda name: SERIES[name], MOMENTS)


def test_a_ratio_has_only_the_moments_of_both_and_none_where_it_would_divide_by_zero() -> None:
    assert worked_out(rate="errors / requests * 100")["rate"] == {0.0: 2.0, 180.0: 10.0}


def test_missing_moments_are_filled_and_expressions_build_on_one_another() -> None:
    found = worked_out(rate="100 * filled / requests", filled="FILL(errors, 0)", good="100 - rate")
    assert found["filled"] == {0.0: 1.0, 60.0: 0.0, 120.0: 0.0, 180.0: 2.0}
    assert found["rate"] == {0.0: 2.0, 120.0: 0.0, 180.0: 10.0}
    assert found["good"] == {0.0: 98.0, 120.0: 100.0, 180.0: 90.0}
    assert worked_out(less="-(errors - 1)")["less"] == {0.0: 0.0, 60.0: 1.0, 180.0: -1.0}


@pytest.mark.parametrize(
    ("expression", "why"),
    [
        ("errors + other", "'other', which is not known"),
        ("SUM(METRICS())", "knows \\+ - \\* / and FILL"),
        ("errors ** 2", "knows"),
        ("1 + 1", "is a number, not a series"),
        ("1 / 0", "division by zero"),
        ("errors +", "is not a metric math expression"),
        ("", "is not a metric math expression"),
        ("x - errors", "refers to 'x'"),
        ("__import__('os')", "knows"),
    ],
)
def test_what_is_not_understood_is_refused(expression: str, why: str) -> None:
    with pytest.raises(ExpressionError, match=why):
        worked_out(x=expression)
