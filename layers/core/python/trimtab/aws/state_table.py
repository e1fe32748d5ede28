"""Small documents in the state table, each with a version that guards against lost updates."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from trimtab.aws.clients import dynamodb


class StaleStateError(RuntimeError):
    """Somebody else wrote the document since it was read. Reading it again and repeating the work is safe."""


@dataclass(frozen=True)
class StateDocument:
    """A document and the version it was read at; version 0 is one that does not exist yet."""

    content: Mapping[str, Any] = field(default_factory=dict)
    version: int = 0


def read_state(table: str, partition: str, sort: str) -> StateDocument:
    """The document as last written (strongly consistent)."""
    answer = dynamodb().get_item(TableName=table, Key={"pk": {"S": partition}, "sk": {"S": sort}}, ConsistentRead=True)
    item = answer.get("Item")
    if item is None:
        return StateDocument()
    return StateDocument(json.loads(item["content"]["S"]), int(item["version"]["N"]))


def list_states(table: str, partition: str) -> dict[str, StateDocument]:
    """All documents of a partition by their sort keys, as last written (strongly consistent)."""
    pages = (
        dynamodb()
        .get_paginator("query")
        .paginate(
            TableName=table,
            KeyConditionExpression="pk = :partition",
            ExpressionAttributeValues={":partition": {"S": partition}},
            ConsistentRead=True,
        )
    )
    return {
        item["sk"]["S"]: StateDocument(json.loads(item["content"]["S"]), int(item["version"]["N"]))
        for page in pages
        for item in page["Items"]
    }


def write_state(table: str, partition: str, sort: str, content: Mapping[str, Any], after: StateDocument) -> None:
    """Replace the document that was read as `after`. Raises StaleStateError when it has changed since."""
    client = dynamodb()
    try:
        client.put_item(
            TableName=table,
            Item={
                "pk": {"S": partition},
                "sk": {"S": sort},
                "content": {"S": json.dumps(content, sort_keys=True)},
                "version": {"N": str(after.version + 1)},
            },
            ConditionExpression="attribute_not_exists(pk) OR #version = :read",
            ExpressionAttributeNames={"#version": "version"},
            ExpressionAttributeValues={":read": {"N": str(after.version)}},
        )
    except client.exceptions.ConditionalCheckFailedException as error:
        raise StaleStateError(f"{partition}/{sort} was written by another run") from error
