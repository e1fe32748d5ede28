import pytest

from tests.unit.drift.scores import HOUR, MONDAY, window
from trimtab.drift.deployments import Deployment, deployment_in

HISTORY = [Deployment(MONDAY + hours * HOUR, f"config-{hours}") for hours in (7, 2, 4)]


@pytest.mark.parametrize(
    ("start", "previous_end", "expected"),
    [
        (2, 2, "config-2"),
        (3, 2, "config-2"),  # between the windows
        (3, 3, None),
        (4, 2, "config-4"),  # the last of two
        (8, None, None),
        (7, None, "config-7"),
        (6, 9, None),  # a window judged again: what followed does not count
    ],
)
def test_a_deployment_belongs_to_the_first_window_that_ends_after_it(start, previous_end, expected):
    end = None if previous_end is None else MONDAY + previous_end * HOUR
    found = deployment_in(window(start * HOUR), end, HISTORY)
    assert (found and found.config) == expected
