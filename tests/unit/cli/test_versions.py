import json

import boto3
import pytest
from moto import mock_aws

from tests.unit.training.builders import record
from trimtab.aws import clients, model_registry
from trimtab.training.version_record import record_bytes, record_sha256

STACK = {
    "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "state"}}},
    "Outputs": {"StateBucketName": {"Value": {"Ref": "Bucket"}}},
}


@pytest.fixture
def records():
    first = record()
    second = record(2, first)
    return first, second, record(3, second)


@pytest.fixture
def folder(tmp_path, records):
    inside = tmp_path / "versions" / "churn"
    inside.mkdir(parents=True)
    for each in records:
        (inside / f"{each.version}.json").write_bytes(record_bytes(each))
    (inside / "notes.json").write_text("{}")
    return tmp_path


@pytest.fixture
def bucket(records):
    """A deployed stack with records in its state bucket."""
    with mock_aws():
        clients.client.cache_clear()
        boto3.client("cloudformation").create_stack(StackName="trimtab", TemplateBody=json.dumps(STACK))
        for each in records:
            boto3.client("s3").put_object(Bucket="state", Key=each.key, Body=record_bytes(each))
        yield "state"
        clients.client.cache_clear()


def spoil(folder, version, **changed):
    path = folder / "versions" / "churn" / f"{version}.json"
    document = json.loads(path.read_bytes()) | changed
    path.write_text(json.dumps(document, sort_keys=True, separators=(",", ":")))


def test_lists_the_versions_of_a_group(run, folder, records):
    ran = run("versions", "list", "churn", "--folder", folder)
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert [line.split()[0] for line in lines] == ["version", "1", "2", "3"]
    assert record_sha256(records[2])[:12] in lines[3]


def test_lists_a_broken_record_beside_the_others(run, folder):
    (folder / "versions" / "churn" / "2.json").write_text("{}")
    told = run("versions", "list", "churn", "--folder", folder, "--json").document["versions"]
    assert [bool(each["problem"]) for each in told] == [False, True, False]
    assert "unreadable: " in run("versions", "list", "churn", "--folder", folder).out


def test_shows_one_record_with_its_hash(run, folder, records):
    ran = run("versions", "show", "churn", 2, "--folder", folder)
    assert ran.code == 0
    assert ran.document == {"sha256": record_sha256(records[1]), "record": records[1].model_dump(mode="json")}


def test_a_whole_chain_verifies(run, folder, records):
    ran = run("versions", "verify", "churn", "--folder", folder)
    assert ran.code == 0
    assert ran.out.startswith(f"WHOLE: 3 records of churn, the last one {record_sha256(records[2])}")


def test_a_changed_record_breaks_the_chain(run, folder):
    spoil(folder, 2, code_commit="another")
    ran = run("versions", "verify", "churn", "--folder", folder)
    assert ran.code == 3
    assert "  version 3: it does not follow from record 2 as that is now" in ran.out
    document = run("versions", "verify", "churn", "--folder", folder, "--json").document
    assert (document["whole"], document["records"], len(document["faults"])) == (False, 3, 1)


def test_a_missing_record_breaks_the_chain(run, folder):
    (folder / "versions" / "churn" / "1.json").unlink()
    assert "version 1: the record is missing" in run("versions", "verify", "churn", "--folder", folder).out


@pytest.mark.parametrize("place", [[], ["--bucket", "state"], ["--stack", "trimtab"]])
def test_reads_records_from_the_state_bucket(run, bucket, place):  # noqa: ARG001 - it is there
    assert run("versions", "verify", "churn", *place).code == 0
    assert len(run("versions", "list", "churn", *place, "--json").document["versions"]) == 3


def test_only_the_registry_tells_that_the_last_record_was_changed(run, folder, records, monkeypatch):
    told = {
        f"arn/{each.version}": {"record_version": f"{each.version}", "record_sha256": record_sha256(each)}
        for each in records
    }
    monkeypatch.setattr(model_registry, "versions", lambda _: [{"ModelPackageArn": arn} for arn in told])
    monkeypatch.setattr(model_registry, "describe_version", lambda arn: {"CustomerMetadataProperties": told[arn]})
    verify = ["versions", "verify", "churn", "--folder", folder]
    ran = run(*verify, "--registry")
    assert ran.code == 0
    assert "hashes of 3 of them" in ran.out
    spoil(folder, 3, code_commit="another")
    assert run(*verify).code == 0
    ran = run(*verify, "--registry")
    assert ran.code == 3
    assert "version 3: its hash is not the one in the model registry" in ran.out
    for path in (folder / "versions" / "churn").glob("*.json"):
        path.unlink()
    assert run(*verify, "--registry").code == 3


def test_no_record_is_no_whole_chain(run, tmp_path):
    ran = run("versions", "verify", "churn", "--folder", tmp_path)
    assert (ran.code, ran.out) == (2, "")
    assert f"{tmp_path}: no record in versions/churn/" in ran.err


def test_says_what_is_not_there(run, folder, bucket):
    assert (
        "versions/churn/9.json: there is no such record, only 1, 2, 3"
        in run("versions", "show", "churn", 9, "--folder", folder).err
    )
    assert run("versions", "list", "churn", "--bucket", f"{bucket}-gone").code == 2
    assert run("versions", "list", "churn", "--stack", "gone").code == 2
