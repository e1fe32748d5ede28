import json
from datetime import UTC, datetime

import pytest

from trimtab.aws import clients, s3
from trimtab.aws.capture_objects import open_version, read_batch_data, read_capture, read_ground_truth
from trimtab.aws.readings import Readings
from trimtab.capture.keys import parse_capture_key, parse_manifest_key
from trimtab.capture.packing import Part
from trimtab.quality.settings import QualitySettings

EIGHT = datetime(2026, 3, 2, 8, tzinfo=UTC)
KEY = "captures/churn/AllTraffic/2026/03/02/08/a.jsonl"

pytestmark = pytest.mark.usefixtures("aws")


def line(event_id, sent="30,gold", answered="0.5", model=""):
    def side(mode, data):
        return {"observedContentType": "text/csv", "mode": mode, "data": data, "encoding": "CSV"}

    metadata = {"eventId": event_id, "inferenceTime": "2026-03-02T08:10:00Z"}
    return json.dumps(
        {
            "captureData": {"endpointInput": side("INPUT", sent), "endpointOutput": side("OUTPUT", answered)},
            "eventMetadata": metadata | ({"customAttributes": [f"model={model}"]} if model else {}),
            "eventVersion": "0",
        }
    )


def truth(event_id):
    return json.dumps(
        {
            "groundTruthData": {"data": "1", "encoding": "CSV"},
            "eventMetadata": {"eventId": event_id},
            "eventVersion": "0",
        }
    )


def read(*lines, settings="{}"):
    """A capture object of an endpoint with these settings."""
    clients.ssm().put_parameter(Name="/trimtab/endpoints/churn", Type="String", Value=settings, Overwrite=True)
    s3.write_object("state", KEY, "\n".join(lines).encode())
    readings = Readings("trimtab", "state", "state")
    return read_capture(*open_version("state", KEY), parse_capture_key(KEY), readings, now=EIGHT.replace(hour=9))


def test_a_capture_adds_its_rows_and_where_quality_is_watched_its_answers():
    found = read(line("1"), line("2"), "junk", settings="{quality: {segments: [plan]}, columns: [age, plan]}")
    assert [(part.endpoint, part.variant, part.rows) for part in found.parts] == [("churn", "AllTraffic", 2)]
    ((folder, rows),) = ((each.folder, each.rows) for each in found.kept)
    assert (folder, len(rows)) == ("answers/churn/AllTraffic/2026/03/02/08/", 2)
    assert found.added == [*found.parts, *found.kept]
    assert [(each.records, each.lost) for each in found.folded] == [(2, 1)]
    assert read(line("1")).kept == []


def test_each_model_adds_to_a_variant_of_its_own():
    found = read(line("1", model="a"), line("2", model="b"), settings="{model_attribute: model, quality: {}}")
    assert {part.variant: part.rows for part in found.parts} == {"AllTraffic.a": 1, "AllTraffic.b": 1}
    assert {each.folder.split("/")[2] for each in found.kept} == {"AllTraffic.a", "AllTraffic.b"}


def test_an_empty_capture_adds_no_row_to_its_variant():
    assert read().parts == [Part("churn", "AllTraffic", {})]


@pytest.mark.parametrize(
    ("lines", "is_truth"),
    [
        ([truth("1")], True),
        ([truth("1"), "junk"], True),
        ([truth("1"), line("2")], False),
        (["junk"], False),
        ([], False),
    ],
    ids=["labels", "labels and more", "labels and captures", "neither", "nothing"],
)
def test_ground_truth_under_the_key_of_a_capture_is_recognised(lines, is_truth):
    assert read(*lines).is_ground_truth is is_truth


def test_batch_data_adds_to_the_manifests_variant_and_hour_and_says_which_manifest_named_it():
    manifest = parse_manifest_key("state", "batch/churn/input/2026/03/02/08/m.json")
    s3.write_object("state", "data.csv", b"30,1\n40,2\n")
    found = read_batch_data(
        *open_version("state", "data.csv"), manifest, "s3://state/m.json", Readings("trimtab", "state", "state")
    )
    ((part, hours),) = ((part, part.hours) for part in found.parts)
    assert (part.endpoint, part.variant, part.rows, list(hours)) == ("churn", "batch-input", 2, [EIGHT])
    assert hours[EIGHT].announced == ("state", "m.json")


def test_ground_truth_adds_its_labels_to_each_endpoint_that_they_are_of():
    s3.write_object("state", "truth.jsonl", f"{truth('1')}\njunk\n".encode())
    watched = {"blue": QualitySettings(), "green": QualitySettings()}
    found = read_ground_truth(*open_version("state", "truth.jsonl"), EIGHT, watched)
    assert [each.folder for each in found.kept] == [f"labels/{name}/2026/03/02/08/" for name in watched]
    assert [len(each.rows) for each in found.kept] == [1, 1]
    assert (found.parts, [(each.records, each.lost) for each in found.folded]) == ((), [(1, 1)])
