"""AWS Secrets Manager: read a secret, at most once in five minutes."""

import functools
import time
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient

CACHE_SECONDS = 300


def secret_text(secret_id: str) -> str:
    """The secret's current text, not older than five minutes. `secret_id` is its ARN or name.

    Raises botocore's ClientError or BotoCoreError, and KeyError for a secret of bytes. Failures are not cached.
    """
    return _read(secret_id, int(time.monotonic() // CACHE_SECONDS))


@functools.lru_cache(maxsize=8)
def _read(secret_id: str, _period: int) -> str:
    return _client().get_secret_value(SecretId=secret_id)["SecretString"]


@functools.cache
def _client() -> "SecretsManagerClient":
    return boto3.client(
        "secretsmanager",
        config=Config(retries={"mode": "standard", "total_max_attempts": 3}, connect_timeout=3, read_timeout=5),
    )
