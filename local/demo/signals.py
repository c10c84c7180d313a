"""How a command ends that a person or the system ends: as by Ctrl-C, whatever the signal."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from types import FrameType

STOPPED = "Stopped. Nothing is left running."


def end_on_signals() -> None:
    """From now on a signal raises KeyboardInterrupt with its number."""
    for ending in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) != signal.SIG_IGN:  # as `nohup` has it
            signal.signal(ending, _stop)


def _stop(number: int, _frame: FrameType | None) -> NoReturn:
    if number == signal.SIGHUP:  # nobody reads on, and to write would fail
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(nowhere, stream)
    raise KeyboardInterrupt(number)
