"""Counts the rows of the views of the current state, as somebody who asks Athena would see them."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cubic.keys import CHANGES, CURRENT
from local.demo.cubic import lake

if TYPE_CHECKING:
    from local.demo.cubic.lake import Partition
    from local.emulator.cloud import Cloud

SCRIPT = Path(__file__).with_name("current_job.py")


def counts(cloud: Cloud, job: str, tables: list[str]) -> dict[str, int]:
    """The number of rows of each of the views that there are of these tables."""
    catalog = lake.tables(cloud)
    folder = cloud.directory / "current"
    folder.mkdir()
    asked: dict[str, Any] = {}
    for name in tables:
        if view := catalog.get(name + CURRENT):
            sql = _sql(view)
            relations = [it for it in (name, name + CHANGES) if it in catalog]
            asked[name] = {"sql": sql, "relations": {it: lake.columns(catalog[it]) for it in relations}}
            [snapshot] = set(re.findall(r"snapshot = '(\w+)'", sql))
            for relation in relations:
                _download(cloud, folder / relation, lake.partitions(cloud, relation), snapshot)
    request = folder / "request.json"
    request.write_text(json.dumps(asked))
    assert cloud.glue_jobs is not None
    if not asked or not cloud.glue_jobs.in_session(job, SCRIPT, [str(request)]):
        return {}
    counted: dict[str, int] = json.loads((folder / "counts.json").read_text())
    return counted


def _sql(view: Any) -> str:
    encoded = re.fullmatch(r"/\* Presto View: (\S+) \*/", view["ViewOriginalText"])
    assert encoded is not None
    return str(json.loads(b64decode(encoded[1]))["originalSql"])


def _download(cloud: Cloud, folder: Path, partitions: list[Partition], snapshot: str) -> None:
    folder.mkdir(exist_ok=True)
    for partition in partitions:
        if partition.values[0] == snapshot:
            place = folder / f"snapshot={snapshot}" / f"identifier={quote(partition.values[1], safe='')}"
            place.mkdir(parents=True)
            for number, body in enumerate(lake.files(cloud, partition)):
                (place / f"{number}.parquet").write_bytes(body)
