"""The labelled rows that quality is compared with, gathered until they are enough."""

import json
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.quality.builders import answers, classes, labelled, numbers
from trimtab.drift.windows import Window
from trimtab.findings import Origin
from trimtab.quality.kept_reference import (
    KeptReference,
    adopted,
    is_enough,
    reference_document,
    reference_from_document,
    with_window,
)
from trimtab.quality.keyed_rows import encode_rows
from trimtab.quality.settings import QualitySettings

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
ORIGIN = Origin("123456789012", "eu-west-1", "churn", "AllTraffic")
SETTINGS = QualitySettings(positive="1", min_reference_labels=1000)


def window(hour):
    return Window(START + hour * HOUR, START + (hour + 1) * HOUR, (), 400)


def joined(hour, rows=400):
    """Answers of an hour with all their labels."""
    random = np.random.default_rng(hour)
    scores = 1 / (1 + np.exp(-random.normal(0, 2, rows)))
    given = answers(numbers(scores), scores, prefix=f"r{hour}-", moment=hour * 3600)
    return labelled(given, classes(random.random(rows) < scores), prefix=f"r{hour}-")


JOINED = [joined(hour) for hour in range(4)]


def gathered(hours):
    reference = KeptReference()
    for hour in hours:
        reference = with_window(reference, window(hour), JOINED[hour], "AllTraffic")
    return reference


@settings(max_examples=10, deadline=None)
@given(st.permutations(range(3)), st.lists(st.integers(0, 2), max_size=2))
def test_the_order_and_repetition_of_windows_does_not_matter(hours, again):
    found, expected = gathered([*hours, *again]), gathered(range(3))
    assert encode_rows(found.rows) == encode_rows(expected.rows)
    assert (found.source, found.windows) == (expected.source, expected.windows)


def test_says_where_its_rows_are_from():
    found = gathered([2, 0])
    assert found.source == "labelled answers of AllTraffic from 2026-03-02T00:00:00+00:00 to 2026-03-02T03:00:00+00:00"
    assert found.windows == (
        "2026-03-02T00:00:00+00:00/2026-03-02T01:00:00+00:00",
        "2026-03-02T02:00:00+00:00/2026-03-02T03:00:00+00:00",
    )


def test_gathers_until_it_has_enough_rows():
    assert [is_enough(gathered(range(count)), SETTINGS) for count in range(5)] == [False, False, False, True, True]


def test_once_adopted_it_is_named_and_said_to_be_the_reference():
    before = gathered(range(3))
    found, finding = adopted(before, ORIGIN, SETTINGS, START)
    assert (before.name, before.learned) == ("", None)
    assert finding.id.startswith(found.name)
    assert len(found.name) == 16
    assert found.learned.performance.rows == 1200
    assert before.source in finding.reason
    assert adopted(gathered(range(4)), ORIGIN, SETTINGS, START)[0].name != found.name


def test_a_reference_without_enough_rows_comes_back_as_it_was():
    reference = gathered(range(2))
    document = json.loads(json.dumps(reference_document(reference)))
    assert document.keys() == {"name", "source", "windows"}
    found = reference_from_document(reference.rows, document, SETTINGS)
    assert (found.source, found.windows, found.name, found.learned) == (reference.source, reference.windows, "", None)


def test_an_adopted_reference_comes_back_with_what_was_learnt_from_it():
    reference, _ = adopted(gathered(range(3)), ORIGIN, SETTINGS, START)
    document = json.loads(json.dumps(reference_document(reference)))
    assert document["rows"] == 1200
    found = reference_from_document(reference.rows, document, SETTINGS)
    assert (found.name, found.windows) == (reference.name, reference.windows)
    assert found.learned.performance == reference.learned.performance
