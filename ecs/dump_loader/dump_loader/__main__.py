"""The ECS task: read the environment, make the clients, load one dump, and say how it ended."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import uuid4

import boto3
from aws_lambda_powertools import Logger
from botocore.config import Config

from dump_loader.database.connection import connector
from dump_loader.database.loading import load
from dump_loader.dumps import Request, find, run_of, uri_of
from dump_loader.ingest import Dependencies, Limits, Target, ingest
from dump_loader.settings import Settings, read
from ingestion import queues, s3_file, telemetry
from ingestion.clock import SystemClock
from ingestion.errors import IngestionError, Terminal
from ingestion.events import publish
from ingestion.messages import IngestionFailed
from ingestion.s3_uri import correlation_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Executor
    from types import FrameType
    from typing import NoReturn

    from mypy_boto3_rds import RDSClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient

    from ingestion.clock import Clock

STAGE = "dump_loader"
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h
# botocore repeats requests; S3File repeats what breaks in the middle of an answer
_CONFIG = Config(
    retries={"mode": "standard", "max_attempts": 8}, connect_timeout=10, read_timeout=60, max_pool_connections=10
)


class Stopped(BaseException):
    """ECS stops the task (SIGTERM). It is no Exception, so that nothing on its way takes it for a failure to handle."""


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


def _return_memory() -> None:
    """Make glibc give freed blocks of a statement's size back at once. It would learn to keep them, for each thread.

    https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html; elsewhere there is nothing to set.
    """
    with suppress(OSError, AttributeError, TypeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_M_MMAP_THRESHOLD, 4 * 1024 * 1024)
        mallopt(_M_ARENA_MAX, 2)


@dataclass(frozen=True, slots=True)
class Aws:
    """The clients of AWS's services."""

    rds: RDSClient
    s3: S3Client
    sns: SNSClient
    sqs: SQSClient


def main() -> int:
    """Run with the real clients, clock, threads and database, and return the exit code."""
    _return_memory()
    aws = Aws(
        rds=boto3.client("rds", config=_CONFIG),
        s3=boto3.client("s3", config=_CONFIG),
        sns=boto3.client("sns", config=_CONFIG),
        sqs=boto3.client("sqs", config=_CONFIG),
    )
    threads = ThreadPoolExecutor(s3_file.AHEAD, thread_name_prefix="s3")
    signal.signal(signal.SIGTERM, _stop)
    return run(aws, SystemClock(), threads, _target, load_id=str(uuid4()))


def _target(settings: Settings) -> Target:
    return Target(settings.db_instance_identifier, settings.db_name, connector(settings, settings.db_credentials), load)


def run(aws: Aws, clock: Clock, executor: Executor, target_of: Callable[[Settings], Target], *, load_id: str) -> int:
    """Load the dump that the environment asks for, and return the exit code.

    It is 0 only if there is a snapshot of this upload of the file, or of a later one. `executor` has threads for reading S3.
    """
    logger = Logger(service=STAGE)
    request: Request | None = None
    try:
        settings = read(Settings)
        request = _request(settings, clock)
        dump = find(aws.s3, request)
        logger.append_keys(correlation_id=dump.correlation_id, import_date=dump.run.import_date.isoformat())
        given = Dependencies(
            s3=aws.s3,
            rds=aws.rds,
            clock=clock,
            executor=executor,
            load_id=load_id,
            announce=lambda command: queues.send(
                aws.sqs, settings.snapshot_queue_url, command, delay_seconds=settings.poll_delay_seconds
            ),
            tell=lambda remarks: publish(aws.sns, settings.alerts_topic_arn, remarks),
            logger=logger,
        )
        ingest(dump, target_of(settings), _limits(settings), given)
    except IngestionError as error:
        logger.error(str(error), error=type(error).__name__)
        return _failed(request, error, aws.sns, logger)
    except Stopped:
        stopped = Terminal(
            "The task was stopped before it had ended. A snapshot that it had begun (see its log) goes on without it; "
            "if there was none, nothing was taken of the load: load the dump again."
        )
        logger.error(str(stopped), error="Stopped")
        return _failed(request, stopped, aws.sns, logger, name="Stopped") + 142  # as a shell reports SIGTERM: 143
    except Exception as error:
        logger.exception("Unexpected error: %s", error)
        return _failed(request, error, aws.sns, logger)
    logger.info("Done")
    return 0


def _request(settings: Settings, clock: Clock) -> Request:
    by_hand = settings.import_date_override is not None
    return Request(
        bucket=settings.data_bucket if by_hand else settings.dump_bucket or settings.data_bucket,
        key=settings.dump_key,
        version_id=settings.dump_version_id,
        event_time=settings.event_time or clock.now(),
        override=settings.import_date_override,
        window=settings.daily_window,
    )


def _limits(settings: Settings) -> Limits:
    return Limits(
        connections=settings.connections,
        lossy_loads=settings.lossy_loads,
        max_dump_bytes=settings.max_dump_bytes,
        progress_seconds=settings.progress_seconds,
        snapshot_timeout=settings.snapshot_timeout,
        lock_timeout=settings.lock_timeout,
        max_wait=settings.max_wait,
    )


def _failed(request: Request | None, error: Exception, sns: SNSClient, logger: Logger, *, name: str = "") -> int:
    """Tell people. The topic is read from the environment once more, as it may be the settings that are wrong."""
    telemetry.count("RunsFailed")
    telemetry.flush()
    run = run_of(request) if request else None
    key = request.key if request and request.override is None else None
    alert = IngestionFailed(
        run=run,
        correlation_id=correlation_id(uri_of(request.bucket, key), request.version_id) if request and key else None,
        stage=STAGE,
        error=name or type(error).__name__,
        reason=str(error),
        message=None,
    )
    if topic := os.environ.get("ALERTS_TOPIC_ARN"):
        try:
            publish(sns, topic, alert)
        except Exception as unpublished:  # noqa: BLE001  the exit code still says it: ECS's own alarm is the second way
            logger.warning("IngestionFailed could not be published", reason=str(unpublished))
    return 1


if __name__ == "__main__":
    sys.exit(main())
