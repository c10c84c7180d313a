"""Turns what S3 puts on the queue prod-to-preprod, through EventBridge or directly, into the objects to copy.

Only the fields that we use are modelled, so that an event written by hand for a replay need not have the others.
"""

from typing import Annotated, Literal
from urllib.parse import unquote_plus

from pydantic import AfterValidator, BaseModel, Field, TypeAdapter, ValidationError

from ingestion.errors import UnreadableMessage
from ingestion.messages import Frozen
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


class Bucket(BaseModel):
    """A bucket in either kind of event."""

    name: str = Field(min_length=1)


class EventBridgeObject(BaseModel):
    """Its key is as it is."""

    key: str = Field(min_length=1)
    version_id: str | None = Field(None, alias="version-id")


class EventBridgeDetail(BaseModel):
    """`detail` of an `Object Created` event."""

    bucket: Bucket
    object: EventBridgeObject


class ObjectCreated(BaseModel):
    """https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""

    source: Literal["aws.s3"]
    detail_type: Literal["Object Created"] = Field(alias="detail-type")
    detail: EventBridgeDetail

    def objects(self) -> list[UploadedObject]:
        found = self.detail
        return [UploadedObject(bucket=found.bucket.name, key=found.object.key, version_id=found.object.version_id)]


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

    def objects(self) -> list[UploadedObject]:
        return [
            UploadedObject(bucket=r.s3.bucket.name, key=r.s3.object.key, version_id=r.s3.object.version_id)
            for r in self.records
        ]


class TestEvent(BaseModel):
    """What S3 sends once when a direct notification is set up."""

    event: Literal["s3:TestEvent"] = Field(alias="Event")

    def objects(self) -> list[UploadedObject]:
        return []


_body: TypeAdapter[ObjectCreated | S3Notification | TestEvent] = TypeAdapter(ObjectCreated | S3Notification | TestEvent)


def to_objects(body: str, bucket: str) -> list[UploadedObject]:
    """The dumps that a message body says were uploaded into the bucket. Raises UnreadableMessage."""
    try:
        objects = _body.validate_json(body).objects()
    except ValidationError as error:
        raise UnreadableMessage(f"Not an S3 event of a created object: {error}. Correct it and send it again.") from error
    for found in objects:
        if found.bucket != bucket or not naming.is_dump_key(found.key):
            raise UnreadableMessage(
                f"s3://{found.bucket}/{found.key} is no dump in s3://{bucket}/{naming.PREFIX}, and nothing else is copied. "
                "Correct the message and send it again."
            )
    return objects
