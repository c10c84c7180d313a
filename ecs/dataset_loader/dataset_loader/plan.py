"""The columns of the table: the name and type of each, and how its values are converted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from data_commons.errors import SourceRefused, SpecRefused
from data_commons.manifest import Column
from data_commons.names import named
from data_commons.spec import ColumnSpec
from dataset_loader.types import TEXT, ZONED, Written, converter, declared, trino_type, written

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from data_commons.spec import DatasetSpec
    from dataset_loader.reading.batches import Batch

_OFFSETS = "in UTC; the offsets of the source are not kept"


@dataclass(frozen=True)
class Planned:
    """One column. `metadata` is what the source's own schema has of it."""

    column: Column
    type: pa.DataType
    convert: Callable[[pa.Array], pa.Array]
    metadata: Mapping[bytes, bytes]


def of_texts(names: Sequence[str], found: Sequence[pa.DataType], spec: DatasetSpec) -> list[Planned]:
    """Plan columns of texts: their types are the spec's or, where it has none, those that were found."""
    types = [_declared(name, spec) or narrowest for name, narrowest in zip(names, found, strict=True)]
    converters = [converter(TEXT, of, truncate=False) for of in types]
    as_written = [Written(of, trino_type(of), (_OFFSETS,) if of == ZONED else ()) for of in types]
    return _planned(names, as_written, converters, [{}] * len(names), spec)


def of_arrow(schema: pa.Schema, spec: DatasetSpec, *, truncate: bool) -> list[Planned]:
    """Plan columns that have types already. The spec's are cast to, where no value changes by that."""
    types, converters = [], []
    for field in schema:
        to = written(field.type, field.name)
        first = converter(field.type, to.type, truncate=truncate)
        if asked := _declared(field.name, spec):
            second = converter(to.type, asked, truncate=truncate)
            types.append(Written(asked, trino_type(asked), to.notes))
            converters.append(_both(first, second))
        else:
            types.append(to)
            converters.append(first)
    return _planned(list(schema.names), types, converters, [field.metadata or {} for field in schema], spec)


def refuse_unknown(names: Sequence[str], spec: DatasetSpec) -> None:
    """Raise SpecRefused where the spec has columns that the source has not."""
    if unknown := [name for name in spec.columns if name not in names]:
        raise SpecRefused(
            f"The spec's columns have {', '.join(map(repr, unknown))}, which the source has not. It has "
            f"{', '.join(map(repr, names))[:1000]}. Correct the names; they are the source's, before they are cleaned."
        )


def converted(batch: Batch, plan: Sequence[Planned]) -> list[pa.Array]:
    """Convert a batch. Raises SourceRefused with the first row and value that can't be."""
    return [_converted(planned, array, batch.first_row) for planned, array in zip(plan, batch.columns, strict=True)]


def _declared(name: str, spec: DatasetSpec) -> pa.DataType | None:
    asked = spec.columns.get(name, ColumnSpec()).type
    return declared(asked, name) if asked else None


def _both(first: Callable[[pa.Array], pa.Array], second: Callable[[pa.Array], pa.Array]) -> Callable[[pa.Array], pa.Array]:
    return lambda array: second(first(array))


def _planned(
    names: Sequence[str],
    types: Sequence[Written],
    converters: Sequence[Callable[[pa.Array], pa.Array]],
    metadata: Sequence[Mapping[bytes, bytes]],
    spec: DatasetSpec,
) -> list[Planned]:
    clean = named(names, {name: column.name for name, column in spec.columns.items()})
    return [
        Planned(_column(source, name, of, spec.columns.get(source, ColumnSpec())), of.type, convert, of_source)
        for source, name, of, convert, of_source in zip(names, clean, types, converters, metadata, strict=True)
    ]


def _column(source: str, name: str, of: Written, about: ColumnSpec) -> Column:
    return Column(
        source=source, name=name, type=of.trino, description=about.description, dimension=about.dimension, notes=of.notes
    )


def _converted(planned: Planned, array: pa.Array, first_row: int) -> pa.Array:
    try:
        return planned.convert(array)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        at = next((at for at in range(len(array)) if not _converts(planned, array.slice(at, 1))), 0)
        column = planned.column
        raise SourceRefused(
            f"Row {first_row + at} of the source, column {column.source!r}: {_shown(array.slice(at, 1))} is no "
            f"{column.type}: {error}. Mend the value, or give the column another type in the spec"
            f"{', or the format truncate_nanoseconds' if pa.types.is_timestamp(array.type) else ''}."
        ) from error


def _converts(planned: Planned, one: pa.Array) -> bool:
    try:
        planned.convert(one)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return False
    return True


def _shown(one: pa.Array) -> str:
    try:
        return repr(one.cast(TEXT)[0].as_py())[:200]
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return f"the value of type {one.type}"
