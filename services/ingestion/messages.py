"""The messages that the parts send each other: commands are imperative, events past tense."""

from datetime import date
from functools import cache
from types import UnionType
from typing import Annotated, Any, Literal, get_args

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from ingestion.errors import UnreadableMessage

# SNS takes 256 KiB, and JSON makes up to 6 bytes of a character (`\u0000`): with every text at its limit below, an
# IngestionFailed has at most 6 * (30,000 + 8,000 + 2,200 + 1,100) bytes and some hundred for the rest, 250,000 at most.
# https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
BODY_LIMIT = 30_000
REASON_LIMIT = 8_000
CORRELATION_ID_LIMIT = 2_200  # an S3 URI and a version id, which has at most 1,024
URI_LIMIT = 1_100  # a key has at most 1,024 bytes, a bucket's name 63


class Frozen(BaseModel):
    """Immutable, and refuses fields that it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def shortened(limit: int) -> AfterValidator:
    """Shortens a text, and makes it one that JSON can hold: UTF-8 has no lone surrogates."""
    return AfterValidator(lambda text: text[:limit].encode(errors="replace").decode())


class Run(Frozen):
    """The day that is ingested. `origin` is the S3 URI of the file that it comes from, null where that is not known."""

    import_date: date
    backdated: bool
    origin: Annotated[str, Field(pattern=r"^s3://[^/]+/.+", max_length=URI_LIMIT)] | None = None


class Poll(Frozen):
    """Counts how often a message has been put back, since `started_at` (aware)."""

    attempt: Annotated[int, Field(ge=1)] = 1
    started_at: AwareDatetime


class Message(Frozen):
    """`correlation_id` is the dump's S3 URI and version; it is in every log line of one dump's way."""

    version: Literal[1] = 1
    run: Run
    correlation_id: Annotated[str, Field(min_length=1, max_length=CORRELATION_ID_LIMIT)]


class Command(Message):
    """A message that waits for something by being put back. Without `poll`, waiting begins when a consumer reads it."""

    poll: Poll | None = None


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
    reason: Annotated[str, shortened(REASON_LIMIT)]
    message: Annotated[str, shortened(BODY_LIMIT)] | None


def parse[M: Frozen](body: str | bytes, kinds: type[M] | UnionType) -> M:
    """Read a message of one of these kinds, a class or a union of them, from its JSON.

    Raises UnreadableMessage, which says what the kinds are, and which field is wrong.
    """
    try:
        message: M = _adapter(kinds).validate_json(body)
    except ValidationError as error:
        names = " or ".join(kind.__name__ for kind in get_args(kinds) or (kinds,))
        raise UnreadableMessage(f"Not {names}: {problems(error)}. Correct it and send it again.") from error
    return message


@cache
def _adapter(kinds: type[Frozen] | UnionType) -> TypeAdapter[Any]:
    return TypeAdapter(Annotated[kinds, Field(discriminator="kind")] if isinstance(kinds, UnionType) else kinds)


def problems(error: ValidationError) -> str:
    """Each field that is wrong and how, in one line, without the values."""
    return "; ".join(f"{'.'.join(map(str, e['loc'])) or 'body'}: {e['msg']}" for e in error.errors())
