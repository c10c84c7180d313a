"""`make demo`: one dump's way through the whole system, on this machine."""

from __future__ import annotations

import argparse
import json
import signal
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from dump_loader.server import Flavour
from ingestion import naming
from local import landed, zones
from local.cloud import PRE_PRODUCTION_BUCKET, Cloud
from local.database_server import DatabaseServerError
from local.functions import ROOT
from local.spark import java_problem
from local.story import Entry, Story
from local.view import GLUE, STAGES, View, seconds_of, tables_table, zones_table
from local.zones import ZoneTable

SAMPLE = Path(__file__).parent / "sample" / "liberator_dump.zip"
TRANSFORMS = ROOT / "glue" / "transforms"  # written for the sample's tables
REPLICATION_SECONDS = 60


def main(arguments: list[str]) -> int:
    """Exit code 0 only if every table's rows landed; 1 with what differs or went wrong; 130 after Ctrl-C."""
    options = _options(arguments)
    console = Console(stderr=False)
    for ending in (signal.SIGINT, signal.SIGTERM):
        signal.signal(ending, signal.default_int_handler)
    if options.glue and (problem := java_problem()):
        console.print(problem, style="red", soft_wrap=True)
        return 1
    try:
        with View(console, STAGES | GLUE if options.glue else STAGES) as view:
            report, tables, zone_tables, problems = _run(options, Story(view.show))
    except DatabaseServerError as error:
        console.print(str(error), style="red")
        return 1
    except KeyboardInterrupt:
        console.print("Stopped. Nothing is left running.")
        return 130
    if tables:
        console.print(tables_table(tables))
    if zone_tables:
        console.print(zones_table(zone_tables))
    if report:
        console.print_json(
            json.dumps({key: report[key] for key in ("import_date", "backdated", "manifest", "workflow", "seconds")})
        )
        if options.report:
            options.report.write_text(json.dumps(report, indent=2) + "\n")
    for problem in problems:
        console.print(problem, style="red", highlight=False, soft_wrap=True)
    return 1 if problems else 0


type Outcome = tuple[dict[str, Any] | None, list[landed.TableReport], list[ZoneTable], list[str]]


def _run(options: argparse.Namespace, story: Story) -> Outcome:
    """The report, the tables in the landing zone and in the zones after it, and what went wrong."""
    transforms = options.transforms or (TRANSFORMS if options.dump == SAMPLE else None)
    flavour = next((f for f in Flavour if f.lower() == options.server), None)
    with Cloud(
        story=story, flavour=flavour, built=options.runtime == "lambda", glue=options.glue, transforms=transforms
    ) as cloud:
        if options.override is None:
            cloud.upload(options.dump, naming.dump_keys(options.date)[0])
        else:
            # As the procedure for past days says: with the rule disabled, the file is put there, then the task is run.
            cloud.bus.disabled.add("UploadRule")
            cloud.upload(options.dump, _key_by_hand(options.override))
            cloud.run_task_by_hand(IMPORT_DATE_OVERRIDE=options.override)
        while not story.wait_for(lambda entries: _is_over(entries, glue=options.glue), 3600):
            pass
        failures = [f"{told['stage']}: {told['reason']}" for told in cloud.events("IngestionFailed")]
        alerts = [str(told["text"]) for told in cloud.events("Alert")]
        if options.landing:
            landed.download(cloud.s3, cloud.name_of("LandingBucket"), options.landing)
        updates = cloud.events("LandingZoneUpdated")
        if not updates:
            return None, [], [], failures or alerts
        report, tables, problems = _report(cloud, updates[0], options)
        zone_tables = _zones(cloud, report, tables, options, problems) if options.glue else []
        return report, tables, zone_tables, problems + (alerts if options.glue else [])


def _is_over(entries: list[Entry], *, glue: bool) -> bool:
    told = {entry.stage for entry in entries if entry.queue is None}
    landed_or_not = told & {"LandingZoneUpdated", "IngestionFailed", "Alert"}
    if glue and "LandingZoneUpdated" in told:
        return "Workflow ended" in told
    return bool(landed_or_not)


def _zones(
    cloud: Cloud, report: dict[str, Any], tables: list[landed.TableReport], options: argparse.Namespace, problems: list[str]
) -> list[ZoneTable]:
    """What the Glue workflow made of the day; adds to the report and to the problems."""
    assert cloud.glue_jobs
    day, glue = date.fromisoformat(report["import_date"]), cloud.aws.client("glue")
    raw, refined = (
        zones.read_back(glue, cloud.template.resources[f"{zone.title()}Database"].ref, zone, day)
        for zone in ("raw", "refined")
    )
    problems += zones.differences(cloud.template.parameters["DatabaseName"], tables, raw)
    for bucket, folder in (("RawBucket", options.raw), ("RefinedBucket", options.refined)):
        kept = cloud.glue_jobs.folder(cloud.name_of(bucket))
        if folder and kept.exists():
            zones.keep(kept, folder)
    report["zones"] = [vars(table) for table in raw + refined]
    return raw + refined


def _key_by_hand(override: str) -> str:
    """The name under which the loader will look for the dump. A wrong date is for the loader to refuse."""
    try:
        return naming.dump_keys(date.fromisoformat(override.strip()))[0]
    except ValueError:
        return naming.dump_keys(datetime.now(UTC).date())[0]


def _report(
    cloud: Cloud, update: dict[str, Any], options: argparse.Namespace
) -> tuple[dict[str, Any], list[landed.TableReport], list[str]]:
    s3, bucket = cloud.s3, cloud.name_of("LandingBucket")
    manifest = landed.read_manifest(s3, update["manifest"])
    tables = landed.read_back(s3, bucket, manifest)
    problems = landed.differences(tables)
    problems += [
        f"not named by the manifest: {key}" for key in landed.unnamed(s3, bucket, manifest, manifest.run.import_date)
    ]
    run = update["run"]
    workflow = cloud.name_of("BackdatedWorkflow" if run["backdated"] else "DailyWorkflow")
    [workflow_run] = cloud.aws.client("glue").get_workflow_runs(Name=workflow)["Runs"]
    replicated = _replicated(cloud, run["dump"], expected=options.override is None)
    if options.override is None and not replicated:
        problems.append(f"{run['dump']} was not copied to pre-production")
    entries = cloud.story.entries
    return (
        {
            "import_date": run["import_date"],
            "backdated": run["backdated"],
            "export_task": update["export_task_identifier"],
            "landing_prefix": update["landing_prefix"],
            "manifest": update["manifest"],
            "replicated": replicated,
            "workflow": {
                "name": workflow,
                "run_id": workflow_run["WorkflowRunId"],
                "properties": workflow_run["WorkflowRunProperties"],
            },
            "tables": [vars(table) for table in tables],
            "messages": [{"stage": e.stage, "queue": e.queue, "delay": e.delay} for e in entries if e.queue],
            "seconds": seconds_of(entries),
        },
        tables,
        problems,
    )


def _replicated(cloud: Cloud, dump: str, *, expected: bool) -> bool:
    """Whether the dump is in the pre-production bucket; where it is expected, after waiting for it."""
    _, key = naming.split_s3_uri(dump)

    def there() -> bool:
        return bool(cloud.s3.list_objects_v2(Bucket=PRE_PRODUCTION_BUCKET, Prefix=key)["KeyCount"])

    if expected and not there():
        cloud.s3.get_waiter("object_exists").wait(
            Bucket=PRE_PRODUCTION_BUCKET, Key=key, WaiterConfig={"Delay": 1, "MaxAttempts": REPLICATION_SECONDS}
        )
    return there()


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--dump", type=Path, default=SAMPLE, help="any zipped MySQL dump")
    parser.add_argument("--date", type=date.fromisoformat, default=datetime.now(UTC).date(), help="of its file name")
    parser.add_argument("--override", help="IMPORT_DATE_OVERRIDE: the task is started by hand")
    parser.add_argument("--landing", type=Path, help="a folder that gets a copy of the landing bucket")
    parser.add_argument("--report", type=Path, help="a JSON file that gets the figures")
    parser.add_argument("--glue", action="store_true", help="on to the raw and the refined zone, on Spark")
    parser.add_argument("--transforms", type=Path, help="the queries that make the refined zone, of a dump of your own")
    parser.add_argument("--raw", type=Path, help="a folder that gets a copy of the raw bucket")
    parser.add_argument("--refined", type=Path, help="a folder that gets a copy of the refined bucket")
    parser.add_argument(
        "--server", choices=[f.lower() for f in Flavour], help="otherwise MySQL, or MariaDB where it must be"
    )
    parser.add_argument("--runtime", choices=["source", "lambda"], default="source", help="lambda: what `make build` built")
    options = parser.parse_args(arguments)
    if not options.dump.is_file():
        parser.error(f"there is no file {options.dump}")
    return options
