"""Whose costs these are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trimtab.cost.attribution import UNTAGGED, EndpointBill, cost_by_tag

bills = st.lists(
    st.builds(
        EndpointBill,
        st.text(min_size=1, max_size=5),
        st.dictionaries(st.sampled_from(["team", "Team", "project"]), st.sampled_from(["a", "b"])),
        st.none() | st.floats(0, 1e6),
    ),
    max_size=12,
)


def test_costs_are_added_by_tag():
    found = cost_by_tag(
        [
            EndpointBill("churn", {"team": "growth"}, 10.0),
            EndpointBill("fraud", {"team": "risk"}, 5.0),
            EndpointBill("score", {"Team": "growth"}, 2.5),
            EndpointBill("old", {}, 1.0),
        ],
        "team",
    )
    assert {value: each.usd for value, each in found.items()} == {"growth": 12.5, "risk": 5.0, UNTAGGED: 1.0}
    assert found["growth"].endpoints == ("churn", "score")


def test_a_tag_that_stands_there_exactly_is_preferred():
    assert cost_by_tag([EndpointBill("churn", {"Team": "a", "team": "b"}, 1.0)], "team").keys() == {"b"}


def test_an_unknown_cost_is_named_not_added_as_0():
    found = cost_by_tag([EndpointBill("churn", {"team": "a"}, None), EndpointBill("fraud", {"team": "a"}, 5.0)], "team")
    assert found["a"].usd == 5
    assert found["a"].unknown == ("churn",)


@given(bills)
def test_every_endpoint_counts_once(every):
    found = cost_by_tag(every, "team")
    assert sum(each.usd for each in found.values()) == pytest.approx(sum(bill.usd or 0.0 for bill in every))
    assert sum(len(each.endpoints) for each in found.values()) == len(every)
    assert cost_by_tag(list(reversed(every)), "team").keys() == found.keys()
