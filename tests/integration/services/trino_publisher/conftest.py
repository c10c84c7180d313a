"""Publishers with a schema that is nobody else's, for each way to swap."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from local.emulator.trino_access import DEV, GLUE, TrinoAccess
from tests.data_commons import Publisher

WAYS = {"glue": GLUE, "drop": DEV, "view": DEV, "view-in-glue": GLUE}


@pytest.fixture(params=WAYS)
def publisher_by_each_way(request: pytest.FixtureRequest, trino: TrinoAccess) -> Iterator[Publisher]:
    yield from _made(trino, request.param)


@pytest.fixture(params=WAYS if os.environ.get("LOAD") == "full" else ["glue", "drop"])
def publisher(request: pytest.FixtureRequest, trino: TrinoAccess) -> Iterator[Publisher]:
    """By the two ways that nobody has to ask for; LOAD=full has the others, too."""
    yield from _made(trino, request.param)


@pytest.fixture
def by_glue(trino: TrinoAccess) -> Iterator[Publisher]:
    yield from _made(trino, "glue")


@pytest.fixture
def by_drop(trino: TrinoAccess) -> Iterator[Publisher]:
    yield from _made(trino, "drop")


def _made(trino: TrinoAccess, way: str) -> Iterator[Publisher]:
    made = Publisher(trino, WAYS[way], way.split("-")[0])
    yield made
    made.query(f'drop schema if exists "{made.catalog}"."{made.schema}" cascade')
