"""How new capture objects are announced: events of S3, through EventBridge or straight to a queue, and the batches of a
backfill."""

from typing import Any, Literal
from urllib.parse import unquote_plus

from pydantic import BaseModel, Field, ValidationError

CREATED = "Object Created"


class AnnouncementError(ValueError):
    """A message that announces nothing that is known here. Says which of its fields is not as in any event of S3."""


class S3Bucket(BaseModel):
    name: str


class S3Object(BaseModel):
    key: str


class ObjectCreatedDetail(BaseModel):
    bucket: S3Bucket
    object: S3Object


class ObjectCreated(BaseModel):
    """The EventBridge event of S3, as far as it is used here; where it is asked for again, it has no type."""

    type: Literal["Object Created"] = Field("Object Created", alias="detail-type")
    detail: ObjectCreatedDetail
    source: str = Field(pattern=r"^(aws\.s3|trimtab)$")


class ObjectRecord(BaseModel):
    bucket: S3Bucket
    object: S3Object


class NotificationRecord(BaseModel):
    event_name: str = Field(alias="eventName")
    s3: ObjectRecord


class Notification(BaseModel):
    """What S3 itself sends to a queue, without EventBridge. Keys in it are URL-encoded."""

    records: list[NotificationRecord] = Field(alias="Records", min_length=1)


class TestNotification(BaseModel):
    """What S3 sends once when a notification is set up."""

    event: Literal["s3:TestEvent"] = Field(alias="Event")


class Message(BaseModel):
    """Which of the shapes a message has."""

    records: Any = Field(None, alias="Records")
    event: Any = Field(None, alias="Event")
    topic: Any = Field(None, alias="TopicArn")
    type: Any = Field(None, alias="detail-type")

    @property
    def tells_of_another_change(self) -> bool:
        """Whether S3 tells through EventBridge that an object was deleted, restored, tagged or the like."""
        return isinstance(self.type, str) and self.type.startswith("Object ") and self.type != CREATED


class ListedObject(BaseModel):
    """An object as `ListObjectsV2` tells it, or a row of an S3 Inventory, which alone names the bucket."""

    key: str = Field(alias="Key")
    bucket: str | None = Field(None, alias="Bucket")
    is_latest: bool = Field(True, alias="IsLatest")
    is_delete_marker: bool = Field(False, alias="IsDeleteMarker")

    @property
    def name(self) -> str:
        """The object's key; an inventory has it URL-encoded."""
        return self.key if self.bucket is None else unquote_plus(self.key)


class BackfillInput(BaseModel):
    bucket: str
    prefix: str = ""


class BackfillBatch(BaseModel):
    """A batch of the backfill's Distributed Map, as its ItemBatcher makes it."""

    given: BackfillInput = Field(alias="BatchInput")
    items: list[ListedObject] = Field(alias="Items")


def listed_objects(batch: BackfillBatch) -> list[tuple[str, str]]:
    """Bucket and key of each object of a batch that exists and lies below the prefix that was asked for."""
    return [
        (batch.given.bucket, item.name)
        for item in batch.items
        if item.is_latest and not item.is_delete_marker and item.name.startswith(batch.given.prefix)
    ]


def created_objects(body: str) -> list[tuple[str, str]]:
    """Bucket and key of each object that a message tells was created. Raises AnnouncementError."""
    try:
        return _created_objects(body)
    except ValidationError as error:
        faults = "; ".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise AnnouncementError(f"not an S3 event: {faults}") from error


def _created_objects(body: str) -> list[tuple[str, str]]:
    message = Message.model_validate_json(body)
    if message.records is not None:
        records = Notification.model_validate_json(body).records
        created = [record.s3 for record in records if record.event_name.startswith("ObjectCreated:")]
        return [(each.bucket.name, unquote_plus(each.object.key)) for each in created]
    if message.event is not None:
        TestNotification.model_validate_json(body)
        return []
    if message.topic is not None:
        raise AnnouncementError(
            f"an SNS notification of {message.topic}: S3 events are taken from EventBridge, not through a topic"
        )
    if message.tells_of_another_change:
        return []
    detail = ObjectCreated.model_validate_json(body).detail
    return [(detail.bucket.name, detail.object.key)]
