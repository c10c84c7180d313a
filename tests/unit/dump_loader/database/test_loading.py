"""Refusals of the loader before it has connected."""

from __future__ import annotations

from typing import Any

import pytest

from dump_loader.database import loading
from dump_loader.database.loading import Loaded, load
from dump_loader.sql.server import Flavour, Server
from dump_loader.sql.signature import Signature
from liberator.errors import DumpRejected


def unreachable(_database: str | None) -> Any:
    raise AssertionError("nothing is executed")


@pytest.mark.parametrize(
    ("packet", "longest", "said"),
    [
        (5_000, 10_000, "longer than 3,976 bytes.*max_allowed_packet"),
        (50_000, 4_000, "longer than 4,000 bytes.*LONGEST_STATEMENT"),
    ],
)
def test_a_statement_that_is_too_long_names_the_limit_that_it_really_is(
    monkeypatch: pytest.MonkeyPatch, packet: int, longest: int, said: str
) -> None:
    monkeypatch.setattr(loading, "LONGEST_STATEMENT", longest)
    server = Server(Flavour.MYSQL, 80403, max_allowed_packet=packet, collations=frozenset())
    chunks = iter([b"INSERT INTO t VALUES ('" + b"x" * 20_000 + b"');"])
    with pytest.raises(DumpRejected, match=said) as refused:
        load(chunks, Signature(), unreachable, server, database="liberator", connections=1, loaded=Loaded())
    assert ("max_allowed_packet" in str(refused.value)) is (packet < longest)
