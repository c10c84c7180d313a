"""`make demo-trino`: any file, from its upload to a table that Trino answers from, on this machine."""

from __future__ import annotations

import json
import sys
import time

from local.demo.cubic.view import View
from local.demo.signals import STOPPED, end_on_signals
from local.demo.trino.options import read
from local.demo.trino.outcome import Outcome
from local.demo.trino.run import BUCKET, Refused, run
from local.demo.trino.view import sentence, show
from local.demo.view import console
from local.emulator.trino_install import TrinoServerError


def main(arguments: list[str]) -> int:
    """Exit code 0 only if each value came back; 1 with what went wrong; 2 for a wrong word; 128 + a signal."""
    options = read(arguments, BUCKET)
    end_on_signals()
    outcome = Outcome(options.spec.schema_name, options.spec.table)
    code, end, began = 0, "", time.monotonic()
    try:
        with View(console(sys.stdout)) as view:
            run(options, view, outcome)
        show(view.console, outcome)
        code, end = int(bool(outcome.problems)), sentence(outcome, time.monotonic() - began)
    except (TrinoServerError, Refused, OSError) as error:
        code, end = 1, f"✘ {error}"
        outcome.problems.append(str(error))
    except KeyboardInterrupt as stop:
        code, end = 128 + stop.args[0], STOPPED
        outcome.problems.append(STOPPED)
    if options.report:
        options.report.write_text(json.dumps(vars(outcome), indent=2, ensure_ascii=False) + "\n")
    console(sys.stderr if code else sys.stdout).print(end, style="red" if code else "green")
    return code
