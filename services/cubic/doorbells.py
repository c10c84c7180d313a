"""The messages that the functions ring each other with, and their queues."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cubic.messages import FinishIngestion, MoveLoad, RegisterLoad, StartIngestion
from ingestion import queues
from ingestion.messages import Command, Run
from ingestion.s3_uri import correlation_id

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime
    from uuid import UUID

    from mypy_boto3_sqs import SQSClient


def register(bucket: str, key: str, version: str, at: datetime) -> RegisterLoad:
    """Ask for a version of an object of Incoming."""
    uri = f"s3://{bucket}/{key}"
    run = Run(import_date=at.date(), backdated=False, origin=uri)
    return RegisterLoad(run=run, correlation_id=correlation_id(uri, version), s3_key=key, s3_version=version)


def start(table: str, now: datetime) -> StartIngestion:
    return StartIngestion(run=_run(now), correlation_id=table, table=table)


def finish(batch: UUID, now: datetime, *, once: bool = False) -> FinishIngestion:
    return FinishIngestion(run=_run(now), correlation_id=f"batch {batch}", batch=batch, once=once)


def move(load: int, now: datetime) -> MoveLoad:
    return MoveLoad(run=_run(now), correlation_id=f"load {load}", load=load)


def ring(sqs: SQSClient, urls: Mapping[type[Command], str], messages: Iterable[Command]) -> None:
    """Sends each message to the queue of its kind. Safe to repeat: each is a doorbell."""
    of_kind: dict[type[Command], list[Command]] = {}
    for message in messages:
        of_kind.setdefault(type(message), []).append(message)
    for kind, some in of_kind.items():
        queues.send_all(sqs, urls[kind], some)


def _run(now: datetime) -> Run:
    return Run(import_date=now.date(), backdated=False)
