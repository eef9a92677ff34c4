"""Large values: objects of their own, referred to from the chunk, and put back where rows leave the store.

Inside the store rows hold references (`headwater.core.references`), so that nothing that moves rows about, be it
a merge or a compaction, reads or copies large values. They come in through `put_apart` and go out through
`put_back`, both a batch at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import SchemaError
from headwater.core.references import Reference, can_refer, has_mark, real_bytes, references, sizes
from headwater.store.duck import rows_where
from headwater.store.objects import Objects

__all__ = ["BATCH_BYTES", "LARGE_BYTES", "as_references", "bounded", "put_apart", "put_back", "where_holds"]

LARGE_BYTES = 1 << 20
"""Longer values become objects of their own."""
BATCH_BYTES = 256 << 20
"""About how many bytes of large values are in memory at once, unless one alone is longer."""


def put_apart(batch: Any, objects: Objects, *, key: Collection[str] = ()) -> Any:
    """Store the large values of rows from outside as objects; return the rows with references in their place.

    Parameters
    ----------
    batch : pyarrow.RecordBatch or pyarrow.Table
        Rows with all values there.
    objects : Objects
        Where to.
    key : collection of str
        Columns that keep their values, for they are looked up by them.

    Returns
    -------
    pyarrow.RecordBatch or pyarrow.Table
    """
    for place, field in enumerate(batch.schema):
        if field.name in key or not can_refer(field.type):
            continue
        column = batch.column(place)
        apart = np.asarray(pc.greater(pc.binary_length(column), LARGE_BYTES).fill_null(False))
        apart = apart | has_mark(column)
        if apart.any():
            rows = np.flatnonzero(apart)
            # One at a time: of text, the bytes are taken as they are.
            stored = [_put(column[int(row)], objects).encode() for row in rows]
            batch = batch.set_column(place, field, _replaced(column, apart, stored))
    return batch


def put_back(table: Any, objects: Objects, *, key: Collection[str] = ()) -> Any:
    """Return rows of the store with all values there; see `bounded` for how many to take at a time.

    Raises
    ------
    CorruptObject, ObjectMissing
        If a value cannot be read.
    SchemaError
        If one is too long for the type of its column, or text that is not UTF-8.
    """
    for place, field in enumerate(table.schema):
        if field.name in key:
            continue
        found = references(table.column(place))
        if found:
            mask = np.zeros(table.num_rows, np.bool_)
            mask[list(found)] = True
            values = [objects.get(reference.object) for reference in found.values()]
            try:
                column = _replaced(table.column(place), mask, values)
            except (pa.ArrowException, UnicodeDecodeError) as error:
                raise SchemaError(
                    f"A value of column {field.name!r} cannot be given as {field.type}: {error}. Open it as a stream, "
                    "or scan with references=True.",
                    column=field.name,
                ) from error
            table = table.set_column(place, field, column)
    return table


def where_holds(table: pa.Table, where: str, dataset: str, objects: Objects | None) -> NDArray[np.int64]:
    """Return the numbers of the rows of the store for which a SQL condition holds, ascending.

    ``objects`` is where their large values are; None if there are none.
    """
    if objects is None:
        return rows_where(table, where, dataset)
    found = [np.zeros(0, np.int64)]
    start = 0
    for batch in bounded(table, max(1, table.num_rows)):
        found.append(rows_where(put_back(pa.Table.from_batches([batch]), objects), where, dataset) + start)
        start += batch.num_rows
    return np.concatenate(found)


def as_references(table: Any, *, key: Collection[str] = ()) -> Any:
    """Return rows of the store with structs in place of the columns that large values can be in.

    Each struct has the ``value``, or where it is large null and the name of its ``object``; and its ``size``.
    """
    for place, field in enumerate(table.schema):
        if field.name in key or not can_refer(field.type):
            continue
        column = table.column(place)
        flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
        found = references(flat)
        mask = np.zeros(len(flat), np.bool_)
        mask[list(found)] = True
        names = np.full(len(flat), None, object)
        names[list(found)] = [reference.object for reference in found.values()]
        lengths = np.asarray(pc.binary_length(flat).cast(pa.int64()).fill_null(0)).copy()
        lengths[mask] = sizes(flat)[mask]
        missing = np.asarray(flat.is_null())
        value = pc.if_else(pa.array(mask), pa.scalar(None, field.type), flat)
        kinds = [
            pa.field("value", field.type),
            pa.field("object", pa.string()),
            pa.field("size", pa.int64()),
        ]
        struct = pa.StructArray.from_arrays(
            [value, pa.array(names, pa.string()), pa.array(lengths)], fields=kinds, mask=pa.array(missing)
        )
        table = table.set_column(place, pa.field(field.name, struct.type), struct)
    return table


def bounded(table: pa.Table, batch_rows: int) -> Iterator[pa.RecordBatch]:
    """Yield rows of the store in batches that stay within `BATCH_BYTES` once their large values are put back."""
    extra = real_bytes(table)
    for batch in table.to_batches(max_chunksize=batch_rows):
        size, extra = extra[: batch.num_rows], extra[batch.num_rows :]
        start = 0
        while start < batch.num_rows:
            reached = np.cumsum(size[start:])
            count = max(1, int(np.searchsorted(reached, BATCH_BYTES, side="right")))
            yield batch.slice(start, count)
            start += count


def _put(value: Any, objects: Objects) -> Reference:
    return objects.put_value(memoryview(value.as_buffer()))


def _replaced(column: Any, mask: NDArray[np.bool_], values: list[bytes]) -> Any:
    kind = column.type
    is_text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    fresh = pa.array([value.decode() for value in values] if is_text else values, kind)
    flat = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    return pc.replace_with_mask(flat, pa.array(mask), fresh)
