"""The metadata database of a function's settings."""

import boto3

from cubic.settings import DatabaseSettings
from cubic.store.database import Database, PostgreSql, secret_credentials


def database(settings: DatabaseSettings, session: boto3.Session) -> Database:
    """Connects when it is first used."""
    return PostgreSql(settings, secret_credentials(session.client("secretsmanager"), settings.db_secret_arn))
