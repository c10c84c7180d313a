"""Glue job: SQL files turn a day of the raw zone into a day of the refined zone; checks hold back what is wrong.

A file of transforms/ is a query with a header. One makes a target:

    -- target: parking_pcn_ledger
    -- zone: refined
    -- depends on: liberator_liberator_pcn_fd_all, liberator_liberator_pcn_payment
    SELECT …

another checks a target before it replaces the day's, and must return no rows:

    -- check: parking_pcn_ledger
    -- says: a penalty charge notice is in the ledger twice
    SELECT …

A query sees the tables that it depends on, raw ones and other targets, as they are on the day of the run and under their own
names; a check sees its target too. Safe to repeat: a day's partition is replaced by what the query gives, and no other.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

from ingestion import partition
from lake import columns, job, schema
from lake.catalog import Catalog, Source
from lake.files import Files
from lake.job import JobFailed, say
from lake.zone import Zone

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lake.job import Run

REFINED = "refined"
SOURCE = "transforms"  # what the catalog says that the refined tables were made of
_HEADER = re.compile(r"--\s*(target|zone|depends on|check|says):\s*(.*?)\s*")
_SHOWN = 3  # rows of a failed check that are shown


class CheckFailed(Exception):
    """A check that returned rows."""


class Missing(Exception):
    """A query whose tables do not have the day."""


@dataclass(frozen=True)
class Query:
    """One SQL file. `target` is what it makes or checks; `says` is set for a check: what it means if there are rows."""

    file: str
    target: str
    depends_on: tuple[str, ...]
    says: str
    sql: str


def main(command_line: Sequence[str]) -> None:
    options = job.arguments(
        command_line,
        refined="URI of the refined zone's bucket",
        raw="URI of the raw zone's bucket",
        raw_database="the catalog's database of the raw zone",
        refined_database="the catalog's database of the refined zone",
        transforms="URI of the folder with the SQL files",
    )
    spark, glue, run = job.begin(options)
    files = Files(spark)
    names = [name for name in files.names(options.transforms) if name.endswith(".sql")]
    queries = [query_of(name, files.read_text(f"{options.transforms}/{name}")) for name in names]
    raw = Zone(spark, files, Catalog(glue, options.raw_database), f"{options.raw}/parking", run.run_id)
    refined = Zone(spark, files, Catalog(glue, options.refined_database), f"{options.refined}/parking", run.run_id)
    transform(run, queries, raw, refined)


def query_of(file: str, text: str) -> Query:
    """Raises JobFailed for a header that is not as the module's docstring has it."""
    header: dict[str, str] = {}
    for line in text.splitlines():
        if not (match := _HEADER.fullmatch(line.strip())):
            break
        header[match[1]] = match[2]
    depends_on = tuple(name.strip() for name in header.get("depends on", "").split(",") if name.strip())
    check = header.get("check", "")
    target = check or header.get("target", "")
    whole = header.get("says") if check else header.get("zone") == REFINED and depends_on and "says" not in header
    if not whole or not target or ("target" in header and check) or schema.clean(target) != target:
        raise JobFailed(
            f"{file} has to begin with `-- target:`, `-- zone: {REFINED}` and `-- depends on:`, or with `-- check:` and "
            f"`-- says:`, and names have lower-case letters, digits and _; it has {header}"
        )
    return Query(file, target, depends_on, header.get("says", ""), text)


def transform(run: Run, queries: Iterable[Query], raw: Zone, refined: Zone) -> dict[str, int]:
    """Makes each target of the day; returns the rows of each. Raises JobFailed at the end, naming each that failed.

    A target that fails, or whose checks return rows, is left as it was; those that depend on it are not made, others are.
    """
    queries = list(queries)
    targets = {query.target: query for query in queries if not query.says}
    checks = [query for query in queries if query.says]
    if len(targets) + len(checks) < len(queries) or not {check.target for check in checks} <= targets.keys():
        raise JobFailed(f"Two files make one target, or a check is of none that is made: {sorted(q.file for q in queries)}")
    made: dict[str, int] = {}
    failures: dict[str, str] = {}
    try:
        its_checks = {name: [check for check in checks if check.target == name] for name in targets}
        needed = {name: _needed(query, its_checks[name]) for name, query in targets.items()}
        for name in _order(needed):
            if failed := sorted(needed[name] & failures.keys()):
                failures[name] = f"not made, for it depends on {failed[0]}"
                continue
            try:
                tables = {other: refined if other in targets else raw for other in needed[name]}
                made[name] = _make(targets[name], its_checks[name], tables, run, refined)
            except Exception as error:  # noqa: BLE001  whatever it is, it is this target's, and is told at the end
                failures[name] = job.reason(error)
                job.log.warning("Failed: %s", name, exc_info=error)
    finally:
        refined.clear()
    say("Ended", targets=len(made), rows=sum(made.values()), failed=sorted(failures))
    if failures:
        raise JobFailed(f"{len(failures)} of {len(targets)} targets are not made, the others are", failures)
    return made


def _needed(query: Query, checks: Iterable[Query]) -> set[str]:
    """The tables that a target's query and its checks read, but for the target itself."""
    return {*query.depends_on, *(name for check in checks for name in check.depends_on)} - {query.target}


def _order(needed: dict[str, set[str]]) -> list[str]:
    """A target after those that it needs."""
    try:
        graph = {name: needed[name] & needed.keys() for name in sorted(needed)}
        return list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise JobFailed(f"These targets depend on each other: {' → '.join(error.args[1])}") from error


def _make(query: Query, checks: list[Query], tables: dict[str, Zone], run: Run, refined: Zone) -> int:
    """Stages the target, lets its checks look at it, and publishes it. Only what it names can it read."""
    spark = refined.spark
    try:
        for name, zone in tables.items():
            frame = zone.read(name, run.import_date)
            if frame is None:
                raise Missing(f"{name} has no {run.import_date} in {zone.root}")
            frame.createOrReplaceTempView(name)
        result = spark.sql(query.sql).drop(*partition.KEYS)
        # Rebalanced, so that a small target is one file and a large one has files of the size that the session asks for.
        staged = refined.stage(query.target, result.select(*columns.plain(result.schema).columns).hint("rebalance"))
        refined.staged(staged).createOrReplaceTempView(query.target)
        for check in checks:
            if rows := spark.sql(check.sql).limit(_SHOWN).collect():
                shown = ", ".join(str(row.asDict()) for row in rows)
                raise CheckFailed(f"{check.says} ({check.file}), for example {shown}. What was there before is still there")
        refined.publish(staged, run.import_date, Source(SOURCE))
    finally:
        for name in (*tables, query.target):
            spark.catalog.dropTempView(name)
    say("Made", target=query.target, rows=staged.rows, checks=len(checks))
    return staged.rows


if __name__ == "__main__":
    main(sys.argv[1:])
