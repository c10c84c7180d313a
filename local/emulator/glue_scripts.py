"""The Glue jobs' scripts, library and queries in the stack's bucket, where the template's arguments point to.

Stands in for glue/push-scripts, which needs the aws CLI. How it differs: the queries are those of any folder, or none.
"""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

from local import ROOT

if TYPE_CHECKING:
    from pathlib import Path

QUERIES = "liberator/transforms/"


def push(s3: Any, bucket: str, queries: Path | None) -> None:
    """Fills the bucket."""
    library = io.BytesIO()
    with zipfile.ZipFile(library, "w") as archive:
        for package in ("lake", "cubic_job"):
            for path in (ROOT / "glue" / package).glob("*.py"):
                archive.write(path, f"{package}/{path.name}")
        for name in ("__init__", "partition"):
            archive.write(ROOT / f"services/ingestion/{name}.py", f"ingestion/{name}.py")
    objects = {"lake.zip": library.getvalue(), QUERIES: b""}  # as a folder, for it may be empty
    for source in ("liberator", "cubic"):
        objects |= {f"{source}/{path.name}": path.read_bytes() for path in (ROOT / "glue" / source).glob("*.py")}
    objects |= {f"{QUERIES}{path.name}": path.read_bytes() for path in (queries.glob("*.sql") if queries else ())}
    for key, body in objects.items():
        s3.put_object(Bucket=bucket, Key=key, Body=body)
