"""Lambda: the metadata database is brought up to date, when a stack is deployed or by hand; then it answers requests."""

import os
from functools import cache
from typing import Any

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

from cubic import administration, configured, custom_resource, migrating
from cubic.settings import DatabaseSettings
from cubic.store.database import PostgreSql, secret_credentials
from ingestion.clock import SystemClock

logger = Logger()


class Metadata:
    """The database and its schema."""

    def __init__(self, settings: DatabaseSettings, session: boto3.Session) -> None:
        self._settings = settings
        self._credentials = secret_credentials(session.client("secretsmanager"), settings.db_secret_arn)
        self.database = PostgreSql(settings, self._credentials)

    def migrate(self) -> dict[str, Any]:
        """Safe to repeat: what is applied is not applied again, and the configuration is put, not added."""
        tables = configured.read()  # before anything is changed
        applied = migrating.migrate(self._settings, self._credentials())
        configured.apply(self.database, tables)
        logger.info("Migrated", extra={"applied": applied})
        return {"applied": applied}


@cache
def metadata() -> Metadata:
    """Made once per execution environment, on the first event."""
    return Metadata(DatabaseSettings.model_validate(dict(os.environ)), boto3.Session())


@logger.inject_lambda_context
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any] | None:
    """Takes a custom resource's request, a request of administration, or anything else, which migrates."""
    if "RequestType" in event:
        seconds_left = context.get_remaining_time_in_millis() / 1000
        custom_resource.respond(event, lambda: metadata().migrate(), seconds_left=seconds_left, physical_id="cubic-metadata")
        return None
    if "command" in event:
        return administration.answer(metadata().database, event, SystemClock().now())
    return metadata().migrate()
