"""A version that the loader has staged, shown by the real Trino, in each way to swap."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from data_commons.errors import TableDiffers
from data_commons.manifest import Column
from data_commons.spec import Metadata
from ingestion.errors import CopyMismatch, NotFound, NotYet
from ingestion.landing_zone import attempts
from tests.data_commons import TABLE, Publisher

ONE = pa.table({"id": [1, 2, 3], "name": ["a", None, "c"]})
TWO = pa.table({"id": [4, 5], "name": ["d", "e"], "height": [1.5, None]})
THREE = pa.table({"name": ["f"], "id": [6]})


def test_the_first_version_is_the_table_of_the_guide(by_drop: Publisher) -> None:
    said: list[str] = []
    columns = (
        Column(source="id", name="id", type="bigint", description="The o'brien\nnumber"),
        Column(source="Naïve Name", name="name", type="varchar", description="Its name", dimension="text", notes=("as is",)),
    )
    message = by_drop.staged(1, ONE, columns=columns, metadata=Metadata(title="Bikes", description="It's\ntwo lines"))

    def query(statement: str) -> list[list[Any]]:
        said.append(statement)
        return by_drop.query(statement)

    published = by_drop.publish(message, query=query)
    assert published is not None
    assert (published.rows, published.columns, published.uuid) == (3, 2, message.uuid)
    assert published.manifest == f"s3://{by_drop.bucket}/_manifests/trino/{by_drop.schema}/{TABLE}.json"
    location = f"s3a://{by_drop.bucket}/trino/{by_drop.schema}/{TABLE}/{message.uuid}"
    plain = [statement.replace('"', "") for statement in said]
    assert f"create schema if not exists {by_drop.catalog}.{by_drop.schema}" in plain
    assert any(
        statement.startswith(
            f"create table if not exists {by_drop.catalog}.{by_drop.schema}.{TABLE}(\n    id bigint,\n    name varchar\n) "
            f"with (format = 'parquet', external_location = '{location}'"
        )
        for statement in plain
    )
    assert by_drop.query(f"select count(*) from {by_drop.name}") == [[3]]
    [[shown]] = by_drop.query(f"show create table {by_drop.name}")
    assert shown == (
        f"CREATE TABLE {by_drop.catalog}.{by_drop.schema}.{TABLE} (\n   id bigint COMMENT 'The o''brien number',\n"
        "   name varchar COMMENT 'Its name (''Naïve Name'' in the source; text; as is)'\n)\n"
        f"COMMENT 'Bikes\n\nIt''s\ntwo lines'\nWITH (\n   external_location = '{location}',\n   format = 'PARQUET'\n)"
    )
    properties = by_drop.query(
        f'select data_commons_uuid, data_commons_source, data_commons_rows from "{by_drop.catalog}"."{by_drop.schema}".'
        f'"{TABLE}$properties"'
    )
    assert properties == [[str(message.uuid), "s3://source/bikes.csv", "3"]]
    assert by_drop.names() == [TABLE]
    assert by_drop.attempts() == []


def test_a_later_version_takes_its_place_and_the_earlier_one_stays(publisher: Publisher) -> None:
    first = publisher.staged(1, ONE)
    assert publisher.publish(first)
    assert publisher.query(f"select * from {publisher.name} order by id") == [[1, "a"], [2, None], [3, "c"]]
    second = publisher.staged(2, TWO)
    assert publisher.publish(second)
    assert publisher.query(f"select id, name, height from {publisher.name} order by id") == [[4, "d", 1.5], [5, "e", None]]
    assert publisher.uuids() == {first.uuid, second.uuid}
    third = publisher.staged(3, THREE)
    assert publisher.publish(third)
    assert publisher.query(f"select * from {publisher.name}") == [["f", 6]]
    publisher.sweep()
    assert publisher.query(f"select * from {publisher.name}") == [["f", 6]]
    assert publisher.uuids() == {first.uuid, second.uuid, third.uuid}
    assert publisher.attempts() == []


def test_an_older_source_that_comes_late_is_superseded_and_cleaned(publisher: Publisher) -> None:
    second = publisher.staged(2, TWO)
    assert publisher.publish(second)
    first = publisher.staged(1, ONE)
    assert publisher.publish(first) is None
    assert publisher.query(f"select count(*) from {publisher.name}") == [[2]]
    assert publisher.uuids() == {second.uuid}
    assert publisher.attempts() == []
    assert publisher.publish(first) is None  # its message comes again


def test_the_same_message_again_changes_nothing_and_says_the_same(publisher: Publisher) -> None:
    message = publisher.staged(1, ONE)
    first = publisher.publish(message)
    before = publisher.names()
    assert publisher.publish(message) == first
    assert publisher.names() == before


def test_a_version_that_trino_reads_otherwise_never_shows(publisher: Publisher) -> None:
    good = publisher.staged(1, ONE)
    assert publisher.publish(good)
    mine = publisher.version(2, TWO)
    for wrong, reason in [
        (mine.tables[0].model_copy(update={"rows": 3}), "has 2 rows in Trino, 3 in its manifest"),
        (mine.tables[0].model_copy(update={"rows": 1}), "has 2 rows in Trino, 1 in its manifest"),
    ]:
        with pytest.raises(TableDiffers, match=reason):
            publisher.publish(publisher.stage(mine.model_copy(update={"tables": (wrong,)}), TWO))
    number = mine.columns[1].model_copy(update={"type": "bigint"})
    columns = (mine.columns[0], number, *mine.columns[2:])
    with pytest.raises(TableDiffers, match=r"does not read .*Unsupported Trino column type \(bigint\) for Parquet column"):
        publisher.publish(publisher.stage(mine.model_copy(update={"columns": columns}), TWO))
    assert publisher.query(f"select count(*) from {publisher.name}") == [[3]]
    assert not [name for name in publisher.names() if "__check_" in name]
    assert publisher.publish(publisher.stage(mine, TWO))  # the loader is run again
    assert publisher.query(f"select count(*) from {publisher.name}") == [[2]]


def test_an_object_that_is_missing_or_of_another_size_is_not_published(by_drop: Publisher) -> None:
    mine = by_drop.version(1, ONE)
    message = by_drop.stage(mine, ONE)
    [key] = mine.keys
    by_drop.s3.delete_object(Bucket=by_drop.bucket, Key=key)
    with pytest.raises(CopyMismatch, match="None bytes, not"):
        by_drop.publish(message)
    by_drop.s3.put_object(Bucket=by_drop.bucket, Key=key, Body=b"x")
    with pytest.raises(CopyMismatch, match="1 bytes, not"):
        by_drop.publish(message)


def test_a_version_that_is_still_being_staged_is_waited_for(by_drop: Publisher) -> None:
    mine = by_drop.version(1, ONE)
    begun = mine.model_copy(update={"tables": (mine.tables[0].model_copy(update={"rows": None}),), "columns": ()})
    attempts.begin(begun, by_drop.commons().zone)
    message = by_drop.staged(2, TWO)
    with pytest.raises(NotYet, match="still being staged"):
        by_drop.publish(message.model_copy(update={"uuid": mine.uuid}))


def test_a_message_of_a_version_that_nobody_has_staged_is_not_found(by_drop: Publisher) -> None:
    message = by_drop.staged(1, ONE)
    attempts.end([by_drop.version(1, ONE)], [], by_drop.commons().zone)
    with pytest.raises(NotFound, match="no manifest"):
        by_drop.publish(message)


def test_a_table_that_somebody_else_made_is_left_alone(publisher: Publisher) -> None:
    publisher.query(f'create schema "{publisher.catalog}"."{publisher.schema}"')
    publisher.query(f"create view {publisher.name} as select 1 one")
    with pytest.raises(TableDiffers, match="somebody else has made it"):
        publisher.publish(publisher.staged(1, ONE))
    assert publisher.query(f"select * from {publisher.name}") == [[1]]


def test_a_spec_may_ask_for_a_view_later_and_for_a_table_again(by_glue: Publisher) -> None:
    by_glue.publish(by_glue.staged(1, ONE))
    for number, view in ((2, True), (3, False)):
        assert by_glue.publish(by_glue.stage(by_glue.version(number, TWO).model_copy(update={"view": view}), TWO))
        kinds = dict(
            by_glue.query(
                f'select table_name, table_type from "{by_glue.catalog}".information_schema.tables '
                f"where table_schema = '{by_glue.schema}'"
            )
        )
        assert kinds[TABLE] == ("VIEW" if view else "BASE TABLE")
        assert by_glue.query(f"select count(*) from {by_glue.name}") == [[2]]
