"""The task's first container: read the environment, and make the account that the second one loads with."""

from __future__ import annotations

import sys
from contextlib import closing

import pymysql
from aws_lambda_powertools import Logger

from dump_loader.account import make
from dump_loader.database.connection import connector
from dump_loader.settings import AccountSettings, read
from ingestion.errors import Terminal


def main() -> int:
    """Return the exit code: 0 only if the account is there. If not, ECS starts no loader, and its rule tells people."""
    logger = Logger(service="loader_account")
    try:
        settings = read(AccountSettings)
        with closing(connector(settings, settings.master_credentials)(None)) as master:
            make(master, settings.db_credentials, settings.db_name)
    except (Terminal, OSError, pymysql.err.MySQLError) as error:
        logger.error(f"The loader's account could not be made: {error}", error=type(error).__name__)
        return 1
    logger.info("The loader's account is there", account=settings.db_credentials.username, database=settings.db_name)
    return 0


if __name__ == "__main__":
    sys.exit(main())
