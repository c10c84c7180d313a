"""The event of S3 that an object was created, as EventBridge delivers it."""

from pydantic import BaseModel, Field

from ingestion.inbox import EventBridgeEvent, Unwrapped, documented


class Bucket(BaseModel):
    """Its name, in this event and in S3's own notification."""

    name: str = Field(min_length=1)


class EventBridgeObject(BaseModel):
    """Its key is as it is. `version_id` is null in a bucket without versioning."""

    key: str = Field(min_length=1)
    version_id: str | None = Field(None, alias="version-id")


class ObjectCreated(BaseModel):
    """`detail` of the event: https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html"""

    bucket: Bucket
    object: EventBridgeObject


def created(unwrapped: Unwrapped) -> ObjectCreated | None:
    """Find the event in a message; None where it is another. Raises UnreadableMessage."""
    match unwrapped:
        case EventBridgeEvent(source="aws.s3", detail_type="Object Created", detail=detail):
            return documented(ObjectCreated, detail)
    return None
