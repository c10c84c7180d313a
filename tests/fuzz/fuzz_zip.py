"""Whatever the bytes: the SQL of a zip, or an error of ours. See `make fuzz`."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dump_loader", "zipfile"]):
    from dump_loader.archive import unpacking

from ingestion.errors import IngestionError

_LIMIT = 1024 * 1024


def one(data: bytes) -> None:
    total = 0
    try:
        with unpacking.opened(io.BytesIO(data), len(data), "s3://b/k.zip") as zipped:
            sql = unpacking.member(zipped, "s3://b/k.zip", max_bytes=_LIMIT)
            for chunk in unpacking.chunks(zipped, sql, max_bytes=_LIMIT):
                total += len(chunk)
    except IngestionError as error:
        assert "\n" not in str(error)  # noqa: PT017  either outcome is right
    assert total <= _LIMIT


def write_seeds(directory: Path) -> None:
    """Small and whole, for the mutations to begin with."""
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        for name in ("a.sql", "a.sql.gz"):
            with zipfile.ZipFile(directory / f"{method}-{name}.zip", "w", method) as made:
                made.writestr("readme.txt", "x")
                made.writestr(name, "CREATE TABLE t (a INT);\n" * 20)


if __name__ == "__main__":
    write_seeds(Path(sys.argv[1]))
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
