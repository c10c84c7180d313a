"""Parquet files, row group by row group."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import pyarrow as pa
from pyarrow import parquet

from data_commons.errors import SourceRefused
from dataset_loader.reading.batches import Batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

_BATCH = 16 * 1024 * 1024  # bytes, as the file's own footer counts them
_BUFFER = 1024 * 1024
_MOST_ROWS = 65_536
_DAMAGED = (pa.ArrowInvalid, OSError)


@dataclass(frozen=True)
class ParquetFile:
    """A file that `open_file` opens anew for each pass. `uri` is for messages."""

    open_file: Callable[[], BinaryIO]
    uri: str

    @cached_property
    def schema(self) -> pa.Schema:
        """The file's schema, with its metadata. Raises SourceRefused where it is no Parquet."""
        with self.open_file() as file:
            schema = self._opened(file).schema_arrow
        if not schema.names:
            raise SourceRefused(f"{self.uri} has no columns, so there is nothing to make a table of.")
        return schema

    @property
    def names(self) -> list[str]:
        """The columns' names."""
        return list(self.schema.names)

    @property
    def metadata(self) -> Mapping[bytes, bytes]:
        """The schema's own, e.g. that of pandas."""
        return self.schema.metadata or {}

    def batches(self) -> Iterator[Batch]:
        """Read the rows, a batch at a time. Raises SourceRefused where the file is damaged."""
        with self.open_file() as file:
            opened = self._opened(file)
            first = 1
            try:
                for group in range(opened.num_row_groups):
                    for batch in opened.iter_batches(
                        _batch_size(opened.metadata.row_group(group)), [group], use_threads=False
                    ):
                        yield Batch(first, batch.columns)
                        first += batch.num_rows
            except _DAMAGED as error:
                raise self._refused(error) from error

    def _opened(self, file: BinaryIO) -> parquet.ParquetFile:
        try:
            return parquet.ParquetFile(file, buffer_size=_BUFFER, pre_buffer=False)
        except _DAMAGED as error:
            raise self._refused(error) from error

    def _refused(self, error: Exception) -> Exception:
        """Arrow calls a damaged file an OSError, as the network's errors are, which are for somebody else to handle."""
        if isinstance(error, (ConnectionError, TimeoutError)):
            return error
        return SourceRefused(f"{self.uri} can't be read as Parquet: {error}. Write it again and upload it.")


def _batch_size(group: parquet.RowGroupMetaData) -> int:
    rows: int = _BATCH * group.num_rows // max(group.total_byte_size, 1)
    return max(1, min(_MOST_ROWS, rows))
