"""What is watched no more is told from what only cannot be seen now."""

from datetime import UTC, datetime, timedelta

from trimtab.health.places import configuration_document, configured_since, places_known, places_left

CREATED = datetime(2026, 11, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
KNOWN = {"a": ["blue", "green"], "b": ["blue"], "c": ["blue"]}


def test_all_places_of_an_endpoint_that_is_gone_are_left():
    left = places_left(KNOWN, {}, {"b": "Gone."})
    assert left == {("b", "*"): "Gone.", ("b", "blue"): "Gone."}


def test_a_variant_is_left_when_its_endpoint_shows_others_only():
    assert places_left(KNOWN, {"a": ("green",), "b": ()}, {}) == {
        ("a", "blue"): "The endpoint has no variant blue any more."
    }


def test_what_could_not_be_looked_at_stays_known():
    assert places_known(KNOWN, {"a": ("green",), "b": (), "d": ("x",)}, {"c"}) == {
        "a": ["green"],
        "b": ["blue"],
        "d": ["x"],
    }


def test_a_configuration_is_as_old_as_it_was_when_it_was_first_seen():
    seen = configured_since({}, "v1", created=CREATED, changed=CREATED + HOUR)
    assert seen == CREATED + HOUR
    document = configuration_document("v1", seen)
    scaled = {"created": CREATED, "changed": CREATED + 9 * HOUR}
    assert configured_since(document, "v1", **scaled) == seen
    assert configured_since(document, "v2", **scaled) == CREATED + 9 * HOUR
    anew = {"created": CREATED + 5 * HOUR, "changed": CREATED + 9 * HOUR}
    assert configured_since(document, "v1", **anew) == CREATED + 5 * HOUR
