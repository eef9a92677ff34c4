"""Casts of Arrow arrays that `pyarrow` gets wrong or does not know."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["cast", "without_views"]


def cast(values: Any, kind: pa.DataType) -> Any:
    """Cast an array or chunked array to a type, checking each value.

    Values of the type come back as they are. Lists of nulls and list views, whose casts give broken
    arrays, are rebuilt.

    Raises
    ------
    pyarrow.ArrowException
        If a value does not fit.
    """
    if values.type == kind:
        return values
    if isinstance(values, pa.ChunkedArray):
        return pa.chunked_array([cast(chunk, kind) for chunk in values.chunks], kind)
    if pa.types.is_list_view(values.type) or pa.types.is_large_list_view(values.type):
        values = without_views(values)
    if _holds_null(kind):
        if pa.types.is_struct(kind) and pa.types.is_struct(values.type):
            return _cast_struct(values, kind)
        if pa.types.is_list(kind) and (pa.types.is_list(values.type) or pa.types.is_large_list(values.type)):
            return _cast_list(values, kind)
    return values.cast(kind)


def without_views(array: pa.Array) -> pa.Array:
    """Return an array of list views as one of large lists."""
    lengths = np.asarray(pc.fill_null(pc.list_value_length(array), 0)).astype(np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return pa.LargeListArray.from_arrays(pa.array(offsets), array.flatten(), mask=array.is_null())


def _holds_null(kind: pa.DataType) -> bool:
    return any(
        pa.types.is_null(kind.field(number).type) or _holds_null(kind.field(number).type)
        for number in range(kind.num_fields)
    )


def _cast_struct(array: pa.StructArray, kind: pa.DataType) -> pa.Array:
    there = {field.name: place for place, field in enumerate(array.type)}
    children = [
        cast(array.field(there[field.name]), field.type)
        if field.name in there
        else pa.nulls(len(array), field.type)
        for field in kind
    ]
    return pa.StructArray.from_arrays(children, fields=list(kind), mask=array.is_null())


def _cast_list(array: pa.Array, kind: pa.DataType) -> pa.Array:
    offsets = np.asarray(array.offsets).astype(np.int64)
    values = cast(array.values.slice(offsets[0], offsets[-1] - offsets[0]), kind.value_type)
    starts = pa.array(offsets - offsets[0], pa.int32())
    return pa.ListArray.from_arrays(starts, values, type=kind, mask=array.is_null())
