"""The threads and connections of the functions that copy objects, many at once."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from botocore.config import Config

from ingestion.landing_zone import copying

THREADS = 16  # a batch has at most 50 files
POOL = partial(ThreadPoolExecutor, THREADS)

# Connections for every request at once, and patience for a CopyObject of 5 GB, which answers when it is done.
S3_CONFIG = Config(
    max_pool_connections=THREADS * copying.PARTS_AT_ONCE,
    read_timeout=300,
    retries={"mode": "standard", "total_max_attempts": 10},
)
