"""Clean column names: what a table calls the columns of a source."""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from hashlib import sha256
from typing import TYPE_CHECKING

from data_commons.errors import SpecRefused

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

LIMIT = 255  # Glue's: https://docs.aws.amazon.com/glue/latest/webapi/API_Column.html
_MICRO = str.maketrans({"\u00b5": "u", "\u03bc": "u"})  # the sign and the Greek letter: `µg` is written `ug`


def cleaned(name: str) -> str:
    """Return a name of the letters a to z, digits and `_`, of at most 255 characters.

    Accents are folded, letters made small, and each run of other characters becomes one `_`. A name of which nothing but `_`
    is left becomes `c_` and 8 hexadecimal digits of its SHA-256; one that is too long is cut and ends in such digits.
    """
    folded = unicodedata.normalize("NFKD", name.strip().casefold().translate(_MICRO))
    letters = "".join(character for character in folded if not unicodedata.combining(character))
    clean = re.sub("[^a-z0-9_]+", "_", letters)
    digits = sha256(name.encode(errors="surrogatepass")).hexdigest()[:8]
    if not clean.strip("_"):
        return f"c_{digits}"
    return clean if len(clean) <= LIMIT else f"{clean[: LIMIT - 9]}_{digits}"


def named(sources: Sequence[str], given: Mapping[str, str | None], *, where: str = "columns") -> list[str]:
    """Return the table's names of columns, in the source's order: those that the spec gives, the others cleaned.

    Raises SpecRefused where two are equal. The message has both columns and the line of the spec that mends it.
    """
    names = [given.get(source) or cleaned(source) for source in sources]
    refuse_equal(sources, names, where=where)
    return names


def refuse_equal(sources: Sequence[str], names: Iterable[str], *, where: str) -> None:
    """Raise SpecRefused where two of the names are equal."""
    of_name: dict[str, list[int]] = defaultdict(list)
    for at, name in enumerate(names):
        of_name[name].append(at)
    for name, places in of_name.items():
        if len(places) < 2:
            continue
        first, second = (sources[at] for at in places[:2])
        both = f"Columns {places[0] + 1} and {places[1] + 1} of the source, {first!r} and {second!r},"
        if first == second:
            raise SpecRefused(f"{both} have one name, so the spec can't tell them apart. Rename one of them in the source.")
        line = json.dumps({second: {"name": f"{name[: LIMIT - 2]}_2"}}, ensure_ascii=False)[1:-1]
        raise SpecRefused(f"{both} would both be called {name!r}. Add a name to the spec's {where!r}, e.g. {line}")
