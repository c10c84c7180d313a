"""Keep from simulations what they would share with their process: its environment, and its lines of metrics and log."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout
from pathlib import Path
from unittest.mock import patch


@contextmanager
def isolated() -> Iterator[None]:
    """For as long as simulations run."""
    with ExitStack() as stack:
        stack.enter_context(patch.dict(os.environ, POWERTOOLS_METRICS_NAMESPACE="Simulation"))
        stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))  # metrics
        disabled = logging.root.manager.disable
        stack.callback(logging.disable, disabled)
        logging.disable(logging.CRITICAL)
        yield
