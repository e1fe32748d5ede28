"""One local cloud with one deployment of the true template for the whole session.

Tests share it: each uses endpoint names of its own and looks at nothing else.
"""

from collections.abc import Iterator

import pytest

from local.cloud import Cloud, running_cloud
from local.deploy import deploy
from local.inbox import finding_log, mailbox, slack_channel
from tests.integration.deployed import Deployed


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture(scope="session")
def stack(cloud: Cloud) -> Iterator[Deployed]:
    """The template as it goes to AWS, with a mailbox, a Slack channel and a log of the findings bus."""
    with slack_channel() as slack:
        secret = cloud.client("secretsmanager").create_secret(Name="slack-webhook", SecretString=slack.url)
        parameters = {"SlackWebhookSecretArn": secret["ARN"], "CaptureBatchSeconds": "1"}
        outputs = deploy(cloud, parameters=parameters, progress=lambda _: None).outputs
        mail = mailbox(cloud, outputs["AlertTopicArn"])
        findings = finding_log(cloud, outputs["FindingsBusName"])
        yield Deployed(cloud, outputs, slack, mail, findings)
