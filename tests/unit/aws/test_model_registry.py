from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.functions.training_world import install, training_account
from trimtab.aws.model_registry import version_of_record
from trimtab.aws.refusals import RefusedError

SINCE = datetime.now(UTC) - timedelta(minutes=10)


@pytest.fixture
def account(monkeypatch):
    return install(monkeypatch, training_account())


def register(account, sha256=None, created=None):
    metadata = {"record_sha256": sha256} if sha256 else {"team": "x"}
    arn = account.CreateModelPackage("churn", ModelApprovalStatus="Approved", CustomerMetadataProperties=metadata)[
        "ModelPackageArn"
    ]
    if created:
        account.packages[arn]["CreationTime"] = created
    return arn


def test_the_version_of_a_record_is_found_by_its_hash(account):
    mine = register(account, "a" * 64)
    register(account, "b" * 64)
    register(account)
    assert version_of_record("churn", "a" * 64, SINCE) == mine
    assert version_of_record("churn", "c" * 64, SINCE) is None


def test_versions_from_before_are_not_searched(account):
    register(account, "a" * 64, created=SINCE - timedelta(minutes=1))
    calls = len(account.calls)
    assert version_of_record("churn", "a" * 64, SINCE) is None
    assert [name for name, _ in account.calls[calls:]] == ["ListModelPackages"]


def test_a_group_that_is_not_there_is_refused(account):
    account.refused["ListModelPackages"] = ("ValidationException", "Model Package Group does not exist.")
    with pytest.raises(RefusedError, match="does not exist"):
        version_of_record("churn", "a" * 64, SINCE)
