"""Text files of separated values, by Arrow's reader: every value as the text that it is."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import pyarrow as pa
from pyarrow import csv as arrow_csv

from data_commons.errors import SourceRefused, SpecRefused
from dataset_loader.reading.batches import Batch
from dataset_loader.reading.decoding import Decoded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from data_commons.spec import Csv

# A row has to fit into it. Arrow reads some 30 blocks ahead, whatever becomes of them.
_BLOCK = 1024 * 1024
# A last row of our own: it is missing at the end where a quote is never closed, which Arrow's reader lets pass.
_END = "\x1eend\x1e"


@dataclass(frozen=True)
class CsvFile:
    """A file that `open_file` opens anew for each pass. `uri` is for messages."""

    open_file: Callable[[], BinaryIO]
    format: Csv
    uri: str
    max_bytes: int
    metadata: ClassVar[Mapping[bytes, bytes]] = {}

    @cached_property
    def names(self) -> list[str]:
        """The header's names. Raises SourceRefused where there is no header."""
        try:
            with self.open_file() as file, self._decoded(file, b"") as text:
                lines = io.StringIO(text.read(_BLOCK).decode(errors="ignore"), newline="")
                for _ in range(self.format.header_row - 1):
                    lines.readline()
                names = next(csv.reader(lines, delimiter=self.format.delimiter, quotechar=self.format.quote), [])
        except (csv.Error, TypeError, ValueError) as error:
            raise SpecRefused(f"The header of {self.uri} can't be read: {error}. Correct the spec's format.") from error
        if not any(name.strip() for name in names):
            raise SourceRefused(
                f"{self.uri} has no header in line {self.format.header_row}. Give its line in the spec's format, e.g. "
                f'"header_row": {self.format.header_row + 1}.'
            )
        return names

    def batches(self) -> Iterator[Batch]:
        """Read the rows. Raises SourceRefused where they are not of the header's columns."""
        ragged: list[arrow_csv.InvalidRow] = []

        def refuse(row: arrow_csv.InvalidRow) -> str:
            ragged.append(row)
            return "error"

        try:
            yield from self._without_end(refuse)
        except pa.ArrowInvalid as error:
            raise self._refused(error, ragged) from error

    def _without_end(self, refuse: Callable[[arrow_csv.InvalidRow], str]) -> Iterator[Batch]:
        end = (_END + self.format.delimiter * (len(self.names) - 1) + "\n").encode()
        rows, kept = 0, None
        with self.open_file() as file, self._decoded(file, end) as text:
            for batch in self._open(text, refuse):
                if not batch.num_rows:
                    continue
                if kept:
                    yield Batch(rows + 1, kept.columns)
                    rows += kept.num_rows
                kept = batch
        if kept is None or kept.column(0)[-1].as_py() != _END:
            raise SourceRefused(f"{self.uri} ends within a quoted value. Close the quote, or upload the whole file.")
        if kept.num_rows > 1:
            yield Batch(rows + 1, kept.slice(0, kept.num_rows - 1).columns)

    def _open(self, text: Decoded, refuse: Callable[[arrow_csv.InvalidRow], str]) -> Iterator[pa.RecordBatch]:
        places = [str(place) for place in range(len(self.names))]
        return iter(
            arrow_csv.open_csv(
                text,
                read_options=arrow_csv.ReadOptions(
                    use_threads=False,
                    block_size=_BLOCK,
                    skip_rows=self.format.header_row - 1,
                    column_names=places,
                    skip_rows_after_names=1,
                ),
                parse_options=arrow_csv.ParseOptions(
                    delimiter=self.format.delimiter,
                    quote_char=self.format.quote,
                    newlines_in_values=True,
                    ignore_empty_lines=len(places) > 1,  # in a single column, an empty line is an empty field
                    invalid_row_handler=refuse,
                ),
                convert_options=arrow_csv.ConvertOptions(
                    check_utf8=False,  # Decoded has
                    column_types=dict.fromkeys(places, pa.string()),
                    strings_can_be_null=True,
                    null_values=list(self.format.null_values),
                    quoted_strings_can_be_null=self.format.quoted_nulls,
                ),
            )
        )

    def _decoded(self, file: BinaryIO, end: bytes) -> Decoded:
        return Decoded(file, self.format.encoding, end, uri=self.uri, max_bytes=self.max_bytes)

    def _refused(self, error: pa.ArrowInvalid, ragged: list[arrow_csv.InvalidRow]) -> SourceRefused:
        if not ragged:
            return SourceRefused(
                f"{self.uri} can't be read: {error}. A row has at most {_BLOCK} bytes: perhaps a quote is never closed, or "
                "the delimiter is another."
            )
        row = ragged[0]
        place = "the last" if _END in row.text else f"number {row.number}"
        return SourceRefused(
            f"{self.uri}: the row {place}, counted with all above it, has {row.actual_columns} fields instead of "
            f"{row.expected_columns}: {row.text[:200]!r}. Mend the row, or give the spec's format its delimiter or quote."
        )
