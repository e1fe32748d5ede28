from collections.abc import Iterator

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from trimtab.aws import secrets_manager
from trimtab.aws.secrets_manager import CACHE_SECONDS, secret_text


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    with mock_aws():
        secrets_manager._client.cache_clear()
        secrets_manager._read.cache_clear()
        yield
    secrets_manager._client.cache_clear()
    secrets_manager._read.cache_clear()


def test_reads_a_changed_secret_after_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1000.0 * CACHE_SECONDS]
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    boto3.client("secretsmanager").create_secret(Name="slack", SecretString="first")
    assert secret_text("slack") == "first"
    boto3.client("secretsmanager").put_secret_value(SecretId="slack", SecretString="second")
    clock[0] += CACHE_SECONDS - 1
    assert secret_text("slack") == "first"
    clock[0] += 1
    assert secret_text("slack") == "second"


def test_does_not_remember_a_failure() -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        secret_text("slack")
    boto3.client("secretsmanager").create_secret(Name="slack", SecretString="there")
    assert secret_text("slack") == "there"
