"""Stands in for what moto leaves out of RDS: snapshots that take time, exports that write Parquet, and their events.

It is installed over moto's RDS backend in this process, for as long as its `with` block lasts:

    with DatabaseServer() as server, RdsStandIn(server, s3, publish) as rds:
        rds.register_instance(rds_client, "liberator")

Like AWS: what states.py says of snapshots and export tasks, the forms of their events, the layout of the exported objects,
their Parquet types, and the JSON files beside them.

Unlike AWS:

- a snapshot holds the tables alone, as Parquet in the server's temporary folder. It can be described, exported and
  deleted, not restored. A consistent read opened inside CreateDBSnapshot freezes it; a DROP or ALTER of a table waits
  until the tables are copied, and the snapshot fails if one of them is locked for longer than 30 seconds
- the automated snapshot that moto takes of a new instance, and the copies that CopyDBSnapshot makes, hold no data:
  exporting one fails
- the instance changes its state by snapshots alone; `set_instance_status` gives it any other, and after a snapshot it has
  that one again
- KMS, the IAM role and its rights are not checked; `refuse_next_export` gives the error that AWS would
- times are those the caller asks for, progress is made up between them, events are published at once and exactly once
- where AWS says nothing, a guess: a zero DATETIME becomes null and a zero DATE stays text; FLOAT has the digits that MySQL
  displays; a skipped table has the status SKIPPED in `export_tables_info`, a database without tables
  an entry that has a warning and no status; an export in part fails where a table of it has a name that is exported with the
  whole snapshot only, and is refused with InvalidExportOnly where ExportOnly has such a name
"""

from local.emulator.rds.events import RdsEvent, eventbridge_event, sns_attributes, sns_message
from local.emulator.rds.standin import RdsStandIn

__all__ = ["RdsEvent", "RdsStandIn", "eventbridge_event", "sns_attributes", "sns_message"]
