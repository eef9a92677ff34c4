"""Find the value that Parquet cannot hold, for an error that names it."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from headwater.core.arrays import to_python
from headwater.core.errors import SchemaError
from headwater.core.text import clipped

__all__ = ["unwritable"]


def unwritable(table: pa.Table, key: Sequence[str] = ()) -> SchemaError | None:
    """Return the error that names the first value of a table that Parquet cannot hold.

    Each column is written alone, and the first that fails is halved until one row is left.

    Parameters
    ----------
    table : pyarrow.Table
        Rows that could not be written.
    key : sequence of str
        The columns whose values name a row; where there are none, its number does.

    Returns
    -------
    SchemaError or None
        The error, with ``column`` and ``row`` (from 0); None where each column can be written.
    """
    for field, column in zip(table.schema, table.columns, strict=True):
        reason = _refusal(column)
        if reason is None:
            continue
        start, stop = 0, len(column)
        while stop - start > 1:
            middle = (start + stop) // 2
            if (earlier := _refusal(column.slice(start, middle - start))) is None:
                start = middle
            else:
                stop, reason = middle, earlier
        known = [name for name in key if name in table.column_names]
        named = ", ".join(f"{name} {to_python(table.column(name).slice(start, 1))[0]!r}" for name in known)
        where = f"where {named}" if named else f"in row {start + 1} of its chunk"
        return SchemaError(
            f"Column {field.name!r} ({clipped(str(field.type))}) has a value that Parquet cannot hold, {where}: "
            f"{reason}. Correct the value or make it null; seconds since 1970 often stand in another unit.",
            column=field.name,
            row=start,
        )
    return None


def _refusal(column: pa.ChunkedArray) -> str | None:
    """Return why a column cannot be written, or None."""
    try:
        pq.write_table(pa.table({"column": column}), pa.BufferOutputStream())
    except pa.ArrowInvalid as error:
        return str(error).rstrip(".")
    return None
