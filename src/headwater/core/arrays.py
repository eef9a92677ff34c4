"""Casts of Arrow arrays, and their values in Python, where `pyarrow` gets them wrong or does not know them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["cast", "rows_to_python", "to_python", "without_views"]


def cast(values: Any, kind: pa.DataType) -> Any:
    """Cast an array or chunked array to a type, checking each value.

    Values of the type come back as they are. Lists of nulls and list views, whose casts give broken
    arrays, are rebuilt, and runs are written out.

    Raises
    ------
    pyarrow.ArrowException
        If a value does not fit.
    """
    if values.type == kind:
        return values
    if isinstance(values, pa.ChunkedArray):
        return pa.chunked_array([cast(chunk, kind) for chunk in values.chunks], kind)
    if pa.types.is_run_end_encoded(values.type):
        return cast(pc.run_end_decode(values), kind)
    if pa.types.is_list_view(values.type) or pa.types.is_large_list_view(values.type):
        values = without_views(values)
    if _holds_null(kind):
        if pa.types.is_struct(kind) and pa.types.is_struct(values.type):
            return _cast_struct(values, kind)
        if pa.types.is_list(kind) and (pa.types.is_list(values.type) or pa.types.is_large_list(values.type)):
            return _cast_list(values, kind)
    return values.cast(kind)


def to_python(values: Any) -> list[Any]:
    """Return the values of an array or chunked array as those of Python, and as text where Python has no such.

    Python's dates and times go from the year 1 to 9999, to the microsecond, in time zones that the system knows.
    Arrow's may go beyond in each of these; then all values of the array are text in UTC.

    Examples
    --------
    >>> to_python(pa.array([0, None, 253402300800], pa.timestamp("s", "UTC")))
    ['1970-01-01T00:00:00Z', None, '10000-01-01T00:00:00Z']
    """
    try:
        return list(values.to_pylist())
    except (OverflowError, ValueError):  # pyarrow.ArrowInvalid is a ValueError
        if not pa.types.is_temporal(values.type):
            return [_python_or_text(value) for value in values]
    width = pa.int32() if values.type.bit_width == 32 else pa.int64()
    counts = pc.fill_null(values.cast(width), 0).to_numpy()
    if pa.types.is_date(values.type):
        texts = counts.astype("datetime64[D]" if width == pa.int32() else "datetime64[ms]")
    elif pa.types.is_timestamp(values.type):
        texts = counts.astype(f"datetime64[{values.type.unit}]")
    else:
        texts = counts.astype(f"timedelta64[{values.type.unit}]")
    zone = "Z" if pa.types.is_timestamp(values.type) and values.type.tz else ""
    there = values.is_valid().to_pylist()
    return [f"{text}{zone}" if known else None for text, known in zip(texts, there, strict=True)]


def rows_to_python(table: pa.Table) -> list[dict[str, Any]]:
    """Return the rows of a table as mappings, with values as `to_python` gives them."""
    columns = [to_python(column) for column in table.columns]
    return [dict(zip(table.column_names, row, strict=True)) for row in zip(*columns, strict=True)]


def without_views(array: pa.Array) -> pa.Array:
    """Return an array of list views as one of large lists."""
    lengths = np.asarray(pc.fill_null(pc.list_value_length(array), 0)).astype(np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
    return pa.LargeListArray.from_arrays(pa.array(offsets), array.flatten(), mask=array.is_null())


def _python_or_text(value: pa.Scalar) -> Any:
    try:
        return value.as_py()
    except (OverflowError, ValueError):
        return f"{value.type} beyond what can be shown"


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
