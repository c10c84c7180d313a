"""Rebuilds the bundled sample: `python -m local.demo.sample [--output FILE] [--scale 1.0]`."""

import argparse
import sys
from pathlib import Path

from local.demo.sample import BUNDLED, build


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.demo.sample", description="Builds the sample dump.")
    parser.add_argument("--output", type=Path, default=BUNDLED, help="the zip to write (default: the bundled one)")
    parser.add_argument("--scale", type=float, default=1.0, help="how many times the usual rows (default: 1.0)")
    arguments = parser.parse_args()
    rows = build(arguments.output, scale=arguments.scale)
    sys.stdout.write(f"{arguments.output}: {rows:,} rows, {arguments.output.stat().st_size:,} bytes\n")


if __name__ == "__main__":
    main()
