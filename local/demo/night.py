"""One night of the local run: a dump goes in, and what became of its day is read back."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from ingestion.s3_uri import split_s3_uri
from liberator import naming
from liberator.messages import LandingZoneUpdated
from local.demo import landed, zones
from local.demo.view import counted, seconds_of
from local.emulator.cloud import PRE_PRODUCTION_BUCKET

if TYPE_CHECKING:
    from pathlib import Path

    from local.emulator.cloud import Cloud
    from local.emulator.story import Entry

REPLICATION_SECONDS = 60
MORE_SECONDS = 3600  # to look whether it is over again; it ends when it ends


@dataclass
class Night:
    """A day's figures and messages for the report, its tables, and what went wrong: nothing, where it has landed whole."""

    report: dict[str, Any]
    problems: list[str]
    tables: list[landed.TableReport] = field(default_factory=list)
    zones: list[zones.ZoneTable] = field(default_factory=list)

    notes: list[str] = field(default_factory=list)  # what people were told of a day that has landed

    @property
    def landed(self) -> bool:
        """Every row, in every zone that was asked for."""
        return not self.problems

    @property
    def sentence(self) -> str:
        """The end of the day, in one line."""
        day, dump = self.report["import_date"], self.report["dump"]
        if self.landed:
            rows = counted(sum(table.rows_landed for table in self.tables), "row")
            tables, seconds = counted(len(self.tables), "table"), self.report["seconds"]["total"]
            on = f" {counted(len(self.zones), 'table')} in the raw and the refined zone." if self.zones else ""
            return f"✔ {day} landed: {tables}, {rows}, all that were loaded.{on} {seconds:.0f} s."
        problems = "; ".join(self.problems)
        source = "" if dump in problems else f" ({dump})"
        return f"✘ {day}{source} {'landed, but not whole' if self.tables else 'did not land'}: {problems}"


def run_night(cloud: Cloud, dump: Path, day: date, override: str | None = None) -> Night:
    """Uploads the dump as the supplier does, or, with an override, runs the task by hand; waits until its day is over."""
    first_entry, first_told = len(cloud.story.entries), len(cloud.told)
    if override is None:
        key = naming.dump_keys(day)[0]
        cloud.upload(dump, key)
    else:
        # As the procedure for past days says: with the rule disabled, the file is put there, then the task is run.
        cloud.bus.disabled.add("UploadRule")
        key = _key_by_hand(override)
        cloud.upload(dump, key)
        cloud.run_task_by_hand(IMPORT_DATE_OVERRIDE=override)
    while not cloud.story.wait_for(lambda entries: _is_over(entries[first_entry:], glue=cloud.glue), MORE_SECONDS):
        pass
    told = cloud.told[first_told:]
    updates = [LandingZoneUpdated.model_validate(event) for event in told if event["kind"] == "LandingZoneUpdated"]
    failures = [str(event["reason"]) for event in told if event["kind"] == "IngestionFailed"]
    alerts = [str(event["text"]) for event in told if event["kind"] == "Alert"]
    entries = cloud.story.entries[first_entry:]
    messages = [{"stage": e.stage, "queue": e.queue, "delay": e.delay} for e in entries if e.queue]
    usual = {"server": str(cloud.server), "dump": str(dump), "messages": messages}
    if not updates:
        uri = f"s3://{cloud.name_of('DataBucket')}/{key}"
        # Once, by the name that the user gave it.
        problems = list(dict.fromkeys(reason.replace(uri, str(dump)) for reason in failures or alerts))
        return Night(usual | {"import_date": override or f"{day}", "problems": problems}, problems)
    night = _read_back(cloud, updates[0], replicated=override is None)
    if cloud.glue:
        _read_zones(cloud, night)
        night.problems += [alert for alert in alerts if "Glue job" in alert]
    night.problems += failures
    night.notes = [alert for alert in alerts if alert not in night.problems]
    night.report |= usual | {"problems": night.problems, "seconds": seconds_of(entries)}
    return night


def _is_over(entries: list[Entry], *, glue: bool) -> bool:
    """Once the loader's task has ended, too: it clears up after the landing, and the next one would wait for it."""
    told = {entry.stage for entry in entries if entry.queue is None}
    if "LandingZoneUpdated" in told:
        return "Task stopped" in told and (not glue or "Workflow ended" in told)
    return "Task stopped" in told and bool(told & {"IngestionFailed", "Alert"})


def _key_by_hand(override: str) -> str:
    """The name under which the loader will look for the dump. A wrong date is for the loader to refuse."""
    try:
        return naming.dump_keys(date.fromisoformat(override.strip()))[0]
    except ValueError:
        return naming.dump_keys(datetime.now(UTC).date())[0]


def _read_back(cloud: Cloud, update: LandingZoneUpdated, *, replicated: bool) -> Night:
    s3, bucket, run = cloud.s3, cloud.name_of("LandingBucket"), update.run
    manifest = landed.read_manifest(s3, update.manifest)
    tables = landed.read_back(s3, bucket, manifest)
    problems = landed.differences(tables)
    problems += [
        f"not named by the manifest: {key}" for key in landed.unnamed(s3, bucket, manifest, manifest.run.import_date)
    ]
    dump = str(run.origin)
    there = _replicated(cloud, dump, expected=replicated)
    if replicated and not there:
        problems.append(f"{dump} was not copied to pre-production")
    workflow = cloud.name_of("BackdatedWorkflow" if run.backdated else "DailyWorkflow")
    runs = cloud.aws.client("glue").get_workflow_runs(Name=workflow)["Runs"]
    [workflow_run] = [r for r in runs if r["WorkflowRunProperties"]["manifest"] == update.manifest]
    report = {
        "import_date": f"{run.import_date}",
        "backdated": run.backdated,
        "export_task": update.export_task_identifier,
        "landing_prefix": update.landing_prefix,
        "manifest": update.manifest,
        "replicated": there,
        "workflow": {
            "name": workflow,
            "run_id": workflow_run["WorkflowRunId"],
            "properties": workflow_run["WorkflowRunProperties"],
        },
        "tables": [vars(table) for table in tables],
    }
    return Night(report, problems, tables)


def _replicated(cloud: Cloud, dump: str, *, expected: bool) -> bool:
    """Whether the dump is in the pre-production bucket; where it is expected, after waiting for it."""
    _, key = split_s3_uri(dump)

    def there() -> bool:
        return bool(cloud.s3.list_objects_v2(Bucket=PRE_PRODUCTION_BUCKET, Prefix=key)["KeyCount"])

    if expected and not there():
        cloud.s3.get_waiter("object_exists").wait(
            Bucket=PRE_PRODUCTION_BUCKET, Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": REPLICATION_SECONDS}
        )
    return there()


def _read_zones(cloud: Cloud, night: Night) -> None:
    """Adds what the Glue workflow made of the day."""
    day, glue = date.fromisoformat(night.report["import_date"]), cloud.aws.client("glue")
    raw, refined = (
        zones.read_back(cloud.s3, glue, cloud.template.resources[f"{zone.title()}Database"].ref, zone, day)
        for zone in ("raw", "refined")
    )
    night.problems += zones.differences(cloud.template.parameters["DatabaseName"], night.tables, raw)
    night.zones = raw + refined
    night.report["zones"] = [vars(table) for table in night.zones]
