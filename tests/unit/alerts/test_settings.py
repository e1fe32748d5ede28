import pytest
from pydantic import ValidationError

from trimtab.alerts.settings import MissingVariableError, SendAlertSettings

COMPLETE = {
    "ALERT_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:alerts",
    "STATE_TABLE_NAME": "state",
    "STATE_BUCKET_NAME": "state-bucket",
    "SLACK_WEBHOOK_SECRET_ARN": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:slack",
}


def test_reads_the_environment() -> None:
    settings = SendAlertSettings.from_environment(COMPLETE | {"PATH": "/bin"})
    assert settings.alert_topic_arn == COMPLETE["ALERT_TOPIC_ARN"]
    assert settings.state_table_name == "state"
    assert settings.slack_webhook_secret_arn == COMPLETE["SLACK_WEBHOOK_SECRET_ARN"]


@pytest.mark.parametrize("slack", [{}, {"SLACK_WEBHOOK_SECRET_ARN": ""}])
def test_without_a_secret_there_is_no_slack(slack: dict[str, str]) -> None:
    needed = {name: COMPLETE[name] for name in ("ALERT_TOPIC_ARN", "STATE_TABLE_NAME", "STATE_BUCKET_NAME")}
    assert SendAlertSettings.from_environment(needed | slack).slack_webhook_secret_arn is None


def test_names_every_missing_variable() -> None:
    with pytest.raises(MissingVariableError, match="ALERT_TOPIC_ARN, STATE_TABLE_NAME, STATE_BUCKET_NAME"):
        SendAlertSettings.from_environment({"ALERT_TOPIC_ARN": ""})


def test_is_frozen() -> None:
    with pytest.raises(ValidationError):
        SendAlertSettings.from_environment(COMPLETE).state_table_name = "other"  # type: ignore[misc]
