"""What is remembered of an endpoint's cost between runs."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from trimtab.cost.alert import CostAlert
from trimtab.cost.configurations import Configuration, Stage, Variant
from trimtab.cost.memory import another_look, ended_if_gone, first_look, memory_document, memory_from_document
from trimtab.cost.prices import Product

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
T0 = datetime(2026, 11, 20, 8, 12, tzinfo=UTC)


def configuration(name="a", created=T0 - 2 * DAY):
    return Configuration(name, created, (Variant("blue", "ml.m5.xlarge"),))


def look(memory, name="a", *, created=T0 - 9 * DAY, changed=T0, now=T0 + HOUR, pending=""):
    used = {each: configuration(each) for each in (name, pending) if each}
    return another_look(memory, used, created=created, configuration=name, pending=pending, changed=changed, now=now)


def test_a_config_is_taken_to_have_served_since_it_and_the_endpoint_were_made():
    assert first_look(T0 - 9 * DAY, configuration(), T0).stages == (Stage("a", T0 - 2 * DAY, T0 - 2 * DAY),)
    assert first_look(T0 - DAY, configuration(), T0).stages == (Stage("a", T0 - DAY, T0 - DAY),)
    old = configuration(created=T0 - 90 * DAY)
    assert first_look(T0 - 90 * DAY, old, T0).stages == (Stage("a", T0 - 14 * DAY, T0 - 14 * DAY),)


def test_the_first_config_is_no_change_and_the_second_is():
    first = first_look(T0 - 9 * DAY, configuration(), T0)
    assert first.changed is None
    second = look(first, "b", changed=T0 + 30 * timedelta(minutes=1))
    assert second.configuration == "b"
    assert second.changed == T0 + 30 * timedelta(minutes=1)
    assert second.configurations.keys() == {"a", "b"}


def test_configs_that_are_long_over_are_forgotten():
    memory = look(first_look(T0 - 9 * DAY, configuration(), T0), "b")
    assert look(memory, "b", now=T0 + 20 * DAY).configurations.keys() == {"b"}


def test_an_endpoint_made_anew_goes_on_with_its_history():
    memory = replace(first_look(T0 - 9 * DAY, configuration(), T0), ended=T0)
    anew = look(memory, created=T0 + 5 * HOUR, now=T0 + 6 * HOUR)
    assert anew.stages == (*memory.stages, Stage("a", T0 + 5 * HOUR, T0 + 5 * HOUR))
    assert anew.ended is None


def test_what_several_configs_are_billed_for_is_named_once():
    memory = look(first_look(T0 - 9 * DAY, configuration(), T0), "b")
    assert len(memory.configurations) == 2
    assert memory.products("eu-west-1") == [Product("eu-west-1", "Hosting", "ml.m5.xlarge")]


def test_what_is_gone_has_ended_when_the_hour_it_was_last_seen_in_can_change_no_more():
    memory = first_look(T0 - 9 * DAY, configuration(), T0)
    settled = datetime(2026, 11, 20, 12, tzinfo=UTC)  # four hours after that in which it was seen began
    assert ended_if_gone(memory, settled) == memory
    assert ended_if_gone(memory, settled + HOUR).ended == T0
    assert ended_if_gone(replace(memory, ended=T0 - HOUR), settled + HOUR).ended == T0 - HOUR


def test_it_is_the_same_after_being_kept():
    memory = look(first_look(T0 - 9 * DAY, configuration(), T0), "a", pending="b")
    memory = replace(memory, tags={"team": "x"}, unpriced=frozenset({"y"}), ended=T0, alert=CostAlert(cursor=T0))
    assert memory_from_document(json.loads(json.dumps(memory_document(memory)))) == memory
    assert memory_from_document({}) is None
