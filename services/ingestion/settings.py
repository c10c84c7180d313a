"""The settings that every consumer of a queue has, read from the environment by the handler."""

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ConsumerSettings(BaseSettings):
    """Where a message goes that ended, and who hears of it."""

    model_config = SettingsConfigDict(frozen=True)

    dead_letter_queue_url: str
    alerts_topic_arn: str


class PollSettings(ConsumerSettings):
    """QUEUE_URL is where a message is put back. POLL_DELAY_SECONDS: SQS allows 0 to 900.

    MAX_WAIT_HOURS: how long one message may be put back before its run ends. Only snapshots of the instance
    DB_INSTANCE_IDENTIFIER are ours: RDS tells every stack of an account of every snapshot.
    """

    queue_url: str
    poll_delay_seconds: int = Field(ge=0, le=900)
    max_wait_hours: float = Field(gt=0)
    db_instance_identifier: str

    @property
    def budget(self) -> timedelta:
        return timedelta(hours=self.max_wait_hours)
