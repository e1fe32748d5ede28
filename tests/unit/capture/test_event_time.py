from datetime import UTC, datetime

import pytest

from trimtab.capture.event_time import parse_event_time
from trimtab.capture.faults import FaultError

MOMENT = datetime(2022, 4, 18, 0, 21, 48, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2022-04-18T00:21:48Z",
        "2022-04-18T00:21:48+00:00",
        "2022-04-18T00:21:48+0000",
        "2022-04-18T02:21:48+02:00",
        "2022-04-17T19:21:48-05:00",
        "2022-04-18T00:21:48",
        "2022-04-18 00:21:48",
        " 2022-04-18T00:21:48.000Z ",
        "2022-04-18T00:21:48.000000000Z",
        "1650241308",
        "1650241308.0",
        "1650241308000",
        "1.650241308e9",
    ],
)
def test_reads_every_spelling_of_a_time(text):
    assert parse_event_time(text) == MOMENT


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{%s}",
        "2022-04-18",
        "20220418",
        "tomorrow",
        "0001-01-01T00:00:00Z",
        "9999-12-31T23:59:59-14:00",
        "12",
        "nan",
        "inf",
        "-1650241308",
        "1e300",
        "2022-13-18T00:21:48Z",
        "2022-04-18T25:21:48Z",
        "\0",
        "9" * 400,
    ],
)
def test_refuses_what_is_no_time(text):
    with pytest.raises(FaultError) as caught:
        parse_event_time(text)
    assert caught.value.reason == "bad_time"
