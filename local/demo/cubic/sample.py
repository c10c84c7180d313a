"""The bundled sample: two days of a table of ODS, the second a restart, some days of DMAP, records of a Kafka topic."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

from cubic.tables import Configuration

if TYPE_CHECKING:
    from pathlib import Path

TOPIC = "sample"
TABLES = Configuration.model_validate(
    {
        "tables": [
            {"s3_prefix": "cubic/ods_qlik/EDW.SAMPLE/", "key_columns": ["id"]},
            {"s3_prefix": "cubic/dmap/agg_sample/"},
            {"s3_prefix": f"cubic/kafka/{TOPIC}/"},
        ]
    }
)

_CHANGES = "header__change_seq,header__change_oper,header__timestamp,ID,NAME,NOTE"
_DESCRIPTION = {
    "dataInfo": {"columns": [{"name": "ID", "type": "NUMERIC"}, {"name": "NAME", "type": "STRING"}, {"name": "NOTE"}]},
    "fileInfo": {"recordCount": 2},
}


def _change(number: int, rest: str) -> str:
    """A line of changes with the sequence number that Qlik gives it, 35 digits."""
    return f"{20220304134556444:017d}{number:018d},{rest}"


# Deliveries one after the other: a file again under its name is another version of it.
_DAYS: list[dict[str, str]] = [
    {
        "ods_qlik/EDW.SAMPLE/LOAD001.csv.gz": 'ID,NAME,NOTE\n1,first,\n2,"second, ""quoted"" 🔥\nin two lines",""\n',
        "ods_qlik/EDW.SAMPLE/LOAD001.dfm": json.dumps(_DESCRIPTION),
        "ods_qlik/EDW.SAMPLE/LOAD002.csv.gz": "ID,NAME,NOTE\n3,third,x\n",
        "ods_qlik/EDW.SAMPLE__ct/20220304-134556444.csv.gz": "\n".join(
            [
                _CHANGES,
                _change(1, "I,2022-03-04 13:45:56,4,fourth,new"),
                _change(2, "B,2022-03-04 13:45:57,2,second,"),
                _change(2, "U,2022-03-04 13:45:57,2,changed,"),
                "",
            ]
        ),
        "ods_qlik/EDW.SAMPLE__ct/20220304-135012001.csv.gz": "\n".join(
            [_CHANGES, _change(3, "D,2022-03-04 13:50:12,1,first,"), ""]
        ),
        "dmap/agg_sample/20220304.csv": "day,station,trips\n2022-03-04,Airport,10\n2022-03-04,Park,20\n",
        "dmap/agg_sample/20220305.csv": "day,station,trips\n2022-03-05,Airport,11\n",
    },
    {  # the collection is started again; a day of DMAP is published again, and one is broken
        "ods_qlik/EDW.SAMPLE/LOAD001.csv.gz": "ID,NAME,NOTE\n2,changed,\n3,third,x\n4,fourth,new\n5,fifth,\n",
        "ods_qlik/EDW.SAMPLE__ct/20220305-090000000.csv.gz": "\n".join(
            [_CHANGES, _change(4, "U,2022-03-05 09:00:00,3,,y"), _change(5, "D,2022-03-05 09:00:01,4,,"), ""]
        ),
        "dmap/agg_sample/20220304.csv": (
            "day,station,trips\n2022-03-04,Airport,10\n2022-03-04,Park,21\n2022-03-04,Beach,3\n"
        ),
        "dmap/agg_sample/20220306.csv": "day,station,trips\n2022-03-06,Airport\n",
    },
]
RECORDS: list[dict[str, Any]] = [
    {"vehicle": f"v{n}", "at": f"2022-03-04T13:45:{n:02d}Z", "stop": {"name": "Süd", "n": n}, "late": n % 3 == 0}
    for n in range(12)
]


def write(folder: Path) -> list[Path]:
    """Write the days, each into a folder of its own, in their order."""
    days = []
    for number, files in enumerate(_DAYS, 1):
        days.append(folder / f"day{number}")
        for name, text in files.items():
            path = days[-1] / "cubic" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(gzip.compress(text.encode(), mtime=0) if name.endswith(".gz") else text.encode())
    return days
