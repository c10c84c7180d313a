"""`python -m operations`, from the repository's folder."""

import os
import sys
from pathlib import Path

import boto3

sys.path.append(str(Path(__file__).parents[1] / "services"))  # where the functions' own imports begin

from ingestion.clock import SystemClock
from operations.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, boto3.Session(), SystemClock(), sys.stdout, sys.stderr))
