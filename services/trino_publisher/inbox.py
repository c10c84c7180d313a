"""Turns what arrives on the queue trino-publisher into one of our messages."""

from data_commons.messages import PublishTable, SweepTable, SweepTables
from ingestion import inbox
from ingestion.errors import UnreadableMessage
from ingestion.inbox import Notice

type Asked = PublishTable | SweepTables | SweepTable


def to_message(body: str) -> Asked:
    """The message of a body. Raises UnreadableMessage."""
    message: Asked | Notice = inbox.read(body, PublishTable | SweepTables | SweepTable, lambda _: None)
    if isinstance(message, Notice):
        raise UnreadableMessage("A notice of SNS, which this queue takes none of. Delete it.")
    return message
