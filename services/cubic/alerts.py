"""Tells people of what does not end a message: a file that is nobody's, a load that was refused, a table that is paused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from cubic.store import registering
from ingestion import events
from ingestion.messages import IngestionFailed

if TYPE_CHECKING:
    from mypy_boto3_sns import SNSClient

    from cubic.store.database import Database
    from ingestion.errors import Terminal
    from ingestion.messages import Message

logger = Logger(child=True)


@dataclass(frozen=True)
class Alerts:
    """The topic on which people hear, and the function that tells them."""

    sns: SNSClient
    topic_arn: str
    stage: str

    def tell(self, error: Terminal, about: Message | None = None) -> None:
        """Tells now. Safe to repeat: people may hear of it twice."""
        failed = IngestionFailed(
            run=about.run if about else None,
            correlation_id=about.correlation_id if about else None,
            stage=self.stage,
            error=type(error).__name__,
            reason=str(error),
            message=None,
        )
        logger.error("Told", extra={"error": failed.error, "reason": failed.reason})
        events.publish(self.sns, self.topic_arn, failed)

    def tell_once(self, db: Database, subject: str, error: Terminal, about: Message | None = None) -> None:
        """Tells unless somebody was told of the subject. A crash before that is recorded tells twice rather than never."""
        if registering.first_told(db, subject):
            self.tell(error, about)
            registering.told(db, subject)
