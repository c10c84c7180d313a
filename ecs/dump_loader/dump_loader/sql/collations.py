"""Exchange the collations and type names of the other flavour for the nearest that the server knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dump_loader.sql.tokens import Edit, Kind, Token

if TYPE_CHECKING:
    from dump_loader.sql.server import Server


def collation_edits(tokens: list[Token], server: Server) -> list[Edit]:
    """Edit unquoted names of collations and types, and quoted names of collations right behind COLLATE."""
    edits = []
    for i, token in enumerate(tokens):
        behind = [t.word for t in tokens[max(0, i - 2) : i]]
        quoted = token.kind in (Kind.STRING, Kind.NAME) and (behind[-1:] == ["COLLATE"] or behind == ["COLLATE", "="])
        if (token.kind is Kind.WORD and "_" in token.word) or quoted:
            name = token.word.lower()
            if (known := server.collation(name)) != name:
                edits.append(Edit(token.start, token.end, known.encode()))
        elif token.kind is Kind.WORD and (known := server.type_name(token.word)) != token.word:
            edits.append(Edit(token.start, token.end, known.encode()))
    return edits
