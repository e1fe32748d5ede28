"""The parts of the supervisor that need no server."""

from pathlib import Path

import pytest

from local.cloud import Cloud, CloudError, environment, open_cloud


def test_tools_find_every_service_that_is_not_ministacks() -> None:
    env = environment("http://a", "http://b")
    assert env["AWS_ENDPOINT_URL"] == "http://a"
    other = {name for name, value in env.items() if value == "http://b"}
    assert other == {
        "AWS_ENDPOINT_URL_SAGEMAKER",
        "AWS_ENDPOINT_URL_SAGEMAKER_RUNTIME",
        "AWS_ENDPOINT_URL_APPLICATION_AUTO_SCALING",
        "AWS_ENDPOINT_URL_PRICING",
    }


def test_clients_go_where_the_variables_point(tmp_path: Path) -> None:
    cloud = Cloud("http://a", "http://b", tmp_path, (1, 2))
    assert cloud.client("s3").meta.endpoint_url == "http://a"
    assert cloud.client("sagemaker-runtime").meta.endpoint_url == "http://b"


def test_a_cloud_that_is_not_up_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{}")  # left by a crash: nobody holds the lock
    with pytest.raises(CloudError, match="not up"):
        open_cloud(tmp_path)
