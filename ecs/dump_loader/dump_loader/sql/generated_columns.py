"""Make ordinary columns of those that the server computes.

MariaDB dumps the values of such columns, too, and MySQL refuses to be given them. As ordinary columns they have the values
that the source computed, so that the export is the same.
"""

from __future__ import annotations

from dump_loader.sql.tokens import Edit, Token, first, parts_of


def generated_column_edits(tokens: list[Token]) -> list[Edit]:
    """Take `[GENERATED ALWAYS] AS (...) [VIRTUAL | STORED | PERSISTENT]` out of a CREATE TABLE."""
    edits = []
    for part in parts_of(tokens, first(tokens, "("))[0]:
        by, opening = first(part, "GENERATED", "AS"), first(part, "AS") + 1
        if opening < len(part) and part[opening].says("("):
            closing = opening + parts_of(part[opening:], 0)[1]
            kept = closing + 1 < len(part) and part[closing + 1].says("VIRTUAL", "STORED", "PERSISTENT")
            edits.append(Edit(part[by].start, part[closing + kept].end, b""))
    return edits
