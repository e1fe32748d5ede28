"""Settings of send_alert, from its environment variables (a public interface: template.yaml sets them)."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict


class MissingVariableError(ValueError):
    """The function's environment lacks a variable it cannot do without."""


class SendAlertSettings(BaseModel):
    """Where alerts go, where their delivery is noted, and where the pages lie that they link."""

    model_config = ConfigDict(frozen=True)

    alert_topic_arn: str
    state_table_name: str
    state_bucket_name: str
    slack_webhook_secret_arn: str | None = None

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> "SendAlertSettings":
        """Settings from `environ`. An empty variable counts as absent; without a secret there is no Slack.

        Raises MissingVariableError that names every variable that is missing.
        """
        needed = ("ALERT_TOPIC_ARN", "STATE_TABLE_NAME", "STATE_BUCKET_NAME")
        missing = [name for name in needed if not environ.get(name)]
        if missing:
            raise MissingVariableError(f"environment variable not set: {', '.join(missing)}")
        return cls(
            alert_topic_arn=environ["ALERT_TOPIC_ARN"],
            state_table_name=environ["STATE_TABLE_NAME"],
            state_bucket_name=environ["STATE_BUCKET_NAME"],
            slack_webhook_secret_arn=environ.get("SLACK_WEBHOOK_SECRET_ARN") or None,
        )
