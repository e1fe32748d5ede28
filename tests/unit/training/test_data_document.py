import json

import pytest

from trimtab.training.data_document import DataDocumentError, parse_data_document

WHOLE = {"version": 1, "new_rows": 12000, "rows_per_class": {"0": 9500, "1": 2500}, "data_version": "dvc:3f2a"}


def test_a_document_is_read():
    document = parse_data_document(json.dumps(WHOLE))
    assert (document.new_rows, document.rows_per_class["1"], document.data_version) == (12000, 2500, "dvc:3f2a")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "no JSON"),
        (b"\xff", "no JSON"),
        ("[]", "valid dictionary"),
        (json.dumps(WHOLE | {"new_rows": -1}), "new_rows"),
        (json.dumps(WHOLE | {"rows_per_class": {"0": "many"}}), "rows_per_class.0"),
        (json.dumps(WHOLE | {"rows": 1}), "rows: Extra"),
        (json.dumps(WHOLE | {"data_version": ""}), "data_version"),
        (json.dumps(WHOLE | {"version": 2}), "version"),
        (json.dumps({"new_rows": 1}), "rows_per_class: Field required"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_key(text, fault):
    with pytest.raises(DataDocumentError, match=fault):
        parse_data_document(text)
