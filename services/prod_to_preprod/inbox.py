"""Turns what S3 puts on the queue prod-to-preprod, through EventBridge or directly, into the objects to copy."""

from typing import Annotated
from urllib.parse import unquote_plus

from pydantic import AfterValidator, BaseModel, Field

from ingestion.errors import UnreadableMessage
from ingestion.inbox import Document, EventBridgeEvent, Notice, documented, unwrap
from ingestion.messages import Frozen
from ingestion.s3_events import Bucket, ObjectCreated, created
from ingestion.s3_uri import correlation_id
from liberator import naming


class UploadedObject(Frozen):
    """One object, as it was uploaded. `version_id` is null in a bucket without versioning."""

    bucket: str
    key: str
    version_id: str | None

    @property
    def correlation_id(self) -> str:
        return correlation_id(f"s3://{self.bucket}/{self.key}", self.version_id)


class NotificationObject(BaseModel):
    """Its key is URL-encoded, a space as `+`."""

    key: Annotated[str, Field(min_length=1), AfterValidator(unquote_plus)]
    version_id: str | None = Field(None, alias="versionId")


class NotificationEntity(BaseModel):
    """`s3` of a record."""

    bucket: Bucket
    object: NotificationObject


class NotificationRecord(BaseModel):
    """Only created objects: nothing else is wired to the queue."""

    event_name: Annotated[str, Field(alias="eventName", pattern=r"^ObjectCreated:")]
    s3: NotificationEntity


class S3Notification(BaseModel):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""

    records: list[NotificationRecord] = Field(alias="Records")


def to_objects(body: str, bucket: str) -> list[UploadedObject]:
    """The dumps that a message body says were uploaded into the bucket. Raises UnreadableMessage."""
    objects = [
        UploadedObject(bucket=found.bucket.name, key=found.object.key, version_id=found.object.version_id)
        for found in _created(body)
    ]
    for found in objects:
        if found.bucket != bucket or not naming.is_dump_key(found.key):
            raise UnreadableMessage(
                f"s3://{found.bucket}/{found.key} is no dump in s3://{bucket}/{naming.PREFIX}, and nothing else is copied. "
                "Correct the message and send it again."
            )
    return objects


def _created(body: str) -> list[ObjectCreated | NotificationEntity]:
    match unwrap(body):
        case EventBridgeEvent() as event if found := created(event):
            return [found]
        case Document(fields={"Records": _} as fields):
            return [record.s3 for record in documented(S3Notification, fields).records]
        case Document(fields={"Event": "s3:TestEvent"}) | Notice():  # as S3 or SNS send when they are set up
            return []
        case _:
            raise UnreadableMessage("Not an S3 event of a created object. Correct it and send it again.")
