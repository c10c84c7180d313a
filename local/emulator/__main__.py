"""`make cloud`: the local AWS by itself, until Ctrl-C, with a snapshot and an export in each state that events/ speak of.

For `sam local invoke` the functions run only when they are invoked, and messages that they send stay on their queues.
With `--live` they run as on AWS: they take what is put on their queues.
"""

import argparse
import signal
import sys
from pathlib import Path

from local import ROOT
from local.emulator.prepared import PreparedCloud
from local.emulator.story import Entry
from local.emulator.terminal import SHELL_FILE, invoke_command, say, shell_variables, write_files

EXAMPLES = {  # what usually comes
    "ProdToPreprodFunction": "eventbridge_put.json",
    "SnapshotToS3Function": "message_daily.json",
    "S3ToS3CopierFunction": "message_daily.json",
}


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="make cloud", description="The local AWS, until Ctrl-C.")
    parser.add_argument("--live", action="store_true", help="the functions take what is on their queues")
    live = parser.parse_args(arguments).live
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)

    def show(entry: Entry) -> None:
        to = f" → {entry.queue}, delay {entry.delay} s" if entry.queue else ""
        if to or live:
            say(f"  {entry.stage}{to}  {entry.text}".rstrip())

    try:
        with PreparedCloud(built=not live, polling=live) as cloud:
            SHELL_FILE.parent.mkdir(exist_ok=True)
            SHELL_FILE.write_text(shell_variables(cloud))
            say(f"The cloud is up: {cloud.aws.endpoint}, on {cloud.server}. In another terminal:\n")
            say(f"  . {SHELL_FILE.relative_to(ROOT)}    # `aws` and `sam local` mean this cloud from then on")
            if live:
                say("  aws sqs send-message …    # docs/operations.md has such lines; the functions take what is sent")
            else:
                write_files(cloud)
                for function in cloud.functions.values():
                    event = Path("events", function.handler.split(".")[0], EXAMPLES[function.resource.logical_id])
                    say(f"  {' '.join(invoke_command(function.resource.logical_id, event))}")
                say("\nWhere the image is here already, add --skip-pull-image.")
            say("\nMessages on queues are shown here. Ctrl-C ends it.")
            cloud.story.listen_to(show)
            signal.pause()
    except KeyboardInterrupt:
        say("\nStopped. Nothing is left running.")


if __name__ == "__main__":
    main(sys.argv[1:])
