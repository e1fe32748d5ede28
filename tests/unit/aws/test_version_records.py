import pytest

from tests.unit.training.builders import ARN, DAY, GROUP, NOW, record
from trimtab.aws import s3, version_records
from trimtab.aws.version_records import BusyChainError, append_record, create_record, read_record, record_versions
from trimtab.training.version_record import record_bytes, verify_chain

pytestmark = pytest.mark.usefixtures("aws")
SINCE = NOW + DAY


class Maker:
    """Makes the record of a training job, and remembers as which version."""

    def __init__(self, job):
        self.job, self.asked = f"{ARN}training-job/{job}", []

    def __call__(self, version, previous):
        self.asked.append(version)
        return record(version, training_job=self.job).model_copy(update={"previous_sha256": previous})


def append(job, since=SINCE):
    made = Maker(job)
    return append_record("state", GROUP, made.job, since, made), made.asked


def stored():
    return {version: read_record("state", GROUP, version) for version in record_versions("state", GROUP)}


def test_records_follow_one_another_in_a_chain():
    for number, job in enumerate(("a", "b", "c"), start=1):
        found, asked = append(job)
        assert (found.version, asked) == (number, [number])
    assert verify_chain(GROUP, stored()) == ()


def test_a_record_is_created_once():
    assert create_record("state", record())
    assert not create_record("state", record(model_id="another"))
    assert stored() == {1: record_bytes(record())}


def test_the_record_that_a_run_that_died_has_made_is_found_again():
    first, _ = append("a")
    append("b")
    assert append("a", since=NOW) == (first, [])
    assert record_versions("state", GROUP) == [1, 2]


def test_records_from_before_the_training_are_not_searched():
    append("a")  # of NOW + DAY
    found, asked = append("b", since=NOW + 3 * DAY)
    assert (found.version, asked) == (2, [2])
    found, asked = append("a", since=NOW + 9 * DAY)
    assert (found.version, asked) == (3, [3])


def test_a_record_that_cannot_be_read_hides_no_other():
    first, _ = append("a")
    s3.write_object("state", f"versions/{GROUP}/2.json", b"{}")
    assert append("a") == (first, [])
    assert append("b")[0].version == 3


def test_a_run_that_another_overtakes_takes_the_next_place():
    made = Maker("mine")

    def overtaken(version, previous):
        if not made.asked:
            append("others")
        return made(version, previous)

    found = append_record("state", GROUP, made.job, SINCE, overtaken)
    assert (found.version, made.asked) == (2, [1, 2])
    assert verify_chain(GROUP, stored()) == ()


def test_a_chain_that_others_always_add_to_is_given_up(monkeypatch):
    monkeypatch.setattr(version_records, "create_record", lambda *_: False)
    with pytest.raises(BusyChainError, match=f"others keep adding records to {GROUP}"):
        append("a")
