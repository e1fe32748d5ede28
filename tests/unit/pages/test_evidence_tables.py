from hypothesis import given
from hypothesis import strategies as st

from tests.unit.pages.reading import Page
from trimtab.pages.evidence_tables import evidence_sections
from trimtab.pages.markup import joined

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("abc<&\"'", max_size=4),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab_", max_size=3), inner, max_size=4),
    max_leaves=12,
)


def text_of(evidence):
    return Page(joined(*evidence_sections(evidence))).text


@given(st.dictionaries(st.text("ab_", max_size=3), JSON, max_size=5))
def test_evidence_of_any_shape_can_be_shown(evidence):
    assert Page(joined(*evidence_sections(evidence))).faults == []


def test_plain_values_are_facts():
    text = text_of(
        {"problem": "", "since": "2026-11-20T08:00:00Z", "rows": 1042, "sure": True, "not_known": None, "of": [1, 2]}
    )
    for told in ("Since 2026-11-20 08:00 UTC", "Rows 1,042", "Sure yes", "Not known –", "Of 1, 2"):
        assert told in text


def test_lists_of_objects_are_tables_without_empty_columns():
    page = Page(joined(*evidence_sections({"hours": [{"usd": 1.5, "why": None}, {"usd": 2.0, "why": None}]})))
    assert "1 1.50 2 2" in page.text
    assert "Why" not in page.text
    assert len(page.all("table")) == 1


def test_what_is_too_deep_for_a_table_stands_as_it_is():
    assert '"b": [' in text_of({"a": {"b": [{"c": {"d": {"e": 1}}}]}})
