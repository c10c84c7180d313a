"""Bugs put in one at a time, each of which a race or a seed must notice: `python -m tests.simulation.cubic.mutants`."""

import sys

from tests.simulation import mutation
from tests.simulation.cubic.plays import RUNS
from tests.simulation.mutation import Edit, Mutant

_REGISTERING = "services/cubic/registering.py"
_STARTING = "services/cubic/starting.py"
_FINISHING = "services/cubic/finishing.py"
_MOVING = "services/cubic/moving.py"
_SWEEPING = "services/cubic/sweeping.py"
_RAW_ZONE = "services/cubic/raw_zone.py"
_CLEANING = "services/cubic/cleaning.py"
_COMMITTING = "glue/cubic_job/committing.py"
_STORE = "services/cubic/store"
_PUBLIC = "the public implementation's"

MUTANTS = (
    Mutant(
        "new is what is later than the newest load",
        (
            Edit(
                f"{_STORE}/registering.py",
                "unregistered",
                "    with db.transaction() as cursor:\n",
                "    with db.transaction() as cursor:\n"
                "        cursor.execute('SELECT max(s3_modified) AS newest FROM cubic_loads')\n"
                "        newest = cursor.fetchone()['newest']\n",
            ),
            Edit(
                f"{_STORE}/registering.py",
                "unregistered",
                "list(by_identity.values())",
                "[it for it in by_identity.values() if newest is None or it.s3_modified > newest]",
            ),
        ),
        _PUBLIC,
    ),
    Mutant(
        "the latest version is copied for a batch, not the load's own",
        (Edit(_STARTING, "_copied", "load.s3_size, load.s3_version)", "load.s3_size)"),),
        _PUBLIC,
    ),
    Mutant(
        "the latest version is archived, not the load's own",
        (Edit(_MOVING, "_copy", ', "VersionId": source.version}', "}"),),
        _PUBLIC,
    ),
    Mutant(
        "a republished file goes to the key of the one before",
        (
            Edit(
                f"{_STORE}/moving.py",
                "_free_key",
                """return folder + name if cursor.fetchone() is None else f"{folder}load={row['id']}/{name}\"""",
                "return folder + name",
            ),
        ),
        _PUBLIC,
    ),
    Mutant(
        "one bad file errs all of its batch",
        (
            Edit(
                _FINISHING,
                "_outcomes",
                "    return outcomes\n",
                "    bad = [it for it in outcomes.values() if isinstance(it, Refused)]\n"
                "    return dict.fromkeys(outcomes, bad[0]) if bad else outcomes\n",
            ),
        ),
        _PUBLIC,
    ),
    Mutant(
        "a file before its snapshot errs at once",
        (Edit(f"{_STORE}/sweeping.py", "give_up_waiting", ", now - waits", ", now"),),
        _PUBLIC,
    ),
    Mutant(
        "a first load above the batch's size makes an empty batch",
        (
            Edit(f"{_STORE}/claiming.py", "", "MOST_BYTES = 512 * 1024**2", "MOST_BYTES = 2"),
            Edit(f"{_STORE}/claiming.py", "_choose", "if not ready:", "if not ready or ready[0]['s3_size'] > MOST_BYTES:"),
        ),
        _PUBLIC,
    ),
    Mutant(
        "any state but RUNNING is the end of a run",
        (Edit(_FINISHING, "finish_ingestion", "state not in ENDED", 'state == "RUNNING"'),),
        _PUBLIC,
    ),
    Mutant(
        "the run is not looked for",
        (Edit(_STARTING, "start_ingestion", "(run_of(batch.id, job) if", "(None if"),),
        _PUBLIC,
    ),
    Mutant(
        "the status is ended before the source is deleted",
        (
            Edit(
                _MOVING,
                "_moved",
                "    moving.kept(by.db, move, version)\n",
                "    moving.kept(by.db, move, version)\n    moving.ended(by.db, move, now)\n",
            ),
        ),
        _PUBLIC,
    ),
    Mutant(
        "the source is deleted before its copy is looked at",
        (
            Edit(
                _MOVING,
                "_moved",
                "    version = _kept(",
                "    _delete(by.s3, by.places.incoming, move.source)\n    version = _kept(",
            ),
        ),
    ),
    Mutant(
        "a load's time is that of its registration",
        (Edit(_REGISTERING, "_found", 'answer["LastModified"]', "command.run.import_date"),),
    ),
    Mutant(
        "nobody hears of a file that is refused",
        (Edit(_MOVING, "_moved", "    if move.outcome is Outcome.ERROR:\n", "    if False:\n"),),
    ),
    Mutant(
        "an older version takes the place of a newer one",
        (Edit(_COMMITTING, "commit", "if found and _version(found) > load.version:", "if False:"),),
    ),
    Mutant(
        "a partition that follows its snapshot takes the place of a newer version",
        (Edit(_RAW_ZONE, "put_partition", " or _order(there) > _order(made)", ""),),
    ),
    Mutant(
        "a partition follows its snapshot, and its files do not",
        (
            Edit(
                _RAW_ZONE, "refile", '    _copy(zone, there["StorageDescriptor"]["Location"], location, seconds_left)\n', ""
            ),
        ),
    ),
    Mutant(
        "a partition is left under the snapshot that it has left",
        (Edit(_RAW_ZONE, "refile", "        zone.delete_partition(table, old)\n", "        pass\n"),),
    ),
    Mutant(
        "a load that is archived stays under the snapshot that it was registered with",
        (Edit(f"{_STORE}/moving.py", "begin", '        if row["misfiled"]:\n', "        if False:\n"),),
    ),
    Mutant(
        "the sweep does not look for loads to move",
        (Edit(_SWEEPING, "_mend", "*(doorbells.move(load, now) for load in undone.move[:MOST_MOVES]),", ""),),
    ),
    Mutant(
        "the sweep does not look for batches to end",
        (
            Edit(
                _SWEEPING,
                "_mend",
                "            *(doorbells.finish(batch, now, once=True) for batch in undone.finish),\n",
                "",
            ),
        ),
    ),
    Mutant(
        "the sweep does not look for tables to start",
        (Edit(_SWEEPING, "_mend", "            *(doorbells.start(table, now) for table in undone.start),\n", ""),),
    ),
    Mutant(
        "the sweep gives up no file that waits for its snapshot",
        (Edit(_SWEEPING, "_mend", "in sweeping.give_up_waiting(at.db, now, at.waits):", "in ():"),),
    ),
    Mutant(
        "only the latest versions are listed",
        (
            Edit(
                _SWEEPING,
                "_register",
                '    for it in page.get("Versions", []):\n',
                '    for it in {it["Key"]: it for it in reversed(page.get("Versions", []))}.values():\n',
            ),
        ),
    ),
    Mutant(
        "a listing has one page",
        (Edit(_SWEEPING, "_pages", '        if not page.get("IsTruncated"):\n            return\n', "        return\n"),),
    ),
    Mutant(
        "folders that are about to be named are deleted",
        (Edit(_CLEANING, "", "KEPT = timedelta(days=3)", "KEPT = timedelta(0)"),),
    ),
    Mutant(
        "a claim that was not followed by a run is never taken up again",
        (
            Edit(
                f"{_STORE}/claiming.py",
                "_resume",
                'if batch["job_run_id"] is not None or batch["claimed_until"] > now:',
                "if True:",
            ),
        ),
    ),
    Mutant(
        "somebody was told before they are told",
        (
            Edit(
                "services/cubic/alerts.py",
                "tell_once",
                "            self.tell(error, about)\n            registering.told(db, subject)\n",
                "            registering.told(db, subject)\n            self.tell(error, about)\n",
            ),
        ),
    ),
)

if __name__ == "__main__":
    sys.exit(mutation.main(MUTANTS, "cubic", tuple(RUNS), seeds=300))
