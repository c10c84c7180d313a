"""The reasons for which a delivered file is not taken."""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """The codes that a load's reason may have when it comes from this job."""

    EMPTY_FILE = "empty_file"
    RAGGED_ROW = "ragged_row"
    WRONG_HEADER = "wrong_header"
    BAD_ENCODING = "bad_encoding"
    UNCLOSED_QUOTE = "unclosed_quote"
    CUT_GZIP = "cut_gzip"
    NOT_JSON = "not_json"
    COUNT_MISMATCH = "count_mismatch"
    OTHER = "other"


class Refused(Exception):
    """A file that can't be taken as it is, however often it is tried. `text` is one sentence for a person."""

    def __init__(self, code: Code, text: str) -> None:
        super().__init__(code, text)  # both, so that it survives pickling
        self.code, self.text = code, text
