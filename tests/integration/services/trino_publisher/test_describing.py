"""The command that reads back what is known of a table."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pyarrow as pa

from local.emulator.trino_access import TrinoAccess
from tests.data_commons import TABLE, Publisher


def described(trino: TrinoAccess, table: str) -> subprocess.CompletedProcess[str]:
    environment = (
        os.environ | trino.environment | {"TRINO_CA_BUNDLE": trino.ca_bundle, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    return subprocess.run(
        [sys.executable, "-m", "data_commons", table], env=environment, capture_output=True, text=True, timeout=120
    )


def test_manifest_comments_and_properties_are_read_back(trino: TrinoAccess, by_drop: Publisher) -> None:
    message = by_drop.staged(1, pa.table({"id": [1, 2]}))
    by_drop.publish(message)
    done = described(trino, f"{by_drop.schema}.{TABLE}")
    found = json.loads(done.stdout)
    assert found["manifest"]["uuid"] == str(message.uuid)
    assert found["trino"] == {
        "view": False,
        "columns": [{"name": "id", "type": "bigint", "comment": None}],
        "comment": "Bikes\n\nThose for hire",
        "location": f"s3a://{by_drop.bucket}/trino/{by_drop.schema}/{TABLE}/{message.uuid}",
        "behind": None,
        "rows": 2,
        "properties": {
            "data_commons_uuid": str(message.uuid),
            "data_commons_source": "s3://source/bikes.csv",
            "data_commons_rows": "2",
        },
    }


def test_a_table_of_which_nothing_is_known(trino: TrinoAccess) -> None:
    done = described(trino, "nobodys.bikes")
    assert (done.returncode, done.stdout) == (1, "")
    assert "has no manifest of nobodys.bikes. Check both names" in done.stderr
