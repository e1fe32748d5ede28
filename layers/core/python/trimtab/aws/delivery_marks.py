"""DynamoDB: marks in the state table that a finding has been delivered to a channel.

Item: `pk` = `alert#<finding id>`, `sk` = channel, `delivered_at` (ISO 8601), `expires_at` (epoch seconds, for the
table's time to live; DynamoDB deletes late, so an expired mark is treated as absent).
"""

from datetime import datetime, timedelta

from trimtab.aws.clients import dynamodb


def is_delivered(table: str, finding_id: str, channel: str, now: datetime) -> bool:
    """Whether the finding is marked as delivered to the channel. Reads consistently."""
    response = dynamodb().get_item(
        TableName=table,
        Key={"pk": {"S": f"alert#{finding_id}"}, "sk": {"S": channel}},
        ConsistentRead=True,
        ProjectionExpression="expires_at",
    )
    item = response.get("Item")
    return item is not None and int(item["expires_at"]["N"]) > now.timestamp()


def mark_delivered(table: str, finding_id: str, channel: str, now: datetime, keep: timedelta) -> bool:
    """Mark the finding as delivered to the channel for the time `keep`; False when a valid mark was there already."""
    client = dynamodb()
    try:
        client.put_item(
            TableName=table,
            Item={
                "pk": {"S": f"alert#{finding_id}"},
                "sk": {"S": channel},
                "delivered_at": {"S": now.isoformat()},
                "expires_at": {"N": str(int((now + keep).timestamp()))},
            },
            ConditionExpression="attribute_not_exists(pk) OR expires_at <= :now",
            ExpressionAttributeValues={":now": {"N": str(int(now.timestamp()))}},
        )
    except client.exceptions.ConditionalCheckFailedException:
        return False
    return True
