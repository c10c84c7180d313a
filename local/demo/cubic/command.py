"""`make demo-cubic`: files of Cubic's streams, from Incoming to the raw zone and the archive, on this machine."""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from local.demo.cubic.checking import Outcome
from local.demo.cubic.options import read
from local.demo.cubic.run import run
from local.demo.cubic.view import View, sentence, show
from local.demo.signals import STOPPED, end_on_signals
from local.demo.view import console
from local.emulator.database_server import DatabaseServerError


def main(arguments: list[str]) -> int:
    """Exit code 0 only if every file is where it belongs; 1 with what went wrong; 2 for a wrong word; 128 + a signal."""
    options = read(arguments)
    end_on_signals()
    outcome = Outcome([], [], [])
    code, end, began = 0, "", time.monotonic()
    try:
        with View(console(sys.stdout)) as view:
            outcome = run(options, view)
        show(view.console, outcome)
        code = int(bool(outcome.problems))
    except (DatabaseServerError, OSError) as error:
        code, end = 1, f"✘ {error}"
    except KeyboardInterrupt as stop:
        code, end = 128 + stop.args[0], STOPPED
    if options.report:
        options.report.write_text(json.dumps(_report(outcome, end), indent=2) + "\n")
    end = end or sentence(outcome, time.monotonic() - began)
    console(sys.stderr if code else sys.stdout).print(end, style="red" if code else "green")
    return code


def _report(outcome: Outcome, end: str) -> dict[str, Any]:
    problems = [*outcome.problems, *([end.removeprefix("✘ ")] if end else [])]
    return {"tables": [vars(table) for table in outcome.tables], "loads": outcome.loads, "problems": problems}
