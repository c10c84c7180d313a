"""The rules by which the server reads a session's text. Its sql_mode and the client's character set decide them."""

from __future__ import annotations

from dataclasses import dataclass

# A byte of a character can look like a backslash or a quote. None is a client's in ASCII text alone.
# https://dev.mysql.com/doc/refman/8.4/en/charset-asian-sets.html
MULTI_BYTE = frozenset({"big5", "cp932", "gb18030", "gbk", "sjis"})


@dataclass(frozen=True, slots=True)
class Reading:
    """With `escapes`, a backslash escapes in strings. With `names_in_quotes`, "x" is a name, as `x` is, not a string.

    `charset` is the client's, if it is one of those above; else empty.
    """

    escapes: bool = True
    names_in_quotes: bool = False
    charset: str = ""
