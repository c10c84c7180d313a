"""`make cloud`: the local AWS by itself, until Ctrl-C, with snapshots, exports and Cubic's loads as events/ speak of them.

For `sam local invoke` the functions run only when they are invoked, and messages that they send stay on their queues.
With `--live` they run as on AWS: they take what is put on their queues.
"""

import argparse
import signal
import sys

from local import ROOT
from local.emulator.prepared import PreparedCloud
from local.emulator.story import Entry
from local.emulator.terminal import SHELL_FILE, docker_gateway, events_of, invoke_command, say, shell_variables, write_files

EXAMPLES = {  # what usually comes
    "prod_to_preprod": "eventbridge_put.json",
    "snapshot_to_s3": "message_daily.json",
    "s3_to_s3_copier": "message_daily.json",
    "cubic_register_load": "eventbridge_put.json",
    "cubic_sweep_incoming": "scheduled.json",
    "cubic_fetch_dmap": "scheduled.json",
    "cubic_write_kafka_files": "message_topic.json",
    "cubic_migrate_metadata": "count_loads.json",
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
        gateway = None if live else docker_gateway()
        with PreparedCloud(built=not live, polling=live, also_on=gateway) as cloud:
            SHELL_FILE.parent.mkdir(exist_ok=True)
            SHELL_FILE.write_text(shell_variables(cloud))
            say(f"The cloud is up: {cloud.aws.endpoint}, on {cloud.server}. In another terminal:\n")
            say(f"  . {SHELL_FILE.relative_to(ROOT)}    # `aws` and `sam local` mean this cloud from then on")
            if live:
                say("  aws sqs send-message …    # docs/operations.md has such lines; the functions take what is sent")
            else:
                write_files(cloud)
                for function in cloud.functions.values():
                    folder = events_of(function)
                    event = folder / EXAMPLES.get(folder.name, "message.json")
                    say(f"  {' '.join(invoke_command(function.resource.path, event))}")
                say("\nWhere the image is here already, add --skip-pull-image.")
            say("\nMessages on queues are shown here. Ctrl-C ends it.")
            cloud.story.listen_to(show)
            signal.pause()
    except KeyboardInterrupt:
        say("\nStopped. Nothing is left running.")


if __name__ == "__main__":
    main(sys.argv[1:])
