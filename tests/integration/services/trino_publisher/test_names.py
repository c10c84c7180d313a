"""Names and texts that would be SQL if they were not quoted, all in one table of the real Trino."""

from __future__ import annotations

import pyarrow as pa

from data_commons.manifest import Column
from data_commons.spec import Metadata
from tests.data_commons import TABLE, Publisher

NAMES = ["order", "2020", "a b", 'a"b', "x;drop table y", "o'brien", "select * from t--", "c" * 255, "${a}", "a.b", "日本"]
TEXTS = [
    "o'brien",
    "two\nlines",
    "'; drop table bikes; --",
    "\\",
    "\x00 nul".replace("\x00", ""),
    "é" * 300,
    "日本",
    "/* */",
    '"',
    "%s",
    "?",
]


def test_each_name_and_text_is_read_back_as_it_was(publisher: Publisher) -> None:
    rows = pa.table({name: [number] for number, name in enumerate(NAMES)})
    columns = tuple(
        Column(source=name, name=name, type="bigint", description=text) for name, text in zip(NAMES, TEXTS, strict=True)
    )
    said = "o'brien's \"own\"\n; drop table y --"
    assert publisher.publish(publisher.staged(1, rows, columns=columns, metadata=Metadata(description=said)))
    shown = publisher.query(f"show columns from {publisher.name}")
    assert [it[0] for it in shown] == NAMES
    cut = [" ".join(text.split()).encode()[:255].decode(errors="ignore") for text in TEXTS]
    assert [it[3] for it in shown] == cut
    assert publisher.query(f"select * from {publisher.name}") == [list(range(len(NAMES)))]
    comments = publisher.query(
        f"select table_name, comment from system.metadata.table_comments where catalog_name = '{publisher.catalog}' "
        f"and schema_name = '{publisher.schema}' and table_name = '{TABLE}'"
    )
    assert comments == [[TABLE, said]]
