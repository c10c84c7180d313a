"""Makes Trino's table agree with its manifest: makes it, puts a later version in its place, mends it.

Decided in docs/adr/0020-three-ways-to-swap-a-table.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_lambda_powertools import Logger
from botocore.exceptions import ClientError

from data_commons import catalog
from data_commons.errors import TableDiffers
from ingestion.aws_errors import error_code, explained

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient

    from data_commons.catalog import Shown, Tables, Wanted

logger = Logger(child=True)

ROUNDS = 5  # one makes the table, one its comments, one sees that all is well; the others are for whoever else is at it
# Those fields of a table that can be put: https://docs.aws.amazon.com/glue/latest/webapi/API_TableInput.html
_INPUT = frozenset({"Description", "Owner", "Retention", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters"})

type StillWanted = Callable[[], bool]
# Puts the version that is wanted in the place of the one that is there, or not, where something else came in between.
type Swap = Callable[[Tables, Wanted, StillWanted], None]


def by_drop_and_create(tables: Tables, wanted: Wanted, still_wanted: StillWanted) -> None:
    """For a metastore of Trino's own. For a moment readers find no table; never a half one."""
    if still_wanted():
        tables.drop(wanted.name)
        tables.create(wanted.name, wanted)


@dataclass(frozen=True)
class ByGlue:
    """For the Glue Data Catalog: UpdateTable puts all of a table in one step, and only over the version that was read.

    Trino writes the new table itself, under its name for the check, and Glue's description of that is put over the old one.
    https://docs.aws.amazon.com/glue/latest/webapi/API_UpdateTable.html
    """

    glue: GlueClient

    def __call__(self, tables: Tables, wanted: Wanted, still_wanted: StillWanted) -> None:
        tables.create(wanted.checked, wanted)
        at = wanted.name
        with explained(f"updating table {at.schema}.{at.table} of Glue's Data Catalog"):
            try:
                there = self._get(at.schema, at.table)
                if not still_wanted():  # asked after the version was read: a later publisher's update makes this one fail
                    return
                model = self._get(at.schema, wanted.checked.table)
                made: Any = {field: value for field, value in model.items() if field in _INPUT} | {"Name": at.table}
                self.glue.update_table(DatabaseName=at.schema, TableInput=made, VersionId=there["VersionId"])
            except ClientError as error:
                if error_code(error) not in {"ConcurrentModificationException", "EntityNotFoundException"}:
                    raise
                logger.info("Changed meanwhile", extra={"table": str(at), "error": error_code(error)})

    def _get(self, schema: str, table: str) -> dict[str, Any]:
        found: Any = self.glue.get_table(DatabaseName=schema, Name=table)["Table"]
        return dict(found)


def agree(wants: Callable[[], Wanted], tables: Tables, swap: Swap) -> Wanted:
    """Make the table agree with what is wanted, which is asked anew after each step; return what it shows in the end.

    Raises TableDifers where it is not ours, or can't be made to agree. Safe to repeat, and to do twice at once: each looks
    again after its last step, and whoever looks last sees the manifest that was committed last.
    """
    name = wants().name
    for _ in range(ROUNDS):
        shown = tables.shown(name)
        wanted = wants()
        fault = _fault(shown, wanted, tables)
        if fault is None:
            return wanted
        logger.info("Makes the table agree", extra={"table": str(name), "uuid": str(wanted.uuid), "fault": fault})
        _change(shown, wanted, tables, swap, lambda now=wanted: wants() == now)  # type: ignore[misc]
    raise TableDiffers(
        f"{name} is not as its manifest says after {ROUNDS} attempts: {fault}. Find out what else writes it, stop it, then"
        " redrive the message."
    )


def _fault(shown: Shown | None, wanted: Wanted, tables: Tables) -> str | None:
    if shown is None:
        return "there is none"
    _refuse_strangers(shown, wanted)
    if shown.view != wanted.view:
        return f"a {'view' if shown.view else 'table'} is there"
    if wanted.view and shown.behind != wanted.behind.table:
        return f"it shows {shown.behind}"
    over = tables.shown(wanted.behind) if wanted.view else shown
    if over is None or over.location != wanted.location:
        return f"it shows {over.location if over else 'nothing'}"
    if fault := catalog.differing_columns(shown, wanted):
        return fault
    return "its comments differ" if catalog.differing_comments(shown, wanted) else None


def _change(shown: Shown | None, wanted: Wanted, tables: Tables, swap: Swap, still_wanted: StillWanted) -> None:
    if shown is None:
        if wanted.view:
            tables.create_view(wanted)
        else:
            tables.create(wanted.name, wanted, bare=True)
    elif shown.view != wanted.view:  # the spec has changed its mind: the next round makes the other kind
        tables.drop(wanted.name, view=shown.view)
    elif wanted.view:
        _change_view(shown, wanted, tables, still_wanted)
    elif shown.location != wanted.location or catalog.differing_columns(shown, wanted):
        swap(tables, wanted, still_wanted)
    else:
        tables.comment(wanted, shown)


def _change_view(shown: Shown, wanted: Wanted, tables: Tables, still_wanted: StillWanted) -> None:
    if shown.behind == wanted.behind.table and not catalog.differing_columns(shown, wanted) and tables.shown(wanted.behind):
        tables.comment(wanted, shown)
    elif still_wanted():
        tables.create_view(wanted)


def _refuse_strangers(shown: Shown, wanted: Wanted) -> None:
    """A table that Trino itself holds the files of would lose them if it were dropped."""
    own = wanted.location.rpartition("/")[0] + "/"
    ours = (
        (shown.behind or "").startswith(f"{wanted.name.table}__") if shown.view else (shown.location or "").startswith(own)
    )
    if not ours:
        raise TableDiffers(
            f"{wanted.name} is there and shows {shown.location or shown.behind or 'files of its own'}, not a version below "
            f"{own}: somebody else has made it. Rename it, or give the data set another name, then redrive the message."
        )
