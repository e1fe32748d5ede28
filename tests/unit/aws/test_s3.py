import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from trimtab.aws import clients, s3

pytestmark = pytest.mark.usefixtures("aws")


def test_an_object_is_read_in_chunks_of_a_mebibyte():
    body = bytes(range(256)) * 5000
    s3.write_object("state", "a/b c+d é.bin", body, content_type="application/octet-stream")
    opened = s3.open_object("state", "a/b c+d é.bin")
    chunks = list(opened.chunks)
    assert b"".join(chunks) == body
    assert max(map(len, chunks)) <= s3.CHUNK_BYTES < len(body) == opened.size
    assert '"' not in opened.etag
    assert opened.modified.endswith("+00:00")


def test_an_empty_object_is_read():
    s3.write_object("state", "empty", b"")
    assert s3.read_object("state", "empty") == b""


def test_what_is_not_there_is_named():
    with pytest.raises(s3.ObjectNotFoundError, match=r"s3://state/none\.jsonl does not exist"):
        s3.open_object("state", "none.jsonl")
    with pytest.raises(s3.ObjectNotFoundError):
        s3.read_objects("state", ["none"])


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("AccessDenied", 403),
        ("KMS.DisabledException", 400),
    ],
)
def test_an_object_that_must_not_be_read_is_not_taken_for_one_that_is_not_there(code, status):
    with Stubber(clients.s3()) as stub:
        stub.add_client_error("get_object", code, http_status_code=status)
        with pytest.raises(ClientError, match=code):
            s3.open_object("state", "x")


def test_a_list_of_what_is_not_there_or_forbidden_says_so():
    with pytest.raises(s3.ObjectNotFoundError, match="s3://nobodys/p/ does not exist"):
        list(s3.list_objects("nobodys", "p/"))
    with Stubber(clients.s3()) as stub:
        stub.add_client_error("list_objects_v2", "AccessDenied", http_status_code=403)
        with pytest.raises(s3.ObjectForbiddenError, match="AccessDenied"):
            list(s3.list_objects("state", "p/"))


def test_many_objects_come_in_the_order_of_their_keys():
    for i in range(40):
        s3.write_object("state", f"k{i}", str(i).encode())
    wanted = [f"k{i}" for i in (7, 3, 39, 3)]
    assert s3.read_objects("state", iter(wanted)) == [b"7", b"3", b"39", b"3"]
    assert s3.read_objects("state", []) == []


def test_only_the_first_creates_an_object():
    assert s3.create_object("state", "current.json", b"first")
    assert not s3.create_object("state", "current.json", b"second")
    assert s3.read_object("state", "current.json") == b"first"


@pytest.mark.parametrize(("code", "status"), [("PreconditionFailed", 412), ("ConditionalRequestConflict", 409)])
def test_losing_the_race_to_create_is_no_error(code, status):
    with Stubber(clients.s3()) as stub:
        stub.add_client_error("put_object", code, http_status_code=status)
        assert not s3.create_object("state", "current.json", b"x")


def test_any_other_refusal_to_create_is_an_error():
    with Stubber(clients.s3()) as stub:
        stub.add_client_error("put_object", "AccessDenied", http_status_code=403)
        with pytest.raises(ClientError, match="AccessDenied"):
            s3.create_object("state", "current.json", b"x")


def test_lists_are_read_to_the_last_page(monkeypatch):
    monkeypatch.setenv("MOTO_S3_DEFAULT_MAX_KEYS", "10")
    client = clients.s3()
    keys = [f"p/{i:04d}" for i in range(105)]
    for key in keys:
        client.put_object(Bucket="state", Key=key, Body=b"")
    client.put_object(Bucket="state", Key="q/0", Body=b"")
    assert list(s3.list_keys("state", "p/")) == keys
    assert list(s3.list_keys("state", "p/", start_after="p/0003", before="p/1041")) == keys[4:1041]
    assert list(s3.list_keys("state", "p/", start_after="p/0103")) == keys[104:]
    assert list(s3.list_keys("state", "p/", before="p/0000")) == []
    assert list(s3.list_keys("state", "none/")) == []


def test_folders_are_the_names_directly_below():
    for key in ("p/a/1", "p/a/2/3", "p/b c/1", "p/file", "q/z/1"):
        s3.write_object("state", key, b"")
    assert s3.list_folders("state", "p/") == ["a", "b c"]
    assert s3.list_folders("state", "none/") == []
