"""The whole system on one machine, without an AWS account: `emulator` stands in for AWS, `demo` is what `make demo` runs."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
