"""The ECS task, and the command: read the environment, make the clients, load one data set, and say how it ended."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from aws_lambda_powertools import Logger

from data_commons.manifest import TableManifest
from dataset_loader import settings
from dataset_loader.load import Document, Given, load
from dataset_loader.sources import client, reader
from ingestion import queues, s3_file, telemetry
from ingestion.aws_errors import explained
from ingestion.clock import SystemClock
from ingestion.errors import IngestionError, Terminal
from ingestion.events import publish
from ingestion.landing_zone.zone import LandingZone
from ingestion.messages import IngestionFailed
from ingestion.s3_uri import split_s3_uri

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType
    from typing import NoReturn

    from data_commons.spec import Catalog
    from dataset_loader.settings import Settings

STAGE = "dataset_loader"


class Stopped(BaseException):
    """ECS stops the task (SIGTERM). It is no Exception, so that nothing on its way takes it for a failure to handle."""


def _stop(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Stopped


def main(arguments: Sequence[str] | None = None) -> int:
    """Load the data set of a spec: of `--spec`, or of the environment, which the EventBridge rule fills.

    Return the exit code. It is 0 only if the version is staged and announced, or a later one is published.
    """
    parser = argparse.ArgumentParser(prog="dataset_loader", description="Stage a data set for Trino.")
    parser.add_argument("--spec", metavar="FILE|s3://BUCKET/KEY", help="the spec; without it, SPEC_KEY's")
    asked = parser.parse_args(arguments).spec
    logger = Logger(service=STAGE)
    signal.signal(signal.SIGTERM, _stop)
    try:
        known = settings.read()
        with ThreadPoolExecutor(s3_file.AHEAD, thread_name_prefix="s3") as threads:
            load(_document(asked, known), _given(known, threads, logger))
    except IngestionError as error:
        logger.error(str(error), error=type(error).__name__)
        return _failed(error, logger)
    except Stopped:
        stopped = Terminal("The task was stopped before it had ended, and the table is as before. Run it again.")
        logger.error(str(stopped), error="Stopped")
        return _failed(stopped, logger, name="Stopped") + 142  # as a shell reports SIGTERM: 143
    except Exception as error:
        logger.exception("Unexpected error: %s", error)
        return _failed(error, logger)
    logger.info("Done")
    return 0


def _document(asked: str | None, known: Settings) -> Document:
    """The spec, and when it was written. Raises Terminal where there is none."""
    if asked is None and known.spec_key is None:
        raise Terminal("There is no spec: neither --spec nor SPEC_KEY is given. Give one of them.")
    if asked and not asked.startswith("s3://"):
        path = Path(asked)
        try:
            return Document(path.read_bytes(), asked, datetime.fromtimestamp(path.stat().st_mtime, UTC))
        except OSError as error:
            raise Terminal(f"The spec {asked} can't be read: {error.strerror}.") from error
    version = None if asked else known.spec_version_id
    bucket, key = split_s3_uri(asked) if asked else (known.spec_bucket or known.landing.bucket, known.spec_key)
    if not bucket or not key:
        raise Terminal("The spec's bucket is missing. Set SPEC_BUCKET or S3_LANDING_BUCKET, or give --spec s3://bucket/key.")
    uri = f"s3://{bucket}/{key}"
    with explained(f"reading the spec {uri}"):
        pinned = {"VersionId": version} if version else {}
        found = client(known.landing).get_object(Bucket=bucket, Key=key, **pinned)  # type: ignore[arg-type]
        return Document(found["Body"].read(), uri, found["LastModified"])


def _given(known: Settings, threads: ThreadPoolExecutor, logger: Logger) -> Given:
    sqs = boto3.client("sqs")

    def zone(catalog: Catalog) -> LandingZone[TableManifest]:
        store = known.target(catalog)
        if not store.bucket:
            name = f"S3_{catalog.name}_BUCKET"
            raise Terminal(f"The spec asks for the catalog {catalog}, but {name} is not set. Set it, or change the catalog.")
        return LandingZone(client(store), store.bucket, partial(ThreadPoolExecutor, 1), TableManifest)

    return Given(
        reader=partial(reader, settings=known),
        zone=zone,
        announce=lambda command: queues.send(sqs, known.publish_queue_url, command, delay_seconds=0),
        executor=threads,
        clock=SystemClock(),
        max_bytes=known.max_unpacked_bytes,
        logger=logger,
    )


def _failed(error: Exception, logger: Logger, *, name: str = "") -> int:
    """Tell people. The topic is read from the environment once more, as it may be the settings that are wrong."""
    telemetry.count("RunsFailed")
    telemetry.flush()
    alert = IngestionFailed(
        run=None,
        correlation_id=None,
        stage=STAGE,
        error=name or type(error).__name__,
        reason=str(error),
        message=None,
    )
    if topic := os.environ.get("ALERTS_TOPIC_ARN"):
        try:
            publish(boto3.client("sns"), topic, alert)
        except Exception as unpublished:  # noqa: BLE001  the exit code still says it: ECS's own alarm is the second way
            logger.warning("IngestionFailed could not be published", reason=str(unpublished))
    return 1


if __name__ == "__main__":
    sys.exit(main())
