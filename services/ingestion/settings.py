"""The settings that every consumer of a queue has, read from the environment by the handler."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field


class ConsumerSettings(BaseModel):
    """The function's own queue, the queue for what ended, and the topic on which a person hears of it.

    Made of the whole environment, by variables in capitals. Not with pydantic-settings, which also brings readers of files
    and of a command line: a function would import them at each cold start. An error must not quote the environment.
    """

    model_config = ConfigDict(frozen=True, alias_generator=str.upper, hide_input_in_errors=True)

    queue_url: str
    dead_letter_queue_url: str
    alerts_topic_arn: str


class PollSettings(ConsumerSettings):
    """POLL_DELAY_SECONDS: SQS allows 0 to 900. MAX_WAIT_HOURS: how long a message may be put back before its run ends."""

    poll_delay_seconds: int = Field(ge=0, le=900)
    max_wait_hours: float = Field(gt=0)

    @property
    def budget(self) -> timedelta:
        return timedelta(hours=self.max_wait_hours)
