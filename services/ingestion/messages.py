"""The messages that the parts send each other: commands are imperative, events past tense."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ingestion.errors import UnreadableMessage

# SNS takes 256 KiB, and JSON makes up to 6 bytes of a character (`\u0000`): with every text at its limit below, an
# IngestionFailed has at most 6 * (30,000 + 8,000 + 2,200 + 1,100) bytes and some hundred for the rest, 250,000 at most.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
BODY_LIMIT = 30_000
REASON_LIMIT = 8_000
CORRELATION_ID_LIMIT = 2_200  # an S3 URI and a version id, which has at most 1,024
URI_LIMIT = 1_100  # a key has at most 1,024 bytes, a bucket's name 63


# Of a snapshot (RDS allows 255 characters) or an export task (60). It becomes part of a key: nothing else may be in it.
# https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html
RdsName = Annotated[str, Field(pattern=r"^[A-Za-z](-?[A-Za-z0-9])*$", max_length=255)]


class Frozen(BaseModel):
    """Immutable, and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def _cut(limit: int) -> AfterValidator:
    """Shortens a text, and makes it one that JSON can hold: UTF-8 has no lone surrogates."""
    return AfterValidator(lambda text: text[:limit].encode(errors="replace").decode())


class Run(Frozen):
    """Which day is ingested, and from what. `dump` is the zip's S3 URI, null where it is not known."""

    import_date: date
    backdated: bool
    dump: Annotated[str, Field(pattern=r"^s3://[^/]+/.+", max_length=URI_LIMIT)] | None = None


class Poll(Frozen):
    """How often a message has been put back, and since when (aware)."""

    attempt: Annotated[int, Field(ge=1)] = 1
    started_at: AwareDatetime

    @classmethod
    def begin(cls) -> Self:
        return cls(started_at=datetime.now(UTC))


class Message(Frozen):
    """`correlation_id` is the dump's S3 URI and version; it is in every log line of one dump's way."""

    version: Literal[1] = 1
    run: Run
    correlation_id: Annotated[str, Field(min_length=1, max_length=CORRELATION_ID_LIMIT)]


class ExportSnapshot(Message):
    """Export this snapshot to S3 once it is available. Without `poll`, waiting begins when the message is read."""

    kind: Literal["ExportSnapshot"] = "ExportSnapshot"
    snapshot_identifier: RdsName
    poll: Poll = Field(default_factory=Poll.begin)


class CopyExport(Message):
    """Copy this export to the landing zone once it is complete. Without `poll`, waiting begins when the message is read."""

    kind: Literal["CopyExport"] = "CopyExport"
    export_task_identifier: RdsName
    poll: Poll = Field(default_factory=Poll.begin)


class LandingZoneUpdated(Message):
    """A day is whole in the landing zone. Read the objects that the manifest names, never a listing.

    The counts are of the whole day: a list of tables would at some number of them exceed what SNS takes. `rows` is what the
    loader counted after the load; null where it left no count. `warnings` are those of the export, each in the manifest.
    """

    kind: Literal["LandingZoneUpdated"] = "LandingZoneUpdated"
    export_task_identifier: str
    landing_prefix: str
    manifest: str
    tables: int
    objects: int
    bytes: int
    rows: int | None
    warnings: int


class LoadedWithRemarks(Message):
    """A dump was loaded and goes on, and a person should look at it. `reason` is cut where it is long."""

    kind: Literal["LoadedWithRemarks"] = "LoadedWithRemarks"
    reason: Annotated[str, _cut(REASON_LIMIT)]


class IngestionFailed(Frozen):
    """A run ended, and a person has to act. `message` is the body of the message that failed, null where there was none.

    `reason` and `message` are cut where they are long, so that SNS always takes the event. `run` and `correlation_id`
    are null where the failure is that they cannot be known.
    """

    version: Literal[1] = 1
    kind: Literal["IngestionFailed"] = "IngestionFailed"
    run: Run | None
    correlation_id: str | None
    stage: str
    error: str
    reason: Annotated[str, _cut(REASON_LIMIT)]
    message: Annotated[str, _cut(BODY_LIMIT)] | None


Polled = ExportSnapshot | CopyExport
AnyMessage = ExportSnapshot | CopyExport | LandingZoneUpdated | LoadedWithRemarks | IngestionFailed
_any_message: TypeAdapter[AnyMessage] = TypeAdapter(Annotated[AnyMessage, Field(discriminator="kind")])


def parse_message(body: str | bytes) -> AnyMessage:
    """One of our own messages from its JSON. Raises UnreadableMessage, which names each field that is wrong."""
    try:
        return _any_message.validate_json(body)
    except ValidationError as error:
        raise UnreadableMessage(f"Not one of our messages: {problems(error)}. Correct it and send it again.") from error


def problems(error: ValidationError) -> str:
    """Each field that is wrong and how, in one line, without the values."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
