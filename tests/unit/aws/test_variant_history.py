from dataclasses import replace

import pytest

from trimtab.aws.state_table import StaleStateError, read_state
from trimtab.aws.variant_history import VariantHistory
from trimtab.drift.history import History

pytestmark = pytest.mark.usefixtures("aws")


def test_a_history_is_read_back_by_its_variant_and_what_it_is_of():
    stored = VariantHistory("state", "churn", "AllTraffic", "drift")
    assert stored.last == History()
    stored.write(replace(stored.last, seen=frozenset("x")))
    stored.write(replace(stored.last, seen=frozenset("xy")))
    assert stored.last.seen == VariantHistory("state", "churn", "AllTraffic", "drift").last.seen == frozenset("xy")
    assert VariantHistory("state", "churn", "AllTraffic", "data").last == History()
    assert VariantHistory("state", "churn", "Blue", "drift").last == History()


def test_what_is_known_is_not_written_again():
    stored = VariantHistory("state", "churn", "AllTraffic", "drift")
    stored.write(History(seen=frozenset("x")))
    stored.write(History(seen=frozenset("x")))
    assert read_state("state", "endpoint#churn", "drift#AllTraffic").version == 1


def test_of_two_runs_one_writes():
    first, second = (VariantHistory("state", "churn", "AllTraffic", "drift") for _ in range(2))
    first.write(History(seen=frozenset("x")))
    with pytest.raises(StaleStateError):
        second.write(History(seen=frozenset("y")))
