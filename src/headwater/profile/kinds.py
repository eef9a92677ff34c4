"""Kinds of columns: what may be measured of values, whatever their exact Arrow type."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.arrays import to_python
from headwater.core.errors import SchemaError, UsageError
from headwater.core.references import sizes

__all__ = ["Kind", "as_python", "from_python", "kind_of", "lengths_of", "physical"]


class Kind(StrEnum):
    """What values of a column are."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    NUMBER = "number"
    TIME = "time"
    TEXT = "text"
    BINARY = "binary"
    LIST = "list"
    VECTOR = "vector"
    STRUCT = "struct"
    NULL = "null"

    @property
    def is_numeric(self) -> bool:
        """Whether means and differences of values make sense."""
        return self in (Kind.INTEGER, Kind.NUMBER)

    @property
    def is_ordered(self) -> bool:
        """Whether values lie on a line: numbers and times."""
        return self in (Kind.INTEGER, Kind.NUMBER, Kind.TIME)

    @property
    def is_countable(self) -> bool:
        """Whether values can be counted one by one: all but lists, vectors and structs."""
        return self not in (Kind.LIST, Kind.VECTOR, Kind.STRUCT)


def kind_of(type_: pa.DataType) -> Kind:
    """Return the kind of an Arrow type."""
    if pa.types.is_boolean(type_):
        return Kind.BOOLEAN
    if pa.types.is_integer(type_):
        return Kind.INTEGER
    if pa.types.is_floating(type_) or pa.types.is_decimal(type_):
        return Kind.NUMBER
    if pa.types.is_interval(type_):
        return Kind.STRUCT
    if pa.types.is_temporal(type_):
        return Kind.TIME
    if pa.types.is_string(type_) or pa.types.is_large_string(type_) or pa.types.is_string_view(type_):
        return Kind.TEXT
    if pa.types.is_fixed_size_list(type_):
        return Kind.VECTOR
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_map(type_):
        return Kind.LIST
    if pa.types.is_struct(type_):
        return Kind.STRUCT
    if pa.types.is_null(type_):
        return Kind.NULL
    return Kind.BINARY


def physical(array: pa.Array) -> NDArray[Any]:
    """Return the values of an ordered or boolean column as numbers, nulls and NaN left out.

    Integers keep their width, floats and decimals become floating, times the integer count of their unit
    (days for dates), booleans 0 and 1. Not a copy where that can be helped: treat it as read-only.
    """
    if array.null_count:
        array = array.drop_null()
    type_ = array.type
    if pa.types.is_boolean(type_):
        return np.asarray(array.cast(pa.uint8()))
    if pa.types.is_decimal(type_):
        return np.asarray(array.cast(pa.float64(), safe=False))
    if pa.types.is_temporal(type_):
        return np.asarray(array.view(pa.int32() if type_.bit_width == 32 else pa.int64()))
    values: NDArray[Any] = np.asarray(array)
    if values.dtype.kind == "f":
        there = ~np.isnan(values)
        return values if there.all() else values[there]
    return values


def lengths_of(array: pa.Array) -> NDArray[np.int64]:
    """Return the length of each value that is not null: characters of text, bytes, or items of lists.

    Raises
    ------
    SchemaError
        If values of this type have no length.
    """
    kind = kind_of(array.type)
    if kind is Kind.TEXT:
        lengths = pc.utf8_length(array)
    elif pa.types.is_map(array.type):
        lengths = pc.if_else(array.is_valid(), pa.array(np.diff(np.asarray(array.offsets))), None)
    elif kind in (Kind.LIST, Kind.VECTOR):
        lengths = pc.list_value_length(array)
    elif kind is Kind.BINARY:
        lengths = pc.binary_length(
            array.cast(pa.binary()) if pa.types.is_fixed_size_binary(array.type) else array
        )
        large = sizes(array)
        if large.any():
            # What stands for a large value is short.
            lengths = pc.if_else(pa.array(large > 0), pa.array(large), lengths.cast(pa.int64()))
    else:
        raise SchemaError(
            f"Values of type {array.type} have no length. Choose a column of text, bytes or lists."
        )
    return np.asarray(lengths.drop_null()).astype(np.int64)


def as_python(value: float | None, type_: pa.DataType) -> Any:
    """Return a physical number of a column as the Python value it stands for, or text for a time beyond those.

    Examples
    --------
    >>> as_python(0, pa.date32())
    datetime.date(1970, 1, 1)
    >>> as_python(2**31, pa.date32())
    '5881580-07-11'
    """
    if value is None:
        return None
    if pa.types.is_temporal(type_):
        most = 2 ** (type_.bit_width - 1) - 1
        count = min(max(round(value), -most), most)
        array = pa.array([count], pa.int32() if type_.bit_width == 32 else pa.int64()).view(type_)
        return to_python(array.cast(_python_precision(type_), safe=False))[0]
    if pa.types.is_boolean(type_):
        return bool(value)
    if pa.types.is_integer(type_) and float(value).is_integer():
        return int(value)
    return float(value)


def from_python(value: Any, type_: pa.DataType) -> float:
    """Return the physical number that a value, or its text, stands for in a column of this type.

    Raises
    ------
    UsageError
        If the column cannot hold it.

    Examples
    --------
    >>> from_python("1970-01-03", pa.date32())
    2
    """
    try:
        if pa.types.is_temporal(type_):
            is_text = isinstance(value, str) and pa.types.is_timestamp(type_)
            moment = _moment(value, type_) if is_text else pa.array([value])
            width = pa.int32() if type_.bit_width == 32 else pa.int64()
            return int(moment.cast(type_).view(width)[0].as_py())
        if isinstance(value, str):
            value = float(value)
        if isinstance(value, bool | int | float):
            return value
        return float(value)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise UsageError(
            f"{value!r} is no value for a column of type {type_}: {error}. Write it as the column would.",
            value=value,
        ) from error


def _moment(text: str, type_: pa.DataType) -> pa.Array:
    """Read a time; without a zone it is in UTC, and with the odd one of a place before there were zones, Python's."""
    for kind in (type_, pa.timestamp(type_.unit)):
        with contextlib.suppress(pa.ArrowInvalid):
            return pa.array([text]).cast(kind)
    return pa.array([datetime.fromisoformat(text).astimezone(UTC)])


def _python_precision(type_: pa.DataType) -> pa.DataType:
    """Return the type with at most microseconds, which is what Python can hold."""
    if pa.types.is_timestamp(type_) and type_.unit == "ns":
        return pa.timestamp("us", type_.tz)
    if pa.types.is_duration(type_) and type_.unit == "ns":
        return pa.duration("us")
    if pa.types.is_time64(type_) and type_.unit == "ns":
        return pa.time64("us")
    return type_
