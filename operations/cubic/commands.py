"""Carries out the commands of Cubic."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import IO, TYPE_CHECKING, Any

from botocore.config import Config

from cubic import configured
from cubic.errors import BadConfiguration
from cubic.keys import table_name
from cubic.settings import DatabaseSettings
from cubic.starting import Job
from cubic.store.database import PostgreSql, secret_credentials
from ingestion.landing_zone import copying
from ingestion.landing_zone.zone import Bucket
from operations.cubic import listing, metadata, rebuilding
from operations.output import as_json, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Mapping

    import boto3

    from ingestion.clock import Clock
    from operations.cubic.metadata import Ask

FUNCTION = "cubic-migrate-metadata"
ARCHIVE, SPRINGBOARD, JOB = "cubic-archive", "cubic-springboard", "cubic__ingest_incoming"
THREADS = 16
POOL = partial(ThreadPoolExecutor, THREADS)
# An answer may take as long as the function runs, 300 seconds.
LAMBDA_CONFIG = Config(read_timeout=310, retries={"mode": "standard"})
S3_CONFIG = Config(max_pool_connections=THREADS * copying.PARTS_AT_ONCE, read_timeout=300, retries={"mode": "standard"})
GLUE_CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 1}
)  # StartJobRun is not to be repeated: cubic/starting


def run(
    options: argparse.Namespace,
    environment: Mapping[str, str],
    session: boto3.Session,
    clock: Clock,
    out: IO[str],
    err: IO[str],
) -> int:
    """The exit code. Raises IngestionError, and what boto3 raises."""
    prefix = options.prefix or environment.get("PREFIX")
    ask = _metadata(options, prefix, environment, session, clock)
    if options.command == "rebuild":
        by = rebuilder(ask, _needed(prefix), session, clock, lambda line: err.write(f"{line}\n"))
        rebuilt = rebuilding.rebuild(options.table, rebuilding.snapshot(options.snapshot), by)
        out.write(as_json([one.shown() for one in rebuilt]) if options.json else rebuilding.report(rebuilt))
        return 0 if all(one.remark is None for one in rebuilt) else 1
    answer = _ANSWERS[options.command](options, ask)
    out.write(as_json(answer) if options.json else _TEXTS.get(options.command, _done)(answer))
    return 0


def rebuilder(
    ask: Ask, prefix: str, session: boto3.Session, clock: Clock, say: Callable[[str], object]
) -> rebuilding.Rebuilder:
    """All that a rebuild takes, by the names that a stack gives them."""
    return rebuilding.Rebuilder(
        ask,
        Bucket(session.client("s3", config=S3_CONFIG), f"{prefix}-{SPRINGBOARD}", POOL),
        f"{prefix}-{ARCHIVE}",
        Job(session.client("glue", config=GLUE_CONFIG), f"{prefix}-{JOB}", {}),
        session.client("glue"),
        clock,
        say,
    )


def _metadata(
    options: argparse.Namespace, prefix: str | None, environment: Mapping[str, str], session: boto3.Session, clock: Clock
) -> Ask:
    if not options.direct:
        return metadata.by_function(session.client("lambda", config=LAMBDA_CONFIG), f"{_needed(prefix)}-{FUNCTION}")
    settings = DatabaseSettings.model_validate(dict(environment))
    credentials = secret_credentials(session.client("secretsmanager"), settings.db_secret_arn)
    return metadata.directly(PostgreSql(settings, credentials), clock)


def _needed(prefix: str | None) -> str:
    if not prefix:
        raise BadConfiguration("Of which stack? Give --prefix, or set the variable PREFIX: its Prefix, dataplatform-stg.")
    return prefix


def _put_table(options: argparse.Namespace, ask: Ask) -> Any:
    names = ("s3_prefix", "key_columns", "sparse_updates", "is_active")
    return ask({"command": "put_table", "table": {name: getattr(options, name) for name in names}})


def _put_feed(options: argparse.Namespace, ask: Ask) -> Any:
    names = ("name", "relative_url", "is_active")
    return ask({"command": "put_feed", "feed": {name: getattr(options, name) for name in names}})


def _apply(options: argparse.Namespace, ask: Ask) -> Any:
    """As a deployment applies its own file: what is not listed stays. Safe to repeat."""
    if not options.file.exists():
        raise BadConfiguration(f"There is no file {options.file}. Correct its name.")
    read = configured.read(options.file)
    put = [ask({"command": "put_table", "table": one.model_dump(mode="json")}) for one in read.tables]
    return put + [ask({"command": "put_feed", "feed": one.model_dump(mode="json")}) for one in read.feeds]


def _listed_tables(_: argparse.Namespace, ask: Ask) -> Any:
    tables = ask({"command": "list_tables"})["tables"]
    return [{"name": table_name(one["config"]["s3_prefix"]), **one} for one in tables]


def _loads(options: argparse.Namespace, ask: Ask) -> Any:
    if options.table or options.status:
        return list(listing.loads(ask, table=options.table, status=options.status))
    return ask({"command": "count_loads"})["loads"]


_ANSWERS: dict[str, Callable[[argparse.Namespace, Ask], Any]] = {
    "tables": _listed_tables,
    "put-table": _put_table,
    "pause": lambda options, ask: ask({"command": "pause", "table": options.table, "because": options.because}),
    "resume": lambda options, ask: ask({"command": "resume", "table": options.table}),
    "feeds": lambda _, ask: ask({"command": "list_feeds"})["feeds"],
    "put-feed": _put_feed,
    "apply": _apply,
    "loads": _loads,
    "snapshots": lambda options, ask: ask({"command": "list_snapshots", "table": options.table})["snapshots"],
}


def _done(answer: Any) -> str:
    """Name what was put, paused or resumed."""
    return "".join(f"{name}: done\n" for one in (answer if isinstance(answer, list) else [answer]) for name in one.values())


def _tables(tables: Any) -> str:
    return table(
        ("TABLE", "PREFIX", "KEY COLUMNS", "SPARSE UPDATES", "ACTIVE", "PAUSED BECAUSE"),
        [
            (
                one["name"],
                of["s3_prefix"],
                ", ".join(of["key_columns"]),
                of["sparse_updates"],
                of["is_active"],
                one["paused_because"],
            )
            for one in tables
            for of in [one["config"]]
        ],
    )


def _feeds(feeds: Any) -> str:
    return table(
        ("FEED", "URL", "ACTIVE", "FETCHED BEFORE"),
        [(of["name"], of["relative_url"], of["is_active"], one["last_updated"]) for one in feeds for of in [one["config"]]],
    )


def _list(loads: Any) -> str:
    if isinstance(loads, dict):
        counts = [(name, status, count) for name, of in loads.items() for status, count in of.items()]
        return table(("TABLE", "STATUS", "LOADS"), counts)
    return table(
        ("LOAD", "STATUS", "SNAPSHOT", "MODIFIED", "ROWS", "FILE", "KEPT AS", "REASON"),
        [
            (
                one.load_id,
                one.status,
                one.snapshot_text,
                f"{one.s3_modified:%Y-%m-%dT%H:%M:%SZ}",
                one.rows,
                one.s3_key,
                one.kept_key,
                one.reason,
            )
            for one in map(listing.ListedLoad.model_validate, loads)
        ],
    )


def _snapshots(snapshots: Any) -> str:
    return table(
        ("SNAPSHOT", "BEGUN BY", "LOADS", "SETTLED", "CURRENT"),
        [(one["snapshot"], one["snapshot_s3_key"], one["loads"], one["settled_at"], one["current"]) for one in snapshots],
    )


_TEXTS: dict[str, Callable[[Any], str]] = {"tables": _tables, "feeds": _feeds, "loads": _list, "snapshots": _snapshots}
