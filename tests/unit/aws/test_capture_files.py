"""Capture files are counted in their variant's folders, and only what was written later."""

from datetime import UTC, datetime

import pytest

from trimtab.aws import s3
from trimtab.aws.capture_files import count_files
from trimtab.aws.sagemaker import Endpoint

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def endpoint(destination):
    return Endpoint("churn", True, {}, NOON, ("blue",), "Started", 1.0, destination, NOON, "churn-1", "")


@pytest.mark.parametrize(
    ("destination", "prefix"),
    [("s3://captures", ""), ("s3://captures/", ""), ("s3://captures/deep/down/", "deep/down/")],
)
def test_files_of_a_variant_that_were_written_since(monkeypatch, destination, prefix):
    asked = []

    def list_written(*asked_for, **more):
        asked.append((asked_for, more))
        return iter([("a", NOON), ("b", NOON.replace(minute=1)), ("c", NOON.replace(minute=2))])

    monkeypatch.setattr(s3, "list_written", list_written)
    assert count_files(endpoint(destination), "blue", since=NOON, start=NOON.replace(hour=9, minute=30)) == 2
    folder = f"{prefix}churn/blue/"
    assert asked == [(("captures", folder), {"start_after": f"{folder}2026/11/23/09/"})]


def test_an_endpoint_without_capture_has_no_place():
    assert endpoint("").capture_place == ("", "")
