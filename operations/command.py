"""The command line: what is asked of which source, and how it ended."""

from __future__ import annotations

import argparse
from typing import IO, TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from ingestion.errors import IngestionError
from ingestion.messages import problems
from operations.cubic import commands, options

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import boto3

    from ingestion.clock import Clock

FAILED, INTERRUPTED = 1, 130


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(prog="python -m operations", description=__doc__, allow_abbrev=False)
    options.add_to(made.add_subparsers(dest="source", required=True, metavar="source"))
    return made


def main(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    session: boto3.Session,
    clock: Clock,
    out: IO[str],
    err: IO[str],
) -> int:
    """The exit code: 0 if it was done, 1 if not, which `err` says in one line, 2 for a command that there is not."""
    chosen = parser().parse_args(arguments)
    try:
        return commands.run(chosen, environment, session, clock, out, err)
    except ValidationError as error:
        reason = problems(error)
    except (IngestionError, BotoCoreError, ClientError, OSError, UnicodeError) as error:
        reason = str(error) or type(error).__name__
    except KeyboardInterrupt:
        err.write("Interrupted. It is safe to run the command again.\n")
        return INTERRUPTED
    err.write(f"{' '.join(reason.split())}\n")
    return FAILED
