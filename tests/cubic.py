"""Cubic's store in tests: a real server, and loads that go the usual way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from cubic.keys import table_name
from cubic.loads import Found, Ingested
from cubic.settings import DatabaseSettings
from cubic.store import claiming, configuration, finishing, moving, registering
from cubic.store.database import Credentials, PostgreSql
from cubic.tables import TableConfig

# The history of one table: the first file of its full load, then a file of changes a second, each where its snapshot says.
_HISTORY = """
    INSERT INTO cubic_loads (id, table_id, status, s3_key, s3_modified, s3_size, s3_version, s3_etag, registered_at, rows,
        raw_snapshot, kept_key, kept_version)
    OVERRIDING SYSTEM VALUE
    SELECT %(first)s + n, %(table)s, 'archived', %(folder)s || name, modified, 1, 'v' || n, md5(n::text), modified, 1,
        '2022-01-01Z', %(folder)s || 'snapshot=20220101T000000Z/' || name, 'k' || n
    FROM (SELECT n, TIMESTAMPTZ '2022-01-01Z' + n * INTERVAL '1 second' AS modified,
        'c' || lpad(n::text, 9, '0') || '.csv.gz' AS name FROM generate_series(1, %(loads)s) n) files
"""
_BEGINNING = """
    INSERT INTO cubic_loads (id, table_id, status, s3_key, s3_modified, s3_size, s3_version, s3_etag, registered_at, rows,
        raw_snapshot, kept_key, kept_version)
    OVERRIDING SYSTEM VALUE
    VALUES (%(first)s, %(table)s, 'archived', %(prefix)s || 'LOAD001.csv.gz', '2022-01-01Z', 1, 'v0', 'e', '2022-01-01Z',
        1, '2022-01-01Z', %(prefix)s || 'snapshot=20220101T000000Z/LOAD001.csv.gz', 'k0')
"""

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cubic.store.database import Database
    from local.emulator.postgres_server import PostgresServer

PREFIX = "cubic/ods_qlik/EDW.SAMPLE/"
NAME = "cubic__ods_qlik__edw_sample"
CHANGES = "cubic/ods_qlik/EDW.SAMPLE__ct/"
START = datetime(2022, 3, 4, 13, 45, 56, tzinfo=UTC)

# All but the transitions, which the migration has put there.
TABLES = (
    "cubic_tables, cubic_batches, cubic_loads, cubic_table_ods_snapshots, cubic_load_ods_snapshots, cubic_descriptions, "
    "cubic_told, cubic_dmap_feeds, cubic_dmap_datasets, cubic_kafka_streams, cubic_kafka_shards, cubic_kafka_files"
)


def settings_of(server: PostgresServer) -> DatabaseSettings:
    return DatabaseSettings.model_validate(
        {
            "DB_HOST": server.host,
            "DB_PORT": server.port,
            "DB_NAME": server.database,
            "DB_SECRET_ARN": "arn:aws:secretsmanager:eu-west-2:123456789012:secret:cubic",
            "DB_CA_BUNDLE": str(server.ca_bundle),
        }
    )


def credentials_of(server: PostgresServer) -> Credentials:
    return Credentials(server.user, server.password)


def database_of(server: PostgresServer) -> PostgreSql:
    """A connection of its own, as another function has it."""
    return PostgreSql(settings_of(server), lambda: credentials_of(server))


def empty(db: Database) -> None:
    with db.transaction() as cursor:
        cursor.execute(f"TRUNCATE {TABLES} RESTART IDENTITY")


def after(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def configure(db: Database, prefix: str = PREFIX) -> None:
    configuration.put_table(db, TableConfig(s3_prefix=prefix))


def found(key: str, seconds: float = 0, *, version: str | None = None, size: int = 100) -> Found:
    return Found(key, version or f"v{seconds:g}", after(seconds), size, etag=f"etag of {key} at {seconds:g}")


def register(db: Database, key: str, seconds: float = 0, *, version: str | None = None, size: int = 100) -> int:
    """Registers a file that was written that many seconds after START; the load."""
    registered = registering.register(db, found(key, seconds, version=version, size=size), after(seconds))
    assert registered is not None
    return registered.load_id


def ingest(db: Database, now: datetime, table: str = NAME) -> list[int]:
    """Claims and ingests until nothing is left of a table; the loads, in order."""
    loads: list[int] = []
    while batch := claiming.claim(db, table, now):
        loads += [load.load_id for load in batch.loads]
        claiming.started(db, batch.id, f"run of {batch.id}")
        finishing.finish(db, batch.id, {load.load_id: Ingested(rows=1) for load in batch.loads}, now)
    return loads


def move(db: Database, load: int, now: datetime) -> None:
    """Moves a load's file, and again as long as its snapshot says so."""
    while going := moving.begin(db, load):
        version = f"kept {going.kept_key}"
        if going.refile:
            moving.refiled(db, going, version)
        else:
            moving.kept(db, going, version)
            moving.ended(db, going, now)


def status(db: Database, load: int) -> str:
    with db.transaction() as cursor:
        cursor.execute("SELECT status FROM cubic_loads WHERE id = %s", (load,))
        [row] = cursor.fetchall()
        return str(row["status"])


def snapshots(db: Database) -> dict[int, datetime]:
    """Each load that has one."""
    with db.transaction() as cursor:
        cursor.execute("SELECT load_id, snapshot FROM cubic_load_ods_snapshots ORDER BY load_id")
        return {row["load_id"]: row["snapshot"] for row in cursor}


def begun(db: Database) -> list[datetime]:
    with db.transaction() as cursor:
        cursor.execute("SELECT snapshot FROM cubic_table_ods_snapshots ORDER BY snapshot")
        return [row["snapshot"] for row in cursor]


def add_history(server: PostgresServer, prefixes: Sequence[str], loads: int) -> None:
    """So many archived loads of each table, as if all of them had gone the usual way."""
    with server.connect_as_administrator(dbname=server.database, autocommit=True) as connection:
        # as a replica: the rows are right, and each foreign key that is looked up would take a minute for a million
        connection.execute("SET session_replication_role = replica")
        for at, prefix in enumerate(prefixes):
            [(table,)] = connection.execute("SELECT id FROM cubic_tables WHERE name = %s", [table_name(prefix)]).fetchall()
            first, folder = 10**9 + at * 10**7, f"{prefix[:-1]}__ct/"
            values = {"first": first, "table": table, "prefix": prefix, "folder": folder, "loads": loads}
            connection.execute(_BEGINNING, values)
            connection.execute(_HISTORY, values)
            connection.execute(
                "INSERT INTO cubic_table_ods_snapshots SELECT table_id, s3_modified, s3_key, id, s3_modified "
                "FROM cubic_loads WHERE id = %(first)s",
                values,
            )
            connection.execute(
                "INSERT INTO cubic_load_ods_snapshots SELECT id, table_id, '2022-01-01Z', id > %(first)s, true "
                "FROM cubic_loads WHERE id BETWEEN %(first)s AND %(first)s + %(loads)s",
                values,
            )
        connection.execute("ANALYZE")
