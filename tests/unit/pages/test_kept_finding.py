import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.pages.sample_fleet import car_loan
from trimtab.pages.kept_finding import (
    ACCOUNT,
    SAFE_NAME,
    document_of,
    finding_of_document,
    finding_of_event,
    newest_first,
)

NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_what_is_kept_is_read_again():
    for finding in car_loan().findings:
        assert finding_of_document(json.loads(json.dumps(document_of(finding)))) == finding


@given(st.dictionaries(st.sampled_from(["id", "time", "endpoint", "kind", "title", "evidence", "links", "x"]), JSON))
def test_whatever_is_on_the_bus_has_a_place_to_be_kept(detail):
    finding = finding_of_event({"detail": detail}, NOW)
    assert SAFE_NAME.fullmatch(finding.id)
    assert finding.folder == ACCOUNT or SAFE_NAME.fullmatch(finding.folder)
    assert finding == finding_of_event({"detail": detail}, NOW)
    assert finding.title
    assert finding_of_document(json.loads(json.dumps(document_of(finding)))).folder == finding.folder


def test_a_finding_without_a_time_was_when_its_event_was():
    told = {"detail": {"title": "x"}, "time": "2026-11-19T07:00:00Z"}
    assert finding_of_event(told, NOW).time == datetime(2026, 11, 19, 7, tzinfo=UTC)
    assert finding_of_event({"detail": {"title": "x"}}, NOW).time == NOW


def test_a_finding_is_about_the_end_of_its_window():
    window = {"window": {"end": "2026-11-18T00:00:00Z"}}
    assert finding_of_document({"time": "2026-11-20T00:00:00Z", "evidence": window}).about.day == 18


def test_a_finding_that_was_kept_on_two_days_is_listed_once():
    told = [{"id": "a", "time": f"2026-11-{day}T00:00:00Z"} for day in (18, 19)] + [
        {"id": "b", "time": "2026-11-20T00:00:00Z"}
    ]
    listed = newest_first(map(finding_of_document, told))
    assert [(each.id, each.time.day) for each in listed] == [("b", 20), ("a", 18)]
