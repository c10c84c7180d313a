"""The environment of the task's two containers, from template.yaml, the EventBridge rule, or a person by hand."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, BeforeValidator, Field, Json, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from ingestion.errors import Terminal


class Credentials(BaseModel):
    """A user's name and password, as ECS injects them from a secret, which may hold more."""

    username: str
    password: SecretStr


def _none_if_blank(value: object) -> object:
    """Take blank as missing: the rule's input transformer leaves an empty text where the event has no such field."""
    return None if isinstance(value, str) and not value.strip() else value


Optional = BeforeValidator(_none_if_blank)


class DatabaseSettings(BaseSettings):
    """The instance, and the account that loads: DB_CREDENTIALS, with rights on DB_NAME and nothing else."""

    model_config = SettingsConfigDict(frozen=True)

    db_host: str
    db_port: int = 3306
    db_name: Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,63}$")]
    db_credentials: Json[Credentials]
    db_ca_bundle: Annotated[str | None, Optional] = None


class AccountSettings(DatabaseSettings):
    """MASTER_CREDENTIALS are those of the instance's master user."""

    master_credentials: Json[Credentials]


class LossyLoads(StrEnum):
    """The treatment of a dump of which the server has changed values or left out rows."""

    LAND = "land"
    REJECT = "reject"


class Settings(DatabaseSettings):
    """DUMP_KEY, DUMP_VERSION_ID, DUMP_BUCKET and EVENT_TIME come from the rule; IMPORT_DATE_OVERRIDE from a person."""

    data_bucket: Annotated[str, Field(min_length=1)]
    dump_bucket: Annotated[str | None, Optional] = None
    dump_key: Annotated[str | None, Optional] = None
    dump_version_id: Annotated[str | None, Optional] = None
    event_time: Annotated[AwareDatetime | None, Optional] = None
    import_date_override: Annotated[str | None, Optional] = None
    daily_window_days: Annotated[int, Field(ge=0)] = 1

    db_instance_identifier: Annotated[str, Field(min_length=1)]

    alerts_topic_arn: str
    snapshot_queue_url: Annotated[str, Field(min_length=1)]
    poll_delay_seconds: Annotated[int, Field(ge=0, le=900)] = 900
    max_wait_hours: Annotated[float, Field(gt=0)] = 12
    lossy_loads: LossyLoads = LossyLoads.LAND
    connections: Annotated[int, Field(ge=1, le=32)] = 4
    max_dump_bytes: Annotated[int, Field(gt=0)] = 500_000_000_000
    progress_seconds: Annotated[float, Field(gt=0)] = 30
    snapshot_timeout_minutes: Annotated[float, Field(gt=0)] = 180
    lock_timeout_minutes: Annotated[float, Field(gt=0)] = 720

    @property
    def daily_window(self) -> timedelta:
        return timedelta(days=self.daily_window_days)

    @property
    def snapshot_timeout(self) -> timedelta:
        return timedelta(minutes=self.snapshot_timeout_minutes)

    @property
    def lock_timeout(self) -> timedelta:
        return timedelta(minutes=self.lock_timeout_minutes)

    @property
    def max_wait(self) -> timedelta:
        return timedelta(hours=self.max_wait_hours)


def read[S: BaseSettings](settings: type[S]) -> S:
    """Read the settings from the environment. Raises Terminal, which says what is wrong and never the values."""
    try:
        return settings()
    except ValidationError as error:
        # one of the values is a password
        problems = "; ".join(
            f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False)
        )
        raise Terminal(f"The environment is wrong: {problems}. Correct the task definition or its overrides.") from None
