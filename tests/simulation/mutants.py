"""Bugs put in one at a time, each of which the races or the seeds must notice: `python -m tests.simulation.mutants`.

Those of the first system are marked so; the rest are what a reader of this code may think superfluous.
"""

from __future__ import annotations

import sys

from tests.simulation import mutation
from tests.simulation.mutation import Edit, Mutant
from tests.simulation.plays import RUNS

_LANDING = "services/s3_to_s3_copier/landing.py"
_FINISHED = "services/s3_to_s3_copier/finished_export.py"
_COMMIT = "services/ingestion/landing_zone/commit.py"
_COPYING = "services/ingestion/landing_zone/copying.py"
_MANIFEST = "services/ingestion/landing_zone/manifest.py"
_CONSUMER = "services/ingestion/consumer.py"
_INGEST = "ecs/dump_loader/dump_loader/ingest.py"
_SNAPSHOT = "ecs/dump_loader/dump_loader/snapshot.py"


_NO_LOOK = Edit(
    _INGEST,
    "ingest",
    "            snapshot.await_none_creating(given.rds, target.instance, waiting=waiting, logger=logger)\n",
    "",
)
_UNVERIFIED = Edit(_COMMIT, "commit", "    if wrong:\n", "    if False:\n")

MUTANTS = (
    Mutant(
        "a failed export is ignored",
        (
            Edit(
                "services/s3_to_s3_copier/handler.py",
                "handle",
                "        copy_export(command, aws, places, announce, seconds_left)",
                "        try:\n"
                "            copy_export(command, aws, places, announce, seconds_left)\n"
                "        except Exception as error:\n"
                "            if type(error).__name__ != 'ExportUnusable':\n"
                "                raise",
            ),
        ),
        whose="the first system's",
    ),
    Mutant(
        "errors of single copies are logged and swallowed; the workflow starts on partial data",
        (
            Edit(
                _COPYING,
                "copy",
                '        with explained(f"copying s3://{original.bucket}/{original.key} to s3://{zone.bucket}/{key}"):\n',
                "        from contextlib import suppress\n        with suppress(Exception):\n",
            ),
            _UNVERIFIED,
        ),
        whose="the first system's",
    ),
    Mutant(
        "listings are not paged",
        (
            Edit(
                _FINISHED,
                "finished_export",
                "for page in pages for found",
                "for page in list(pages)[:1] for found",
            ),
        ),
        whose="the first system's",
    ),
    Mutant(
        "a second export of a day leaves the first one's files beside its own",
        (
            Edit(
                _COMMIT,
                "land",
                "[mine, *committed.overtaken], committed.manifest.stale,",
                "[mine, *committed.overtaken], (),",
            ),
        ),
        whose="the first system's",
    ),
    Mutant(
        "an export has the name of its day, not of its load",
        (Edit("services/liberator/naming.py", "snapshot_identifier", '{loaded_at:%H%M%S}"', '000000"'),),
        whose="the first system's",
    ),
    Mutant(
        "all earlier snapshots are deleted, whoever still needs them",
        (
            Edit(
                _SNAPSHOT,
                "delete_earlier",
                "            if reason := _still_needed(rds, snapshot, max_wait, clock):",
                "            if reason := '':",
            ),
        ),
        whose="the first system's",
    ),
    Mutant(
        "failing to start an export is logged, and forgotten",
        (
            Edit(
                "services/snapshot_to_s3/handler.py",
                "handle",
                "        copy = export_snapshot(command, rds, target)\n",
                "        try:\n            copy = export_snapshot(command, rds, target)\n"
                "        except Exception as error:\n"
                "            if type(error).__name__ == 'NotYet':\n                raise\n            return\n",
            ),
        ),
        whose="the first system's",
    ),
    Mutant(
        "nobody hears that a message was given up",
        (Edit(_CONSUMER, "take", "            self._end(body, message, error)", "            del error"),),
        whose="the first system's",
    ),
    Mutant(
        "a dead letter keeps its spent budget",
        (Edit(_CONSUMER, "_end", 'model_dump_json(exclude={"poll"})', "model_dump_json()"),),
    ),
    Mutant(
        "the manifest is written before the copies",
        (
            Edit(
                _COMMIT,
                "land",
                "    attempts.begin(mine, zone)\n",
                "    attempts.begin(mine, zone)\n    commit(mine, zone)\n",
            ),
        ),
    ),
    Mutant(
        "the manifest is written whatever is there",
        (
            Edit(_MANIFEST, "write", ', IfNoneMatch="*"', ""),
            Edit(_MANIFEST, "write", ", IfMatch=over.etag", ""),
        ),
    ),
    Mutant(
        "an older snapshot lands over a later one",
        (
            Edit(
                _MANIFEST,
                "wins_over",
                "return self.manifest.order > other.order",
                "return False",
            ),
        ),
    ),
    Mutant(
        "what a dead copy left is not recorded",
        (Edit(_COMMIT, "commit", "    overtaken = attempts.overtaken_by(mine, zone)", "    overtaken = []"),),
    ),
    Mutant(
        "a workflow is started without a look at its runs",
        (
            Edit(
                _LANDING,
                "copy_export",
                "    if workflow.has_run(aws.glue, name, command.export_task_identifier):",
                "    if False:",
            ),
        ),
    ),
    Mutant(
        "two loads use the database at once",
        (
            Edit(
                _INGEST,
                "ingest",
                "with server_errors_explained(target.database), lock as held:",
                "from unittest import mock\n        with mock.MagicMock() as held:",
            ),
        ),
    ),
    Mutant(
        "a load does not wait for the snapshot of a load that died",
        (_NO_LOOK,),
    ),
    Mutant(
        "an older upload lands over a later one that was loaded before it",
        (Edit("services/liberator/manifest.py", "order_of", "Order(uploaded_at or snapshot_time,", "Order(snapshot_time,"),),
    ),
    Mutant(
        "neither the lock nor a look protects a snapshot that is being created",
        (Edit(_INGEST, "ingest", "            snapshot.await_end(", "            (lambda *_, **__: None)("), _NO_LOOK),
    ),
    Mutant(
        "a snapshot that has the name already is taken for one's own",
        (
            Edit(_SNAPSHOT, "take", "        if _load_id(rds, identifier, waiting) == load_id:", "        if True:"),
            Edit(
                _SNAPSHOT,
                "take",
                "        if not write_row_counts(identifier, counts):\n            continue\n",
                "        write_row_counts(identifier, counts)\n",
            ),
        ),
    ),
    Mutant(
        "the loader leaves it to RDS's events to announce the snapshot",
        (
            Edit(
                _INGEST,
                "_snapshot",
                "    given.announce(ExportSnapshot(",
                "    (lambda *_, **__: None)(ExportSnapshot(",
            ),
        ),
    ),
    Mutant(
        "a message that cannot be handled yet is put back, and whether that succeeded does not matter",
        (
            Edit(
                _CONSUMER,
                "_put_back",
                "        queues.send(self.sqs, self.settings.queue_url, again, delay_seconds=delay)\n",
                "        with suppress(Exception):\n"
                "            queues.send(self.sqs, self.settings.queue_url, again, delay_seconds=delay)\n",
            ),
        ),
    ),
    Mutant(
        "an old upload's late event puts it over the newer one in pre-production",
        (
            Edit(
                "services/prod_to_preprod/replication.py",
                "_is_there",
                '    return same or of.get(SOURCE_MODIFIED, "") > marks[SOURCE_MODIFIED]',
                "    return same",
            ),
        ),
    ),
    Mutant(
        "an alert comes after its dead letter, if at all",
        (
            Edit(_CONSUMER, "_end", "        events.publish(self.sns, self.settings.alerts_topic_arn, failed)\n", ""),
            Edit(
                _CONSUMER,
                "_end",
                "error=failed.error, reason=failed.reason\n        )",
                "error=failed.error, reason=failed.reason\n        )\n"
                "        events.publish(self.sns, self.settings.alerts_topic_arn, failed)",
            ),
        ),
    ),
    Mutant(
        "an alert that fails is of no consequence",
        (
            Edit(
                _CONSUMER,
                "_end",
                "        events.publish(self.sns, self.settings.alerts_topic_arn, failed)\n",
                "        with suppress(Exception):\n"
                "            events.publish(self.sns, self.settings.alerts_topic_arn, failed)\n",
            ),
        ),
    ),
    Mutant(
        "a message is put back as it was received, without its attempt",
        (Edit(_CONSUMER, "_put_back", "self.settings.queue_url, again,", "self.settings.queue_url, body,"),),
    ),
    Mutant(
        "a message that is put back begins a new wait",
        (
            Edit(
                "services/ingestion/polling.py",
                "next_attempt",
                "started_at=poll.started_at)",
                "started_at=now)",
            ),
        ),
    ),
    Mutant(
        "a run that is stopping does not count as active",
        (
            Edit(
                "services/s3_to_s3_copier/workflow.py", "", "{RunStatus.RUNNING, RunStatus.STOPPING}", "{RunStatus.RUNNING}"
            ),
        ),
    ),
    Mutant(
        "of one upload any snapshot may win",
        (
            Edit(
                "services/liberator/manifest.py", "order_of", ", snapshot_time, export_task)", ", datetime.min, export_task)"
            ),
        ),
    ),
    Mutant(
        "a table that nobody counted lands",
        (Edit(_FINISHED, "_landing", "tables.keys() - expected.keys(),", "set(),"),),
    ),
    Mutant(
        "a table with rows and no file lands",
        (Edit(_FINISHED, "_landing", "if expected.get(name) and not files},", "if False},"),),
    ),
    Mutant(
        "a warning of RDS ends the day, whatever it is about",
        (Edit(_FINISHED, "_landing", "expected.keys() & export.skipped if counts else export.warnings", "export.warnings"),),
    ),
    Mutant(
        "a canceled export is waited for",
        (Edit(_FINISHED, "_completed_task", "FAILED | ExportStatus.CANCELED", "FAILED"),),
    ),
    Mutant(
        "a copy that is overtaken before it is checked ends with an alert",
        (
            Edit(
                _COMMIT,
                "commit",
                "    overtaken = attempts",
                "    if wrong:\n        raise CopyMismatch(wrong)\n    overtaken = attempts",
            ),
        ),
    ),
    Mutant(
        "the copier keeps no time in reserve",
        (Edit(_COPYING, "", "RESERVE_SECONDS = 120", "RESERVE_SECONDS = 1.2"),),
    ),
    Mutant(
        "the copier does not look at its time",
        (Edit(_COPYING, "copy", "if seconds_left() < RESERVE_SECONDS:", "if False:"),),
    ),
    Mutant(
        "the latest version is copied to pre-production, not the one that the event is of",
        (
            Edit(
                "services/prod_to_preprod/replication.py",
                "_replicated",
                'pinned = {"VersionId": uploaded.version_id} if uploaded.version_id else {}',
                "pinned = {}",
            ),
        ),
    ),
    Mutant(
        "a lost lock is not noticed",
        (Edit(_SNAPSHOT, "take", "            refuse_lost()\n", ""),),
    ),
    Mutant(
        "row counts are written over those of another load",
        (Edit(_INGEST, "_written_anew", ', IfNoneMatch="*")', ")"),),
    ),
    Mutant(
        "an export that is being canceled counts as ended",
        (Edit("services/liberator/exports.py", "", "ENDED = frozenset({", "ENDED = frozenset({ExportStatus.CANCELING, "),),
    ),
    Mutant(
        "a failure to clear up fails the load",
        (Edit(_SNAPSHOT, "delete_earlier", "    except Exception as error:", "    except ZeroDivisionError as error:"),),
    ),
    Mutant(
        "earlier snapshots are deleted before the load's own is available",
        (
            Edit(
                _INGEST,
                "ingest",
                "            snapshot.await_end(",
                "            snapshot.delete_earlier(\n"
                "                given.rds, target.instance, identifier,"
                " max_wait=limits.max_wait, clock=clock, logger=logger\n"
                "            )\n"
                "            snapshot.await_end(",
            ),
        ),
    ),
    Mutant(
        "a snapshot is announced when it is available, not when it is begun",
        (
            Edit(
                _INGEST,
                "_snapshot",
                "    given.announce(ExportSnapshot(",
                "    later = lambda: given.announce(ExportSnapshot(",
            ),
            Edit(_INGEST, "_snapshot", "    return identifier", "    return identifier, later"),
            Edit(_INGEST, "ingest", "            identifier = _snapshot(", "            identifier, later = _snapshot("),
            Edit(
                _INGEST,
                "ingest",
                '            logger.info("Snapshot available", snapshot=identifier)\n',
                "            later()\n",
            ),
        ),
    ),
    Mutant(
        "a snapshot waits for its export half as long as its message",
        (Edit(_SNAPSHOT, "_still_needed", "< max_wait:", "< max_wait / 2:"),),
    ),
    Mutant(
        "an instance that is busy ends the load",
        (Edit(_SNAPSHOT, "_await_instance", "if status in LOST:", "if True:"),),
    ),
    Mutant(
        "no snapshot is taken while storage is optimised",
        (Edit("services/liberator/instances.py", "", ", InstanceStatus.STORAGE_OPTIMIZATION})", "})"),),
    ),
)


if __name__ == "__main__":
    sys.exit(mutation.main(MUTANTS, "liberator", tuple(RUNS), seeds=3_000))
