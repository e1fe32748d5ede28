"""Every row of the tables in docs/captures.md, run through the decoder."""

import base64
import io
import json
import re
import struct
from pathlib import Path

import numpy as np
import pytest

from trimtab.capture.decode import Unreadable, decode
from trimtab.capture.layout import Layout
from trimtab.capture.table import Table

PAGE = (Path(__file__).parents[3] / "docs" / "captures.md").read_text()


def array_of(*shape):
    stream = io.BytesIO()
    np.save(stream, np.ones(shape))
    return stream.getvalue()


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 3, 2)
DESCRIBED = {
    "1,500 numbers": b",".join([b"1"] * 1500),
    "an array of 2": array_of(2),
    "an array of 2 × 3": array_of(2, 3),
    "an array of 2 × 2 × 2": array_of(2, 2, 2),
    "a PNG": PNG,
    "a WAV": b"RIFF\x24\x08\0\0WAVEfmt \xff",
    "a RecordIO": b"\x0a\x23\xd7\xce\x04\0\0\0\xff\xfe\0\0",
    "a Parquet": b"PAR1\x15\x04\xff\xfePAR1",
    "bytes": b"\xff\xfe\0\x01",
}
REQUESTS = {"1": b"7", "2": b"7\n8", "1 image": PNG}


def rows_below(heading):
    """The cells of the table below a heading, row by row."""
    lines = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0].splitlines()
    table = [line for line in lines if line.startswith("| ")]
    return [pytest.param(*row, id=row[0]) for row in (re.split(r" \| ", line[2:-2]) for line in table[2:])]


def body_of(cell):
    return DESCRIBED[cell] if cell in DESCRIBED else cell.strip("`").replace("⏎", "\n").encode()


def names_in(cell):
    return [] if cell == "none" else re.findall(r"`([^`]+)`", cell)


def sides_of(body, content_type):
    """The payload as SageMaker captures it: as BASE64, and where it is text as such too."""
    content_type = content_type.strip("`").replace("none", "")
    sides = [{"observedContentType": content_type, "data": base64.b64encode(body).decode(), "encoding": "BASE64"}]
    if body.isascii() and not body.startswith(b"\n"):
        encoding = "JSON" if "json" in content_type else "CSV" if "csv" in content_type else "NONE"
        sides.append({"observedContentType": content_type, "data": body.decode(), "encoding": encoding})
    return sides


def decoded(**sides):
    record = {"captureData": sides, "eventMetadata": {"eventId": "1", "inferenceTime": "2026-01-01T07:30:00Z"}}
    found = list(decode([json.dumps(record).encode()], Layout()))
    (table,) = (item for item in found if isinstance(item, Table))
    return table, [item.reason for item in found if isinstance(item, Unreadable)]


@pytest.mark.parametrize(("request_", "content_type", "example", "rows", "columns"), rows_below("Requests"))
def test_requests_are_read_as_the_page_says(request_, content_type, example, rows, columns):  # noqa: ARG001
    for side in sides_of(body_of(example), content_type):
        table, unreadable = decoded(endpointInput=side)
        assert (list(table.columns), table.rows, unreadable) == (names_in(columns), int(rows), [])


@pytest.mark.parametrize(("answer", "rows", "content_type", "example", "columns"), rows_below("Answers"))
def test_answers_are_read_as_the_page_says(answer, rows, content_type, example, columns):  # noqa: ARG001
    (sent, *_) = sides_of(REQUESTS[rows], "none")
    for side in sides_of(body_of(example), content_type):
        table, unreadable = decoded(endpointInput=sent, endpointOutput=side)
        assert (sorted(table.outputs), table.rows) == (sorted(names_in(columns)), int(rows[0]))
        assert unreadable == ([] if names_in(columns) else ["error_response"])


@pytest.mark.parametrize(
    ("request_", "content_type", "example", "answer", "rows", "columns"), rows_below("What is not looked into")
)
def test_what_is_not_looked_into_has_the_rows_of_its_answer(request_, content_type, example, answer, rows, columns):  # noqa: ARG001
    answer_type = "application/json" if answer.startswith(("`[", "`{")) else "text/csv"
    for sent in sides_of(body_of(example), content_type):
        for side in sides_of(body_of(answer), answer_type):
            table, unreadable = decoded(endpointInput=sent, endpointOutput=side)
            assert (list(table.columns), table.rows, unreadable) == (names_in(columns), int(rows), [])
