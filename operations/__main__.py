"""`python -m operations`."""

import os
import sys

import boto3

from ingestion.clock import SystemClock
from operations.command import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ, boto3.Session(), SystemClock(), sys.stdout, sys.stderr))
