import json

import pytest

from local.dataset import load_dataset
from local.models import car_loan, echo
from local.payloads import CONTENT_TYPES, Form, PayloadError, cells, encode

LOANS = load_dataset("car_loan")
ROW = "12638.0,0 - 20K €,0.4879263073031473,21.0,False,10%,4.224627596290295".encode()


@pytest.mark.parametrize("form", ["CSV", "JSON", "JSONLINES"])
def test_answers_recorded_predictions_in_the_form_of_the_request(form: Form) -> None:
    rows = LOANS.rows.iloc[[3, 30_000, 49_999]]
    asked = encode(cells(rows, LOANS.features), LOANS.features, form)
    body, content_type = car_loan(asked, CONTENT_TYPES[form], "*/*")
    assert content_type.startswith(CONTENT_TYPES[form])
    assert body == encode(cells(rows, LOANS.predictions), LOANS.predictions, form, "predictions")


def test_reference_rows_are_known_too() -> None:
    reference = load_dataset("car_loan:reference")
    row = encode(cells(reference.rows.iloc[[7]], reference.features), reference.features, "CSV")
    assert car_loan(row, "text/csv", "")[0] == b"0.59,0"


def test_the_accepted_form_wins() -> None:
    body, content_type = car_loan(ROW, "text/csv; charset=utf-8", "image/png, application/json;q=0.9")
    assert content_type == "application/json"
    assert json.loads(body) == {"predictions": [{"y_pred_proba": 0.99, "y_pred": 1}]}


def test_an_unknown_row_gets_the_predictions_of_the_nearest() -> None:
    reference = load_dataset("car_loan:reference")
    values = list(cells(reference.rows.iloc[[11]], reference.features)[0])
    expected = encode(cells(reference.rows.iloc[[11]], reference.predictions), reference.predictions, "CSV")
    values[0] = float(str(values[0])) + 1.0
    assert car_loan(encode([values], reference.features, "CSV"), "text/csv", "")[0] == expected
    values[1], values[6] = "a new category", None
    assert car_loan(encode([values], reference.features, "CSV"), "text/csv", "")[0].count(b",") == 1


@pytest.mark.parametrize(
    ("body", "content_type", "reason"),
    [
        (b"1,2", "text/csv", "row 0 has 2 cells"),
        (b"x", "image/png", "unsupported content type"),
        (ROW.replace(b"12638.0", b"dear"), "text/csv", "car_value: 'dear' is no number"),
    ],
)
def test_a_bad_body_is_refused_with_the_reason(body: bytes, content_type: str, reason: str) -> None:
    with pytest.raises(PayloadError, match=reason):
        car_loan(body, content_type, "")


def test_echo_answers_with_the_request() -> None:
    assert echo(b"x", "image/png", "text/csv") == (b"x", "image/png")
