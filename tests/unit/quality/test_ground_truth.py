"""Labels as they are read from uploaded objects."""

import json

import pytest

from trimtab.quality import ground_truth
from trimtab.quality.ground_truth import labels_to_keep
from trimtab.quality.keyed_rows import encode_rows, row_keys
from trimtab.quality.settings import QualitySettings

NAMES = [f"r{number}" for number in range(40)]


def line(event_id, label="1"):
    truth = {"data": json.dumps({"churned": label, "value": 7}), "encoding": "JSON"}
    return json.dumps({"groundTruthData": truth, "eventMetadata": {"eventId": event_id}, "eventVersion": "0"})


def read(*lines, collected=100, **watched):
    return labels_to_keep(["\n".join(lines).encode()], collected, watched)


def test_each_endpoint_gets_the_value_that_is_its_label_of_the_share_that_it_keeps():
    churn, part = QualitySettings(label="churned"), QualitySettings(label="value", keep_share=0.5)
    found, told = read(*map(line, NAMES), churn=churn, part=part)
    assert found["churn"].keys.tolist() == sorted(row_keys(NAMES, [0] * 40).tolist())
    assert found["churn"].texts["label"].values == ("1",)
    assert found["part"].texts["label"].values == ("7",)
    assert 5 < len(found["part"]) < 35
    assert set(found["part"].first.tolist()) == {100}
    assert (told.records, told.lost, told.hours) == (40, 0, {})


@pytest.mark.parametrize("at_once", [1, 3, 100])
def test_however_few_are_held_at_once_the_same_is_kept(monkeypatch, at_once):
    lines, watched = [*map(line, NAMES), "junk", "junk"], {"churn": QualitySettings(label="churned")}
    whole, told = read(*lines, **watched)
    monkeypatch.setattr(ground_truth, "LABELS_AT_ONCE", at_once)
    in_parts, told_in_parts = read(*lines, **watched)
    assert encode_rows(in_parts["churn"]) == encode_rows(whole["churn"])
    assert told_in_parts == told
    assert (told.unreadable, told.lost, [item.line for item in told.listed]) == ({"not_json": 2}, 2, [41, 42])


def test_all_unreadable_lines_are_counted_and_the_first_are_listed(monkeypatch):
    monkeypatch.setattr(ground_truth, "LABELS_AT_ONCE", 3)
    monkeypatch.setattr(ground_truth, "MOST_LISTED", 4)
    _, told = read(*["junk"] * 10, churn=QualitySettings())
    assert (told.lost, [item.line for item in told.listed]) == (10, [1, 2, 3, 4])


def test_an_object_without_labels_adds_no_row():
    found, told = read("", churn=QualitySettings())
    assert (len(found["churn"]), told.records, told.lost) == (0, 0, 0)
