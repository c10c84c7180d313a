"""Runs one Lambda function in a process of its own: `function_host.py module.handler`, an event a line on standard input.

Stands in for Lambda's runtime. How it differs: no artefact is built, the handler is imported from services/, with the
libraries loaded before (warm.py); the memory limit is not enforced; the timeout is, by functions.py, which kills it.
"""

import importlib
import json
import os
import sys
import time
import traceback
from dataclasses import dataclass


@dataclass
class Context:
    """The part of https://docs.aws.amazon.com/lambda/latest/dg/python-context.html that handlers use."""

    function_name: str
    memory_limit_in_mb: int
    invoked_function_arn: str
    aws_request_id: str
    deadline: float

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.deadline - time.monotonic()) * 1000))


def main() -> None:
    # Answers go to the parent alone; what the handler prints is log.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    module, _, name = sys.argv[1].rpartition(".")
    handler = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        invocation = json.loads(line)
        seconds = invocation["context"].pop("seconds")
        context = Context(**invocation["context"], deadline=time.monotonic() + seconds)
        try:
            answer = {"result": handler(invocation["event"], context)}
        except Exception:  # noqa: BLE001  Lambda, too, turns any exception of a handler into a failed invocation
            answer = {"error": traceback.format_exc()}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
