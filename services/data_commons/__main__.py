"""`python -m data_commons tfl.bikes [--catalog prod]`: what is known of a table, in JSON. The environment is the guide's."""

import argparse
import json
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import boto3

from data_commons.catalog import Tables
from data_commons.connection import Server, Trino
from data_commons.describing import describe
from data_commons.manifest import TableManifest
from data_commons.publishing import Commons
from data_commons.spec import Catalog
from data_commons.swapping import by_drop_and_create
from ingestion.errors import IngestionError
from ingestion.landing_zone.zone import LandingZone


def commons(of: Catalog) -> Commons:
    """Make the catalog of TRINO_… and S3_DEV_… or S3_PROD_…; it is only read, so that the way to swap does not matter."""
    env, of_bucket = os.environ, f"S3_{of.value.upper()}_"
    server = Server(
        env["TRINO_HOST"], int(env["TRINO_PORT"]), env["TRINO_USER"], (of.trino_name,), env.get("TRINO_CA_BUNDLE")
    )
    s3 = boto3.client(
        "s3",
        endpoint_url=env.get(f"{of_bucket}ENDPOINT"),
        aws_access_key_id=env.get(f"{of_bucket}ACCESS_KEY"),
        aws_secret_access_key=env.get(f"{of_bucket}SECRET_KEY"),
    )
    zone = LandingZone(s3, env[f"{of_bucket}BUCKET"], ThreadPoolExecutor, TableManifest)
    tables = Tables(Trino(server, lambda: env["TRINO_PASSWD"]).query, of.trino_name)
    return Commons(tables, zone, by_drop_and_create)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m data_commons", description="Describe a table, in JSON.")
    parser.add_argument("table", help="schema.table")
    parser.add_argument("--catalog", type=Catalog, default=Catalog.DEV, help="dev or prod")
    asked = parser.parse_args()
    schema, _, table = asked.table.partition(".")
    try:
        found = describe(schema, table, commons(asked.catalog))
    except IngestionError as error:
        sys.exit(str(error))
    except KeyError as missing:
        sys.exit(f"{missing.args[0]} is not set. Source credentials.env first.")
    sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
