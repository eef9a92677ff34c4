"""Give columns of typed batches the types a user asked for, naming the row of a value that does not fit."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from headwater.core.errors import NotFound
from headwater.formats.convert import ValueMisfit, convert
from headwater.formats.text import input_error

__all__ = ["retyped", "retyped_schema"]


def retyped_schema(schema: pa.Schema, wanted: Mapping[str, pa.DataType], place: str) -> pa.Schema:
    """Return ``schema`` with the wanted types.

    Raises
    ------
    NotFound
        If a wanted column is not there.
    """
    for name in wanted:
        if name not in schema.names:
            raise NotFound.among("column", name, schema.names, where=place)
    return pa.schema([field.with_type(wanted.get(field.name, field.type)) for field in schema])


def retyped(batches: Iterable[pa.RecordBatch], schema: pa.Schema, place: str) -> Iterator[pa.RecordBatch]:
    """Yield ``batches`` with their columns in the types of ``schema``.

    Raises
    ------
    InputError
        If a value does not fit: file, row (from 1), column and value.
    """
    rows = 0
    for batch in batches:
        if batch.schema.equals(schema):
            yield batch
        else:
            columns = [
                _converted(values, field, place, rows)
                for field, values in zip(schema, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
        rows += batch.num_rows


def _converted(values: pa.Array, field: pa.Field, place: str, rows: int) -> pa.Array:
    try:
        return convert(values, field.type)
    except ValueMisfit as misfit:
        row = rows + misfit.row + 1
        raise input_error(
            place,
            f"row {row}, column {field.name!r}: {misfit.reason}",
            mend="mend the value, or give the column another type with --schema",
            row=row,
            column=field.name,
            value=misfit.value,
        ) from misfit
