"""The words of `make demo`, read and looked at before anything runs."""

from __future__ import annotations

import argparse
import re
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import NoReturn

from dump_loader.sql.server import Flavour
from local import ROOT
from local.demo.sample import BUNDLED

TRANSFORMS = ROOT / "glue" / "liberator" / "transforms"  # written for the sample's tables
MOST_DAYS = 31  # DailyWindowDays takes no more: each night's dump is to be that day's own, not a backdated one


@dataclass
class Options:
    """`days` is None for one day with all its tables. `override` is the text that the task is given."""

    dump: Path = BUNDLED
    last: date = field(default_factory=lambda: datetime.now(UTC).date())
    days: int | None = None
    override: str | None = None
    landing: Path | None = None
    report: Path | None = None
    glue: bool = False
    transforms: Path | None = None
    raw: Path | None = None
    refined: Path | None = None
    flavour: Flavour | None = None
    built: bool = False

    @property
    def dates(self) -> list[date]:
        """The days to run, in order."""
        return [self.last - timedelta(days=back) for back in reversed(range(self.days or 1))]


def read(arguments: list[str]) -> Options:
    """Ends with exit code 2 and one sentence, that says the word as it is given to make, where one is wrong."""
    parser = Parser(prog="make demo", description="One dump's way through the whole system, on this machine.")
    usual = Options()
    parser.add_argument("--dump", type=_file, default=usual.dump, help="any zipped MySQL dump, instead of the sample")
    parser.add_argument("--date", dest="last", type=_day, default=usual.last, help="the day in the dump's file name")
    parser.add_argument("--days", type=_days, help="so many days, up to that one, one after the other")
    parser.add_argument("--override", help="IMPORT_DATE_OVERRIDE: the task is started by hand")
    parser.add_argument("--landing", type=_folder, help="a folder that gets a copy of the landing bucket")
    parser.add_argument("--report", type=report, help="a JSON file that gets the figures")
    parser.add_argument("--glue", action="store_true", help="on to the raw and the refined zone, on Spark")
    parser.add_argument("--transforms", type=_queries, help="the queries that make the refined zone of a dump of your own")
    parser.add_argument("--raw", type=_folder, help="a folder that gets a copy of the raw bucket")
    parser.add_argument("--refined", type=_folder, help="a folder that gets a copy of the refined bucket")
    parser.add_argument("--server", dest="flavour", type=_flavour, help="mysql or mariadb")
    parser.add_argument("--runtime", dest="built", type=_built, default=False, help="lambda: what `make build` built")
    options = parser.parse_args(arguments, namespace=usual)
    if options.override is not None and options.days is not None:
        parser.error("OVERRIDE= is for one day: leave DAYS= out")
    for name in ("raw", "refined", "transforms"):
        if getattr(options, name) and not options.glue:
            parser.error(f"{name.upper()}= needs GLUE=1")
    if options.transforms is None and options.dump == BUNDLED:
        options.transforms = TRANSFORMS
    return options


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, by the word that make is given."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {re.sub(r'argument --(\w+): ', lambda match: f'{match[1].upper()}=', message)}\n")


def _file(text: str) -> Path:
    if not Path(text).is_file():
        raise argparse.ArgumentTypeError(f"{text}: there is no file {text}")
    return Path(text)


def _queries(text: str) -> Path:
    if not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text}: there is no folder {text}")
    return Path(text)


def _day(text: str) -> date:
    return _read(text, date.fromisoformat, "a day such as 2021-06-04")


def _days(text: str) -> int:
    return _read(text, lambda text: range(1, MOST_DAYS + 1).index(int(text)) + 1, f"a number from 1 to {MOST_DAYS}")


def _flavour(text: str) -> Flavour:
    return _read(text, lambda text: {f.lower(): f for f in Flavour}[text], "mysql or mariadb")


def _built(text: str) -> bool:
    return _read(text, lambda text: ("source", "lambda").index(text) == 1, "source or lambda")


def _read[T](text: str, read: Callable[[str], T], wanted: str) -> T:
    try:
        return read(text)
    except (ValueError, LookupError):
        raise argparse.ArgumentTypeError(f"{text}: it takes {wanted}") from None


def _folder(text: str) -> Path:
    """Made now, so that a run does not end with what it can't keep."""
    folder = Path(text)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: nothing can be written there ({error.strerror})") from None
    return folder


def report(text: str) -> Path:
    """Emptied now: what an earlier run wrote must not be taken for this one's."""
    path = Path(text)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    except OSError as error:
        raise argparse.ArgumentTypeError(f"{text}: it can't be written ({error.strerror})") from None
    return path
