"""`make trino`: a real Trino by itself, on the local AWS's S3 and Glue, until Ctrl-C."""

from __future__ import annotations

import shlex
import signal
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from local.emulator.aws import LocalAws
from local.emulator.stack import create_bucket
from local.emulator.terminal import say
from local.emulator.trino_access import BUCKETS, DEV
from local.emulator.trino_install import TrinoServerError
from local.emulator.trino_server import TrinoServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def local_trino() -> Iterator[TrinoServer]:
    """A server on an AWS of its own, in this process, with the data commons' buckets. Raises TrinoServerError."""
    with LocalAws(time_scale=1) as aws, TrinoServer(aws.endpoint) as server:
        for bucket in BUCKETS.values():
            create_bucket(aws.client("s3"), {"BucketName": bucket})
        yield server


def main() -> int:
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ending, signal.default_int_handler)
    began = time.monotonic()
    try:
        say("Starting Trino …")
        with local_trino() as server:
            _tell(server, time.monotonic() - began)
            signal.pause()
    except TrinoServerError as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        say("\nStopped. Nothing is left running.")
    return 0


def _tell(server: TrinoServer, seconds: float) -> None:
    access, programs = server.access, server.programs
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in access.environment.items()]
    file = server.directory / "credentials.env"
    file.touch(mode=0o600)
    file.write_text("".join(lines))
    say(f"{server} is up after {seconds:.0f} s, on S3 and Glue at {access.aws}.\n")
    say(f"  server   https://{access.host}:{access.port}, which knows tokens only; user {access.user}")
    say(f"  CA       {access.ca_bundle}\n")
    say("".join(lines))
    client = [
        str(programs.java), "--enable-native-access=ALL-UNNAMED", "-jar", str(programs.client), "--server", f"https://{access.host}:{access.port}",
        "--truststore-path", access.ca_bundle, "--user", access.user, "--access-token", "$TRINO_PASSWD", "--catalog", DEV,
    ]  # fmt: skip
    say("In another terminal:\n")
    say(f"  . {shlex.quote(str(file))}    # these variables; REQUESTS_CA_BUNDLE has Python trust this CA, and no other")
    say(f"  {' '.join('"$TRINO_PASSWD"' if part == '$TRINO_PASSWD' else shlex.quote(part) for part in client)}")
    say("\nCtrl-C ends it, and its tables with it.")


if __name__ == "__main__":
    sys.exit(main())
