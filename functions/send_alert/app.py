"""Tell people about findings. Trigger: the alert queue, into which a rule of the findings bus puts every finding.

A finding is sent to every channel that is not yet marked as having got it, and marked afterwards, so a retry repeats
only what failed. Delivery is at least once: a crash between sending and marking sends again.
"""

import functools
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.typing import LambdaContext

from trimtab.alerts.alert import Alert
from trimtab.alerts.event import alert_of_event
from trimtab.alerts.settings import SendAlertSettings
from trimtab.alerts.slack_message import slack_message
from trimtab.alerts.sns_message import SnsMessage, sns_message
from trimtab.alerts.web_links import with_web_links
from trimtab.alerts.webhook import WebhookSecretError, outcome, pause, rejection_alert, webhook_url
from trimtab.aws import delivery_marks, s3, secrets_manager, slack_webhook, sns

# Longer than a message can live in the queue and its dead-letter queue, so that a redrive repeats nothing.
MARKS_KEPT = timedelta(days=30)
LONGEST_PAUSE_SECONDS = 3.0
# What one call of the webhook may take, with what has to be done after it.
SECONDS_PER_POST = 2 * slack_webhook.TIMEOUT_SECONDS + 2

logger = Logger()
metrics = Metrics()
tracer = Tracer()


class SlackUnavailableError(Exception):
    """Slack did not take the message now; a later try may succeed."""


class WebhookRejectedError(Exception):
    """The webhook cannot be used until someone repairs it."""


@dataclass(frozen=True)
class Outside:
    """The world outside this function. `web_links` makes links to pages ones that people can follow. Without a
    `webhook_secret` there is no Slack."""

    web_links: Callable[[Alert], Alert]
    publish: Callable[[SnsMessage], object]
    webhook_secret: Callable[[], str] | None
    post: Callable[[str, Mapping[str, Any]], slack_webhook.WebhookAnswer]
    is_delivered: Callable[[str, str, datetime], bool]
    mark_delivered: Callable[[str, str, datetime], object]
    now: Callable[[], datetime]
    sleep: Callable[[float], None]


@functools.cache
def aws() -> Outside:
    """The real world, as the environment variables set it up."""
    settings = SendAlertSettings.from_environment(os.environ)
    secret, table = settings.slack_webhook_secret_arn, settings.state_table_name
    bucket = settings.state_bucket_name
    return Outside(
        web_links=lambda alert: with_web_links(alert, bucket, functools.partial(s3.signed_address, bucket)),
        publish=lambda message: sns.publish(
            settings.alert_topic_arn, message.subject, message.body, message.attributes
        ),
        webhook_secret=functools.partial(secrets_manager.secret_text, secret) if secret else None,
        post=slack_webhook.post,
        is_delivered=functools.partial(delivery_marks.is_delivered, table),
        mark_delivered=functools.partial(delivery_marks.mark_delivered, table, keep=MARKS_KEPT),
        now=lambda: datetime.now(UTC),
        sleep=time.sleep,
    )


@logger.inject_lambda_context
@metrics.log_metrics
@tracer.capture_lambda_handler
def lambda_handler(event: dict[str, Any], context: LambdaContext, *, outside: Outside | None = None) -> dict[str, Any]:
    """Deliver a batch of findings; the ones that a channel did not take are reported back, for the queue to retry."""
    outside = outside or aws()
    records = event["Records"]
    failed: set[str] = set()
    # All of SNS before any of Slack: a slow webhook never keeps a mail waiting.
    failed |= deliver_batch("sns", records, lambda alert: publish(alert, outside), outside)
    if outside.webhook_secret:
        read_secret = outside.webhook_secret
        failed |= deliver_batch("slack", records, lambda alert: post(alert, read_secret, outside, context), outside)
    return {
        "batchItemFailures": [
            {"itemIdentifier": record["messageId"]} for record in records if record["messageId"] in failed
        ]
    }


def deliver_batch(
    channel: str, records: list[dict[str, Any]], send: Callable[[Alert], None], outside: Outside
) -> set[str]:
    """Deliver every record's finding to the channel, one failing no other; the message ids of those that failed."""
    failed = set()
    for record in records:
        try:
            deliver(channel, outside.web_links(alert_of_event(record["body"])), send, outside)
        except Exception:
            logger.exception("Alert not delivered, left to the queue", channel=channel, message_id=record["messageId"])
            metrics.add_metric(name="AlertDeliveryFailed", unit=MetricUnit.Count, value=1)
            failed.add(record["messageId"])
    return failed


def deliver(channel: str, alert: Alert, send: Callable[[Alert], None], outside: Outside) -> None:
    """Deliver one alert to the channel unless that has been done, and mark it as done."""
    if outside.is_delivered(alert.id, channel, outside.now()):
        logger.info("Alert was delivered before", channel=channel, finding_id=alert.id)
        metrics.add_metric(name="AlertDeliveredBefore", unit=MetricUnit.Count, value=1)
        return
    try:
        send(alert)
    except WebhookRejectedError as error:
        logger.error("Webhook rejected, alert not delivered to Slack", finding_id=alert.id, why=str(error))
        metrics.add_metric(name="SlackWebhookRejected", unit=MetricUnit.Count, value=1)
        notice = rejection_alert(alert, str(error), outside.now())
        deliver("sns", notice, lambda it: publish(it, outside), outside)
        return
    outside.mark_delivered(alert.id, channel, outside.now())
    logger.info("Alert delivered", channel=channel, finding_id=alert.id)
    metrics.add_metric(name="AlertDelivered", unit=MetricUnit.Count, value=1)


def publish(alert: Alert, outside: Outside) -> None:
    """Publish the alert on the topic."""
    if alert.unread:
        logger.error("Finding not fully understood", finding_id=alert.id, unread=alert.unread)
        metrics.add_metric(name="FindingNotUnderstood", unit=MetricUnit.Count, value=1)
    outside.publish(sns_message(alert))


def post(alert: Alert, read_secret: Callable[[], str], outside: Outside, context: LambdaContext) -> None:
    """Post the alert to Slack, with one more try after a short pause that Slack asks for.

    Raises SlackUnavailableError or WebhookUnreachableError for what may pass, WebhookRejectedError for what may not.
    """
    if context.get_remaining_time_in_millis() < 1000 * (SECONDS_PER_POST + LONGEST_PAUSE_SECONDS):
        raise SlackUnavailableError("no time left in this invocation")
    try:
        url = webhook_url(read_secret())
    except WebhookSecretError as error:
        raise WebhookRejectedError(str(error)) from error
    payload = slack_message(alert)
    answer = outside.post(url, payload)
    seconds = pause(answer.status, answer.retry_after, LONGEST_PAUSE_SECONDS)
    if seconds is not None:
        outside.sleep(seconds)
        answer = outside.post(url, payload)
    match outcome(answer.status):
        case "accepted":
            return
        case "passing":
            raise SlackUnavailableError(f"HTTP {answer.status} {answer.body}")
        case "rejected":
            raise WebhookRejectedError(f"HTTP {answer.status} {answer.body}")
