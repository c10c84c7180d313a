"""Publishes a version of a table: looks at the new files, commits the manifest, makes Trino's table agree with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from aws_lambda_powertools import Logger

from data_commons import catalog, sql, swapping
from data_commons.errors import StatementRefused, TableDiffers
from data_commons.manifest import schema_prefix
from data_commons.messages import TablePublished
from ingestion.errors import CopyMismatch, NotFound, NotYet, Terminal
from ingestion.landing_zone import attempts, manifest
from ingestion.landing_zone.commit import commit
from ingestion.landing_zone.copying import Original, differences

if TYPE_CHECKING:
    from data_commons.catalog import Tables, Wanted
    from data_commons.manifest import TableManifest
    from data_commons.messages import PublishTable
    from data_commons.swapping import Swap
    from ingestion.landing_zone.zone import LandingZone

logger = Logger(child=True)

_STANDS = "The table shows on what it showed."
_RERUN = "Run the loader again."


@dataclass(frozen=True)
class Commons:
    """One catalog: its tables in Trino, the bucket of their files and manifests, and the way in which it swaps tables."""

    tables: Tables
    zone: LandingZone[TableManifest]
    swap: Swap

    def wanted(self, of: TableManifest) -> Wanted:
        return catalog.wanted(of, self.tables.catalog, self.zone.bucket)

    def committed(self, schema: str, table: str) -> TableManifest | None:
        found = manifest.read(manifest.key_of(schema_prefix(schema), table), self.zone)
        return found.manifest if found else None

    def agree(self, schema: str, table: str) -> TableManifest:
        """Make the table show what is committed, and return that. Raises TableDiffers; NotFound where nothing is."""
        seen: list[TableManifest] = []

        def wants() -> Wanted:
            found = self.committed(schema, table)
            if found is None:
                key = manifest.key_of(schema_prefix(schema), table)
                raise NotFound(f"There is no manifest s3://{self.zone.bucket}/{key}. Run the loader again.")
            seen.append(found)
            return self.wanted(found)

        wanted = swapping.agree(wants, self.tables, self.swap)
        self.tables.drop(wanted.checked)
        return next(found for found in reversed(seen) if found.uuid == wanted.uuid)


def publish_table(command: PublishTable, at: Commons) -> TablePublished | None:
    """Make Trino's table show a version that is staged; null where a later version has won.

    Raises NotYet while it is being staged, while Trino is down, or where another publisher commits at the same moment;
    NotFound; CopyMismatch where an object is missing or of another size; TableDiffers where Trino reads the version
    otherwise than the manifest says, and then the table shows on what it showed. Every step is safe to repeat, and is
    repeated from the first when the message comes again: reading changes nothing, a table for the check is made or found,
    committing says of itself why, and the table is made to agree with the manifest, whoever committed that.
    """
    prefix = schema_prefix(command.schema_name)
    attempt = manifest.read(f"{manifest.attempts_prefix(prefix, command.table)}{command.uuid}.json", at.zone)
    ending = _commit(attempt.manifest, at) if attempt else []
    shown = at.agree(command.schema_name, command.table)
    if shown.uuid == command.uuid:
        _count(shown, at)
    left = {key for it in ending for key in it.keys} - shown.named
    attempts.end(ending, left, at.zone)
    if shown.uuid != command.uuid:
        logger.warning("Superseded: the table shows another version", extra={"uuid": str(shown.uuid)})
        return None
    return TablePublished(
        run=command.run,
        correlation_id=command.correlation_id,
        catalog=command.catalog,
        schema_name=shown.schema_name,
        table=shown.table,
        uuid=shown.uuid,
        manifest=f"s3://{at.zone.bucket}/{shown.key}",
        rows=shown.rows,
        columns=len(shown.columns),
    )


def _commit(mine: TableManifest, at: Commons) -> list[TableManifest]:
    """Commit a version that Trino reads as its manifest says; return the attempts that end with it, none if it gives way."""
    checked = at.wanted(mine).checked
    wrong: list[str] = []
    before = at.committed(mine.schema_name, mine.table)
    if before is None or before.order < mine.order:
        try:
            _check(mine, at, looked_at=before is not None and before.uuid == mine.uuid)
        except Terminal as fault:
            at.tables.drop(checked)
            now = at.committed(mine.schema_name, mine.table)
            if now is None or now.order < mine.order:
                raise
            wrong = [str(fault)]  # a later version has won meanwhile, and its publisher has cleared this one away
    if (committed := commit(mine, at.zone, wrong)) is None:
        at.tables.drop(checked)
        return []
    return [mine, *committed.overtaken]


def _check(mine: TableManifest, at: Commons, *, looked_at: bool) -> None:
    """Look at the version's object and, by a table that nobody is told of, at what Trino reads from it.

    So a version that is not what it should be never shows.
    """
    if not mine.staged:
        raise NotYet(f"{mine.folder} is still being staged")
    objects = {it.key: Original("", it.key, it.size) for table in mine.tables for it in table.objects}
    if wrong := differences(objects, at.zone):
        raise CopyMismatch(f"s3://{at.zone.bucket} has not what the loader wrote: {wrong[0]}. Run the loader again.")
    if looked_at:
        return
    wanted = at.wanted(mine)
    at.tables.create(wanted.checked, wanted)
    shown = at.tables.shown(wanted.checked)
    if shown is None:
        raise NotYet(f"{wanted.checked} was dropped while it was being looked at")
    if fault := catalog.differing_columns(shown, wanted):
        raise TableDiffers(f"{wanted.location}: {fault}. {_STANDS} Correct the spec, or run the loader again.")
    try:
        rows = at.tables.count(wanted.checked)
        at.tables.query(sql.first_row(wanted.checked))
    except StatementRefused as refused:
        if refused.name in catalog.MISSING:
            raise NotYet(f"{wanted.checked} was dropped while it was being looked at") from refused
        raise TableDiffers(f"Trino does not read {wanted.location}: {refused} {_STANDS}") from refused
    if rows != mine.rows:
        raise TableDiffers(f"{wanted.location} has {rows} rows in Trino, {mine.rows} in its manifest. {_STANDS} {_RERUN}")


def _count(shown: TableManifest, at: Commons) -> None:
    """Read back what readers see now. A version that came in between has a publisher of its own."""
    rows = at.tables.count(at.wanted(shown).name)
    now = at.committed(shown.schema_name, shown.table)
    if now and now.uuid == shown.uuid and rows != shown.rows:
        raise TableDiffers(
            f"{at.wanted(shown).name} has {rows} rows, {shown.rows} in its manifest: something else writes to s3://"
            f"{at.zone.bucket}/{shown.folder}. Stop it, then run the loader again."
        )
