"""Give columns of typed batches the types asked for, naming the row of a value that is broken or does not fit."""

from __future__ import annotations

import bisect
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
        If a value is broken, as text that is not UTF-8, or does not fit: file, row (from 1), column and value.
    """
    rows = 0
    for batch in batches:
        _require_whole(batch, place, rows)
        if batch.schema.equals(schema):
            yield batch
        else:
            columns = [
                _converted(values, field, place, rows)
                for field, values in zip(schema, batch.columns, strict=True)
            ]
            yield pa.RecordBatch.from_arrays(columns, schema=schema)
        rows += batch.num_rows


def _require_whole(batch: pa.RecordBatch, place: str, rows: int) -> None:
    if not _fault(batch):
        return
    for name, values in zip(batch.schema.names, batch.columns, strict=True):
        row = bisect.bisect_left(
            range(1, len(values) + 1), True, key=lambda count: bool(_fault(values.slice(0, count)))
        )
        if row < len(values):
            said = _fault(values.slice(0, row + 1))
            raise input_error(
                place,
                f"row {rows + row + 1}, column {name!r}: the value is broken ({said})",
                mend="write the file again, and the column as bytes if it is not text in UTF-8",
                row=rows + row + 1,
                column=name,
            )


def _fault(values: pa.RecordBatch | pa.Array) -> str:
    """Return what is wrong with the memory of an array or batch, or nothing."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid as error:
        return str(error)
    return ""


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
