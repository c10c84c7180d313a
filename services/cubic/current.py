"""The SQL of a table's current state: the rows of one snapshot and the changes since, the last of each key."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

HEADER = "header__"  # begins the columns that Qlik adds to a change
OPERATION, SEQUENCE, TIMESTAMP = "header__change_oper", "header__change_seq", "header__timestamp"


@dataclass(frozen=True)
class Relation:
    """A table of the catalog: its name, and its columns without the partition keys, in their order."""

    name: str
    columns: Sequence[str]


def data_columns(loads: Relation, changes: Relation | None) -> list[str]:
    """The columns of the current state: those of the loads, then those that only changes have."""
    both = [*loads.columns, *(changes.columns if changes else ())]
    return [name for name in dict.fromkeys(both) if not name.startswith(HEADER)]


def current_sql(
    loads: Relation, changes: Relation | None, keys: Iterable[str], snapshot: str, *, sparse: bool, quote: str = '"'
) -> str:
    """One SELECT over the catalog's tables, in words that both Trino and Spark 3.5 know, but for the quotes of names.

    I is a full image, D ends a row, and U changes it: where `sparse`, a null in it means unchanged, so that an update to
    null can't be seen. A change of a row that isn't there is passed over where it is sparse. B, the row before its change,
    is left out. Null keys are equal to each other, as PARTITION BY and GROUP BY have it.
    """

    def q(name: str) -> str:
        return quote + name.replace(quote, quote * 2) + quote

    columns = data_columns(loads, changes)
    key = ", ".join(q(name) for name in keys)
    values = [
        f"max_by({q(name)}, cubic__n) FILTER (WHERE {q(name)} IS NOT NULL) AS {q(name)}"
        for name in columns
        if name not in set(keys)
    ]

    def rows_of(relation: Relation, oper: str, seq: str, at: str) -> str:
        own = set(relation.columns)
        shown = ", ".join(q(name) if name in own else f"NULL AS {q(name)}" for name in columns)
        # Engines disagree on where nulls are sorted, hence the empty texts.
        return (
            f"SELECT {shown}, {oper} AS cubic__oper, {seq} AS cubic__seq, {at} AS cubic__at, identifier AS cubic__file "  # noqa: S608  names are quoted
            f"FROM {q(relation.name)} WHERE snapshot = '{snapshot}'"
        )

    def text(relation: Relation, name: str) -> str:
        return f"coalesce({q(name)}, '')" if name in relation.columns else "''"

    events = [rows_of(loads, "'L'", "''", "''")]
    if changes:
        events.append(rows_of(changes, q(OPERATION), text(changes, SEQUENCE), text(changes, TIMESTAMP)))
    whole = "CASE WHEN cubic__oper <> 'U' THEN cubic__n END" if sparse else "cubic__n"
    order = "cubic__seq, cubic__at, cubic__file"
    return (
        f"WITH e AS ({' UNION ALL '.join(events)}),\n"  # noqa: S608  names are quoted
        f"o AS (SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {order}) AS cubic__n FROM e\n"
        "  WHERE cubic__oper IN ('L', 'I', 'U', 'D')),\n"
        f"r AS (SELECT *, max({whole}) OVER (PARTITION BY {key}) AS cubic__reset FROM o)\n"
        f"SELECT {', '.join([key, *values])}\n"
        f"FROM r WHERE cubic__n >= cubic__reset GROUP BY {key}\n"
        "HAVING max_by(cubic__oper, cubic__n) FILTER (WHERE cubic__n = cubic__reset) <> 'D'"
    )
