"""Run scripts one after the other in one process: the command line of each, as JSON, is a line on standard input.

So Spark starts once for all runs of a job (glue_jobs.py). After each script a line says how it ended.
"""

import json
import logging
import runpy
import sys
import traceback

END = "job_host: ended with "


def main() -> None:
    for line in sys.stdin:
        sys.argv = json.loads(line)
        code: object = 0
        try:
            runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
            if isinstance(code, str):
                print(code)  # noqa: T201  as Python does at its own end
        except BaseException:  # noqa: BLE001  a process of its own would end with any of them, and say so
            traceback.print_exc(file=sys.stdout)
            code = 1
        logging.getLogger("lake").handlers.clear()  # each run adds its own
        print(f"{END}{code if isinstance(code, int) else 1}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
