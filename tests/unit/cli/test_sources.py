import os
import sys

import boto3
import pytest
from moto import mock_aws

from tests.unit.cli.captures import line
from trimtab.aws import clients
from trimtab.cli.options import InputError
from trimtab.cli.sources import find_files


@pytest.fixture
def bucket():
    clients.client.cache_clear()
    with mock_aws():
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="captures", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield s3
    clients.client.cache_clear()


def test_a_folder_stands_for_what_is_in_and_below_it(tmp_path):
    for name in ("b/2.jsonl", "b/c/1.jsonl.gz", "a.csv", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).touch()
    found = [path.removeprefix(f"{tmp_path}/") for path in find_files([str(tmp_path)])]
    assert found == ["a.csv", "b/2.jsonl", "b/c/1.jsonl.gz"]


def test_a_folder_that_cannot_be_listed_is_not_passed_over(tmp_path, run, monkeypatch):
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.jsonl").touch()
    scandir = os.scandir

    def refuse_closed(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse_closed)
    ran = run("profile", str(tmp_path), "--json")
    assert (ran.code, ran.out) == (2, "")
    assert ran.err == f"trimtab: {tmp_path}/closed: Permission denied\n"


def test_a_file_named_twice_counts_once(tmp_path):
    (tmp_path / "a.jsonl").touch()
    assert find_files([f"{tmp_path}/a.jsonl", f"{tmp_path}/*.jsonl", str(tmp_path)]) == [f"{tmp_path}/a.jsonl"]


def test_what_stands_for_nothing_is_refused(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(InputError, match=r"no file in it ends in \.jsonl"):
        find_files([str(tmp_path)])
    with pytest.raises(InputError, match="no such file"):
        find_files([f"{tmp_path}/*.jsonl"])


def test_objects_under_a_prefix_are_read_like_files(run, bucket):
    for hour in ("00", "01"):
        bucket.put_object(Bucket="captures", Key=f"churn/x/2026/03/01/{hour}/a.jsonl", Body=line("1,2") * 3)
    bucket.put_object(Bucket="captures", Key="churn/train.csv", Body="a,b\n1,2\n")
    ran = run("profile", "s3://captures/churn/x", "--json", "--jobs", "1")
    assert (ran.code, ran.document["rows"]) == (0, 6)
    assert [file["path"] for file in ran.document["files"]] == [
        "s3://captures/churn/x/2026/03/01/00/a.jsonl",
        "s3://captures/churn/x/2026/03/01/01/a.jsonl",
    ]
    ran = run(
        "drift", "--reference", "s3://captures/churn/train.csv", "--current", "s3://captures/churn/x", "--jobs", "1"
    )
    assert ran.code == 4


@pytest.mark.usefixtures("bucket")
@pytest.mark.parametrize("address", ["s3://captures/none", "s3://no-such-bucket/x", "s3://", "s3://captures/a.txt/"])
def test_an_address_that_holds_nothing_is_bad_input(run, address):
    ran = run("profile", address)
    assert (ran.code, ran.out) == (2, "")
    assert f"{address}: " in ran.err


def test_says_what_is_not_installed(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    ran = run("profile", "s3://captures/churn")
    assert ran.code == 1
    assert "pip install boto3" in ran.err
