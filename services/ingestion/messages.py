"""The messages that the parts send each other: commands are imperative, events past tense."""

from datetime import UTC, date, datetime
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ingestion.errors import UnreadableMessage


class Frozen(BaseModel):
    """Immutable, and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Run(Frozen):
    """Which day is ingested, and from what. `dump` is the zip's S3 URI, null where it is not known."""

    import_date: date
    backdated: bool
    dump: Annotated[str, Field(pattern=r"^s3://[^/]+/.+")] | None = None


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
    correlation_id: Annotated[str, Field(min_length=1)]


class ExportSnapshot(Message):
    """Export this snapshot to S3 once it is available. Without `poll`, waiting begins when the message is read."""

    kind: Literal["ExportSnapshot"] = "ExportSnapshot"
    snapshot_identifier: Annotated[str, Field(min_length=1)]
    poll: Poll = Field(default_factory=Poll.begin)


class CopyExport(Message):
    """Copy this export to the landing zone once it is complete. Without `poll`, waiting begins when the message is read."""

    kind: Literal["CopyExport"] = "CopyExport"
    export_task_identifier: Annotated[str, Field(min_length=1)]
    poll: Poll = Field(default_factory=Poll.begin)


class LandedTable(Frozen):
    """One table in the landing zone. `rows` is what the loader counted after the load; null where it left no count."""

    name: str
    objects: int
    bytes: int
    rows: int | None


class LandingZoneUpdated(Message):
    """A day is whole in the landing zone. Read the objects that the manifest names, never a listing."""

    kind: Literal["LandingZoneUpdated"] = "LandingZoneUpdated"
    export_task_identifier: str
    landing_prefix: str
    manifest: str
    tables: tuple[LandedTable, ...]


class IngestionFailed(Frozen):
    """A run ended, and a person has to act. `message` is the body of the message that failed, null where there was none.

    `run` and `correlation_id` are null where the failure is that they cannot be known.
    """

    version: Literal[1] = 1
    kind: Literal["IngestionFailed"] = "IngestionFailed"
    run: Run | None
    correlation_id: str | None
    stage: str
    error: str
    reason: str
    message: str | None


Polled = ExportSnapshot | CopyExport
AnyMessage = ExportSnapshot | CopyExport | LandingZoneUpdated | IngestionFailed
_any_message: TypeAdapter[AnyMessage] = TypeAdapter(Annotated[AnyMessage, Field(discriminator="kind")])


def parse_message(body: str | bytes) -> AnyMessage:
    """One of our own messages from its JSON. Raises UnreadableMessage, which names each field that is wrong."""
    try:
        return _any_message.validate_json(body)
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
        raise UnreadableMessage(f"Not one of our messages: {problems}. Correct it and send it again.") from error
