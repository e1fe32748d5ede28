import pytest
from botocore.exceptions import ClientError

from trimtab.aws import clients
from trimtab.aws.again import again_on
from trimtab.aws.state_table import (
    StaleStateError,
    StateDocument,
    list_states,
    read_state,
    write_state,
)

pytestmark = pytest.mark.usefixtures("aws")

WHERE = ("state", "endpoint#churn", "drift#AllTraffic")


def test_what_was_never_written_is_empty():
    assert read_state(*WHERE) == StateDocument({}, 0)


def test_every_write_makes_the_next_version():
    for version in range(3):
        before = read_state(*WHERE)
        assert before.version == version
        write_state(*WHERE, {"n": version, "text": "ø", "list": [1, None]}, after=before)
    assert read_state(*WHERE) == StateDocument({"n": 2, "text": "ø", "list": [1, None]}, 3)


def test_of_two_racing_writers_one_wins():
    both = read_state(*WHERE)
    write_state(*WHERE, {"by": "first"}, after=both)
    with pytest.raises(StaleStateError, match="endpoint#churn/drift#AllTraffic"):
        write_state(*WHERE, {"by": "second"}, after=both)
    assert read_state(*WHERE) == StateDocument({"by": "first"}, 1)


def test_a_stale_write_is_refused_and_may_be_repeated():
    write_state(*WHERE, {"n": 1}, after=StateDocument())
    stale = read_state(*WHERE)
    write_state(*WHERE, {"n": 2}, after=stale)
    with pytest.raises(StaleStateError):
        write_state(*WHERE, {"n": 3}, after=stale)
    write_state(*WHERE, {"n": 3}, after=read_state(*WHERE))
    assert read_state(*WHERE).content == {"n": 3}


def test_work_that_another_run_overtook_is_done_again_from_what_that_run_wrote():
    overtaken = iter([True, True, False])

    def work():
        before = read_state(*WHERE)
        if next(overtaken):
            write_state(*WHERE, {"n": before.content.get("n", 0) + 10}, after=before)
        write_state(*WHERE, {"n": before.content.get("n", 0) + 1}, after=before)
        return "done"

    assert again_on(StaleStateError, work) == "done"
    assert read_state(*WHERE).content == {"n": 21}


def test_a_version_from_the_future_is_refused():
    write_state(*WHERE, {"n": 1}, after=StateDocument())
    with pytest.raises(StaleStateError):
        write_state(*WHERE, {"n": 2}, after=StateDocument({}, 7))


def test_a_deleted_document_is_written_anew():
    write_state(*WHERE, {"n": 1}, after=StateDocument())
    before = read_state(*WHERE)
    clients.dynamodb().delete_item(TableName="state", Key={"pk": {"S": WHERE[1]}, "sk": {"S": WHERE[2]}})
    write_state(*WHERE, {"n": 2}, after=before)
    assert read_state(*WHERE).content == {"n": 2}


def test_documents_do_not_mix():
    write_state(*WHERE, {"n": 1}, after=StateDocument())
    assert read_state("state", "endpoint#churn", "drift#Canary").version == 0
    assert read_state("state", "endpoint#fraud", WHERE[2]).version == 0


def test_other_errors_go_through():
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        write_state("none", *WHERE[1:], {}, after=StateDocument())


def test_a_partition_is_listed_by_sort_key():
    for partition, sort in (("change", "b"), ("change", "a"), ("other", "c")):
        write_state("state", partition, sort, {"name": sort}, after=StateDocument())
    assert list_states("state", "change") == {
        "a": StateDocument({"name": "a"}, 1),
        "b": StateDocument({"name": "b"}, 1),
    }
    assert list_states("state", "nobody") == {}
