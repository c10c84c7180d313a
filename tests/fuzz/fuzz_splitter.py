"""Whatever the bytes and however they arrive: the same statements, or the same refusal. See `make fuzz`."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["dump_loader"]):
    from dump_loader.sql.policy import Policy
    from dump_loader.sql.reading import Reading
    from dump_loader.sql.server import Flavour, Server
    from dump_loader.sql.splitter import Splitter

from ingestion.errors import IngestionError

_SERVER = Server(Flavour.MARIADB, 101119, 16 * 1024 * 1024, frozenset({"utf8mb4_bin"}))


def statements(data: bytes, size: int, reading: Reading) -> object:
    splitter = Splitter((data[i : i + size] for i in range(0, len(data), size)), max_bytes=100_000)
    splitter.reading = reading
    policy = Policy(_SERVER, database="liberator")
    policy.reading = reading
    try:
        return [(s.number, s.line, bytes(s.text), policy.judge(s).treatment) for s in splitter]
    except IngestionError as error:
        return str(error)


def one(data: bytes) -> None:
    """The first byte says in what chunks, and by which rules."""
    if data:
        size, reading = 1 + (data[0] >> 2), Reading(bool(data[0] & 1), bool(data[0] & 2))
        assert statements(data[1:], size, reading) == statements(data[1:], len(data), reading)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
