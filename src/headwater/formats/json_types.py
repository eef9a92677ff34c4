"""Types of JSON values: how those of two blocks join, and which can be stored."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa

__all__ = ["join_types", "settled", "without_times"]


def join_types(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    """Return the type that holds values of both, or None where a value of one cannot be of the other.

    Whole numbers and decimals are doubles, null is anything, lists and structs join their parts.
    """
    if one == two or pa.types.is_null(two):
        return one
    if pa.types.is_null(one):
        return two
    if {one, two} == {pa.int64(), pa.float64()}:
        return pa.float64()
    if pa.types.is_list(one) and pa.types.is_list(two):
        item = join_types(one.value_type, two.value_type)
        return None if item is None else pa.list_(item)
    if pa.types.is_struct(one) and pa.types.is_struct(two):
        return _join_structs(one, two)
    return None


def without_times(kind: pa.DataType) -> pa.DataType:
    """Return the type with text where Arrow's JSON parser saw times."""
    return _mapped(kind, lambda leaf: pa.string() if pa.types.is_timestamp(leaf) else leaf)


def settled(kind: pa.DataType) -> pa.DataType | None:
    """Return the type to read as: what never had a value is text; None where objects never had a key."""
    if _has_empty_struct(kind):
        return None
    return _mapped(kind, lambda leaf: pa.string() if pa.types.is_null(leaf) else leaf)


def _join_structs(one: pa.DataType, two: pa.DataType) -> pa.DataType | None:
    fields = {field.name: field.type for field in one}
    for field in two:
        kind = join_types(fields.get(field.name, pa.null()), field.type)
        if kind is None:
            return None
        fields[field.name] = kind
    return pa.struct(list(fields.items()))


def _mapped(kind: pa.DataType, leaf: Callable[[pa.DataType], pa.DataType]) -> pa.DataType:
    if pa.types.is_list(kind):
        return pa.list_(_mapped(kind.value_type, leaf))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _mapped(field.type, leaf)) for field in kind])
    return leaf(kind)


def _has_empty_struct(kind: pa.DataType) -> bool:
    if pa.types.is_list(kind):
        return _has_empty_struct(kind.value_type)
    if pa.types.is_struct(kind):
        return kind.num_fields == 0 or any(_has_empty_struct(field.type) for field in kind)
    return False
