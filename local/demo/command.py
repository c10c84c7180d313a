"""`make demo`: one dump's way through the whole system, or that of a dump each night, on this machine."""

from __future__ import annotations

import json
import sys
import time
from typing import TYPE_CHECKING

from local.demo.night import Night, run_night
from local.demo.options import Options, read
from local.demo.sample import BUNDLED
from local.demo.sample.growth import grow
from local.demo.signals import STOPPED, end_on_signals
from local.demo.view import View, console, counted
from local.emulator import spark
from local.emulator.cloud import Cloud
from local.emulator.database_server import DatabaseServerError
from local.emulator.folders import download
from local.emulator.story import Story

if TYPE_CHECKING:
    from pathlib import Path

DELAY_MINUTES = 15  # of every message that waits


def main(arguments: list[str]) -> int:
    """Exit code 0 only if every row of every day landed; 1 with what went wrong; 2 for a wrong word; 128 + a signal."""
    options = read(arguments)
    end_on_signals()
    nights: list[Night] = []
    code, end, began = 0, "", time.monotonic()
    try:
        with View(console(sys.stdout), glue=options.glue, several=options.days is not None) as view:
            _run(options, view, nights)
        code = int(not all(night.landed for night in nights))
    except (DatabaseServerError, OSError) as error:
        code, end = 1, str(error)
    except KeyboardInterrupt as stop:
        code, end = 128 + stop.args[0], STOPPED
    if options.report:
        options.report.write_text(json.dumps(_report(options, nights, end), indent=2) + "\n")
    end = end or _end(options, nights, time.monotonic() - began)
    console(sys.stderr if code else sys.stdout).print(end, style="red" if code else "green")
    return code


def _run(options: Options, view: View, nights: list[Night]) -> None:
    """Adds the days, one after the other, through one instance and one cloud."""
    if options.glue and (problem := spark.problem()):
        raise DatabaseServerError(problem)
    with Cloud(
        # Each dump is to be its own night's, though all are uploaded today.
        parameters={"DailyWindowDays": str(options.days or 1)},
        story=Story(view.show),
        flavour=options.flavour,
        built=options.built,
        glue=options.glue,
        transforms=options.transforms,
    ) as cloud:
        view.say(
            f"{cloud.server}. {DELAY_MINUTES} minutes of waiting take {DELAY_MINUTES * 60 * cloud.time_scale:.1f} s here."
        )
        if options.days and options.dump != BUNDLED:
            view.say(f"{options.dump} is the same each night: its rows do not grow.")
        for day in options.dates:
            view.begin(f"{day}")
            night = run_night(cloud, _dump(options, cloud, len(nights)), day, options.override)
            copies = {"LandingBucket": options.landing, "RawBucket": options.raw, "RefinedBucket": options.refined}
            for bucket, folder in copies.items():
                if folder:
                    download(cloud.s3, cloud.name_of(bucket), folder)
            view.end(night)
            nights.append(night)


def _dump(options: Options, cloud: Cloud, nights: int) -> Path:
    """The dump of so many nights after the first: the sample has grown, one of the user's own is what it is."""
    if options.dump != BUNDLED or not nights:
        return options.dump
    grown = cloud.directory / "grown.zip"
    grow(grown, nights)
    return grown


def _report(options: Options, nights: list[Night], stopped: str) -> object:
    """The figures of a single day; or those of each day, and the problems of all."""
    stop = [stopped] if stopped else []
    if options.days is None and nights:
        return nights[0].report
    problems = [f"{night.report['import_date']}: {problem}" for night in nights for problem in night.problems]
    days = {} if options.days is None else {"days": [night.report for night in nights]}
    return days | {"problems": problems + stop}


def _end(options: Options, nights: list[Night], seconds: float) -> str:
    """The last sentence."""
    if options.days is None:
        return nights[0].sentence
    failed = [night.report["import_date"] for night in nights if not night.landed]
    if failed:
        return f"✘ {len(failed)} of {counted(len(nights), 'day')} did not land whole: {', '.join(failed)}."
    return f"✔ {counted(len(nights), 'day')} landed, one night after the other. {seconds:.0f} s."
