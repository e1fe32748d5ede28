"""What holds for every test: settings that Powertools reads at import, and credentials that reach nothing."""

import os
from pathlib import Path

import pytest

os.environ.update(
    POWERTOOLS_SERVICE_NAME="trimtab",
    POWERTOOLS_METRICS_NAMESPACE="Trimtab",
    POWERTOOLS_TRACE_DISABLED="true",
    AWS_XRAY_SDK_ENABLED="false",
    AWS_DEFAULT_REGION="eu-west-1",
    AWS_REGION="eu-west-1",
    AWS_ACCESS_KEY_ID="testing",
    AWS_SECRET_ACCESS_KEY="testing",
    AWS_SESSION_TOKEN="testing",
    AWS_EC2_METADATA_DISABLED="true",
)

PROJECT = Path(__file__).resolve().parents[1]


@pytest.fixture
def shared() -> Path:
    """The folder of real material beside the checkout; tests that need it are skipped where it is absent."""
    folder = PROJECT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of real material is not there")
    return folder
