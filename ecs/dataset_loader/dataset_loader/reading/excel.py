"""Sheets of Excel workbooks (.xlsx), row by row: each cell as the text that it would be in a CSV file.

Numbers are as Python writes them, dates and times as ISO does. A cell of text stays text, e.g. `007` or a number that was
typed as text. A cell without a value is null, and a row without any is skipped: a sheet does not tell it from an unused one.
The value of a formula is the one that Excel has stored with it. 29 February 1900, which Excel has and the calendar has not,
is read as 28 February.
"""

from __future__ import annotations

import datetime as dt
import warnings
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import batched
from typing import TYPE_CHECKING, Any, ClassVar
from xml.etree.ElementTree import ParseError

import openpyxl
import pyarrow as pa
from defusedxml import DefusedXmlException
from openpyxl.utils.exceptions import InvalidFileException

from data_commons.errors import SourceRefused
from dataset_loader.reading.batches import Batch
from dataset_loader.types import TEXT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import BinaryIO

    from data_commons.spec import Excel

_ROWS = 10_000
# All but the sheets themselves is held in memory: the texts that cells share, and the styles.
_LARGEST_PART = 48 * 1024 * 1024
_SHEETS = "xl/worksheets/"
_DAMAGED = (
    zipfile.BadZipFile, InvalidFileException, KeyError, ValueError, EOFError, ParseError, DefusedXmlException, TypeError,
    AttributeError, IndexError,
)  # fmt: skip


@dataclass(frozen=True)
class ExcelFile:
    """A workbook that `open_file` opens anew for each pass. `uri` is for messages."""

    open_file: Callable[[], BinaryIO]
    format: Excel
    uri: str
    max_bytes: int
    metadata: ClassVar[Mapping[bytes, bytes]] = {}

    @cached_property
    def names(self) -> list[str]:
        """The header's names. Raises SourceRefused where there is no workbook, no such sheet or no header."""
        with self._rows() as rows:
            names = [_text(value) or "" for value in _trimmed(next(rows, ()))]
        if not names:
            raise SourceRefused(
                f"{self.uri} has no header in row {self.format.header_row} of the sheet. Give its row in the spec's format, "
                f'e.g. "header_row": {self.format.header_row + 1}.'
            )
        return names

    def batches(self) -> Iterator[Batch]:
        """Read the rows. Raises SourceRefused where one has a value beyond the header's columns."""
        width, nulls = len(self.names), set(self.format.null_values)
        with self._rows() as rows:
            next(rows, None)
            first = 1
            for some in batched(self._as_wide(rows, width), _ROWS, strict=False):
                columns = list(zip(*some, strict=True))
                texts = [[None if (text := _text(value)) in nulls else text for value in column] for column in columns]
                typed = frozenset(
                    at for at, column in enumerate(columns) if any(isinstance(x, str) and x not in nulls for x in column)
                )
                yield Batch(first, [pa.array(column, TEXT) for column in texts], typed)
                first += len(some)

    def _as_wide(self, rows: Iterator[tuple[Any, ...]], width: int) -> Iterator[tuple[Any, ...]]:
        for number, row in enumerate(rows, self.format.header_row + 1):
            values = _trimmed(row)
            if len(values) > width:
                raise SourceRefused(
                    f"{self.uri}: row {number} of the sheet has a value in column {len(values)}, the header only {width} "
                    "names. Give the column a name, or take the value away."
                )
            if values:
                yield values + (None,) * (width - len(values))

    @contextmanager
    def _rows(self) -> Iterator[Iterator[tuple[Any, ...]]]:
        """The rows from the header on."""
        with self.open_file() as file, self._explained():
            self._refuse_too_large(file)
            with warnings.catch_warnings():  # of extensions that it leaves out: charts, validation
                warnings.simplefilter("ignore")
                book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
                try:
                    sheet = self._sheet(book)
                    sheet.reset_dimensions()  # which a file may state wrongly
                    yield sheet.iter_rows(min_row=self.format.header_row, values_only=True)
                finally:
                    book.close()

    def _sheet(self, book: Any) -> Any:
        sheets = {sheet.title: sheet for sheet in book.worksheets}
        if self.format.sheet is None and sheets:
            return next(iter(sheets.values()))
        if self.format.sheet in sheets:
            return sheets[self.format.sheet]
        raise SourceRefused(
            f"{self.uri} has no sheet {self.format.sheet!r}, but {', '.join(map(repr, sheets)) or 'none'}. Correct the "
            "spec's format."
        )

    def _refuse_too_large(self, file: BinaryIO) -> None:
        """Raise SourceRefused for a zip bomb. No part unpacks to more than its entry says: zipfile reads no further."""
        with zipfile.ZipFile(file) as archive:
            parts = archive.infolist()
        file.seek(0)
        total = sum(part.file_size for part in parts)
        large = [part for part in parts if part.file_size > _LARGEST_PART and not part.filename.startswith(_SHEETS)]
        if total > self.max_bytes or large:
            why = f"its part {large[0].filename} to {large[0].file_size}" if large else f"it to {total}"
            raise SourceRefused(f"{self.uri} is too large: {why} bytes when unpacked. Save the sheet as CSV, and load that.")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except _DAMAGED as error:
            raise SourceRefused(
                f"{self.uri} can't be read as an Excel workbook (.xlsx): {error}. An older or encrypted one has to be saved "
                "again as .xlsx without a password."
            ) from error


def _trimmed(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Without what is empty at its end."""
    width = len(row)
    while width and row[width - 1] is None:
        width -= 1
    return row[:width]


def _text(value: Any) -> str | None:
    match value:
        case None | str():
            return value
        case bool():
            return "true" if value else "false"
        case dt.datetime():
            midnight = value.time() == dt.time()
            return value.date().isoformat() if midnight else value.isoformat()
        case dt.date() | dt.time():
            return value.isoformat()
    return repr(value) if isinstance(value, float) else str(value)
