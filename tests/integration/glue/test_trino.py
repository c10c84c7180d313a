"""Both raw zones in Trino, through the Glue Data Catalog: the jobs' tables on real Spark, and one query of both."""

from __future__ import annotations

import datetime as dt
import gzip
import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pytest

from local.emulator.trino_access import TrinoAccess
from tests.integration.glue.conftest import DAY, Lake, Table
from tests.integration.glue.test_cubic_ingest import DATABASE, ODS, SNAPSHOT, TABLES, Cubic, Delivered

AT = dt.datetime(2021, 6, 4, 1, 2, 3, 456789)  # noqa: DTZ001  a table's own, without a zone
NEXT_DAY = DAY + dt.timedelta(days=1)


@pytest.fixture
def cubic(spark: Any, lake: Lake) -> Cubic:
    """Cubic's batches in the same AWS."""
    return Cubic(spark, raw="cubic-raw")


@pytest.fixture
def catalog(trino: TrinoAccess, aws: str) -> Iterator[str]:
    """A catalog in Trino of this test's own Glue and S3."""
    with trino.glue_catalog(f"lake_{uuid4().hex[:8]}", aws) as name:
        yield name


def landed(lake: Lake, day: dt.date, permits: int, pcns: int) -> dict[tuple[str, str], int]:
    """Lands a day and carries it on: the rows of each table by the manifest."""
    permit = {"id": list(range(permits)), "issued": [AT] * permits}
    pcn = pa.table({"id": pa.array(range(pcns), pa.int64()), "zone": pa.array(["é"] * pcns, pa.string())})
    lake.carry({"permits": Table(pa.table(permit), objects=2), "pcns": Table(pcn)}, day)
    key = f"_manifests/parking/liberator/import_date={day:%Y%m%d}.json"
    manifest = json.loads(lake.s3.get_object(Bucket="landing", Key=key)["Body"].read())
    return {(f"liberator_{it['name']}", f"{day:%Y%m%d}"): it["rows"] for it in manifest["tables"]}


def test_one_query_of_both_raw_zones_finds_the_rows_that_were_counted_and_their_values(
    trino: TrinoAccess, lake: Lake, cubic: Cubic, catalog: str
) -> None:
    counted = landed(lake, DAY, 5, 3) | landed(lake, NEXT_DAY, 7, 2)
    changes = b"header__change_seq,header__change_oper,ID,Name\n20220304,I,4,four\n"
    result = cubic.ingest(
        Delivered(f"{ODS}/LOAD001.csv", 'ID,Name\n2,"a\nb 🔥"\n9,\n'.encode(), 1),
        Delivered(f"{ODS}/LOAD002.csv.gz", gzip.compress(b"ID,Name,More\n3,three,x\n"), 2),
        Delivered(f"{ODS}__ct/20220304-134556444.csv.gz", gzip.compress(changes), 3),
    )
    counted[TABLES[ODS], SNAPSHOT] = result["1"]["rows"] + result["2"]["rows"]
    counted[TABLES[f"{ODS}__ct"], SNAPSHOT] = result["3"]["rows"]

    zones = {("raw", "import_date"): ("liberator_permits", "liberator_pcns")}
    zones |= {(DATABASE, "snapshot"): (TABLES[ODS], TABLES[f"{ODS}__ct"])}
    of_a_table = "SELECT '{1}', {2}, count(*) FROM {3}.{0}.{1} GROUP BY {2}"
    parts = [of_a_table.format(name, table, by, catalog) for (name, by), tables in zones.items() for table in tables]
    found = trino.query(" UNION ALL ".join(parts))
    assert {(table, by): rows for table, by, rows in found} == counted
    assert sum(counted.values()) == 5 + 3 + 7 + 2 + 3 + 1

    [row] = trino.query(
        f"SELECT c.name, p.issued, z.zone, z.import_date FROM {catalog}.raw.liberator_permits p "
        f"JOIN {catalog}.raw.liberator_pcns z ON z.id = p.id AND z.import_date = p.import_date "
        f"JOIN {catalog}.{DATABASE}.{TABLES[ODS]} c ON cast(c.id AS bigint) = p.id"
    )
    assert row == ["a\nb 🔥", AT, "é", f"{DAY:%Y%m%d}"]
