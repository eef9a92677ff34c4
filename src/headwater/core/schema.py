"""Rules for schemas: which type changes lose nothing, and the plain form of incoming types."""

from __future__ import annotations

from typing import Literal

import pyarrow as pa

from headwater.core.errors import NotFound, SchemaError
from headwater.core.text import clipped

__all__ = ["SchemaChange", "evolve", "plain_schema", "plain_type", "require_columns", "widen"]

SchemaChange = Literal["none", "safe", "any"]

_NARROW_DIGITS = 38
_DEEPEST = 32
_UNITS = ["s", "ms", "us", "ns"]


def plain_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that values of ``kind`` are stored in: no dictionaries, views or large offsets."""
    if pa.types.is_dictionary(kind):
        return plain_type(kind.value_type)
    if pa.types.is_run_end_encoded(kind):
        return plain_type(kind.value_type)
    if isinstance(kind, pa.BaseExtensionType):
        return plain_type(kind.storage_type)
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_float16(kind):
        return pa.float32()
    if pa.types.is_date64(kind):
        return pa.date32()
    if pa.types.is_decimal32(kind) or pa.types.is_decimal64(kind):
        return plain_type(pa.decimal128(kind.precision, kind.scale))
    if pa.types.is_decimal(kind) and kind.scale < 0:
        digits = kind.precision - kind.scale
        return pa.decimal128(digits, 0) if digits <= _NARROW_DIGITS else pa.decimal256(digits, 0)
    if pa.types.is_fixed_size_list(kind):
        return pa.list_(plain_type(kind.value_type), kind.list_size)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or _is_list_view(kind):
        return pa.list_(plain_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, plain_type(f.type)) for f in kind])
    if pa.types.is_map(kind):
        return pa.map_(plain_type(kind.key_type), plain_type(kind.item_type))
    return kind


def plain_schema(schema: pa.Schema) -> pa.Schema:
    """Return ``schema`` with plain types, all nullable, without metadata.

    Raises
    ------
    SchemaError
        If two columns have the same name, one has none, or one has a type that cannot be stored.
    """
    names = schema.names
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise SchemaError(f"Column names must differ; these come twice: {', '.join(twice)}.", columns=twice)
    if "" in names:
        raise SchemaError(f"Column {names.index('') + 1} has no name. Give it one.", columns=[""])
    plain = pa.schema([pa.field(field.name, plain_type(field.type)) for field in schema])
    for field in plain:
        obstacle = _obstacle(field.type)
        if obstacle:
            raise SchemaError(
                f"Column {field.name!r} is {clipped(str(field.type))}, which cannot be stored: {obstacle}. "
                "Convert it, for example to text, or leave it out.",
                column=field.name,
            )
    return plain


def widen(old: pa.DataType, new: pa.DataType) -> pa.DataType | None:
    """Return the narrowest type that holds all values of both without loss, or None if there is none.

    A finer unit of time has a smaller range; whether the values are within it, their holder must check.
    Values keep their hash (`headwater.core.hashing`) in the wider type.
    """
    if old == new or pa.types.is_null(new):
        return old
    if pa.types.is_null(old):
        return new
    if pa.types.is_integer(old) and pa.types.is_integer(new):
        return _widen_integers(old, new)
    if pa.types.is_floating(old) and pa.types.is_floating(new):
        return pa.float64()
    for whole, real in ((old, new), (new, old)):
        if pa.types.is_integer(whole) and pa.types.is_floating(real) and whole.bit_width <= 32:
            return pa.float64()
        if pa.types.is_date(whole) and pa.types.is_timestamp(real) and real.tz is None:
            return real
    if pa.types.is_timestamp(old) and pa.types.is_timestamp(new) and old.tz == new.tz:
        return pa.timestamp(max(old.unit, new.unit, key=_UNITS.index), old.tz)
    if pa.types.is_duration(old) and pa.types.is_duration(new):
        return pa.duration(max(old.unit, new.unit, key=_UNITS.index))
    if pa.types.is_time(old) and pa.types.is_time(new):
        return max(old, new, key=lambda kind: _UNITS.index(kind.unit))
    if pa.types.is_decimal(old) and pa.types.is_decimal(new) and old.scale == new.scale:
        return max(old, new, key=lambda kind: (kind.precision, kind.bit_width))
    if _is_plain_list(old) and _is_plain_list(new):
        return _widen_lists(old, new)
    if pa.types.is_struct(old) and pa.types.is_struct(new):
        return _widen_structs(old, new)
    return None


def evolve(old: pa.Schema, new: pa.Schema, *, change: SchemaChange, dataset: str) -> pa.Schema:
    """Return the schema that holds the rows of both.

    Parameters
    ----------
    old, new : pyarrow.Schema
        The dataset's schema and that of incoming rows, both plain.
    change : {"none", "safe", "any"}
        What may change: nothing; new nullable columns and lossless widening; or also a column's type,
        which then becomes double where both are numbers, and text otherwise.
    dataset : str
        For messages.

    Returns
    -------
    pyarrow.Schema
        The dataset's columns in their order, then the new ones.

    Raises
    ------
    SchemaError
        If the change is not allowed.
    """
    fields = []
    for field in old:
        if field.name not in new.names:
            fields.append(field)
            continue
        incoming = new.field(field.name).type
        kind = widen(field.type, incoming)
        if kind is None and _casts_back(incoming, field.type):
            kind = pa.float64() if change == "any" else field.type
        if kind is None and change == "any":
            kind = pa.string()
        if kind is None or (change == "none" and kind != field.type):
            raise SchemaError(
                f"Column {field.name!r} of dataset {dataset!r} is {field.type}, the incoming rows have {incoming}. "
                "Convert the rows, or allow the change with schema_change='any' (--schema-change any), "
                "which turns the column to text.",
                column=field.name,
                expected=str(field.type),
                found=str(incoming),
            )
        fields.append(pa.field(field.name, kind))
    added = [field for field in new if field.name not in old.names]
    if added and change == "none":
        raise SchemaError(
            f"Dataset {dataset!r} has no column {added[0].name!r}, and new columns are not allowed here. "
            "Drop it from the rows, or allow it with schema_change='safe'.",
            column=added[0].name,
        )
    return pa.schema([*fields, *added])


def require_columns(schema: pa.Schema, names: list[str] | tuple[str, ...], *, where: str) -> None:
    """Raise `NotFound` for the first of ``names`` that is not a column of ``schema``."""
    for name in names:
        # The list of all names is long in a wide table; it is made only where a name is not found at once.
        if schema.get_field_index(name) < 0 and name not in schema.names:
            raise NotFound.among("column", name, schema.names, where=where)


def _widen_integers(old: pa.DataType, new: pa.DataType) -> pa.DataType | None:
    signed = [pa.types.is_signed_integer(kind) for kind in (old, new)]
    if signed[0] == signed[1]:
        return max(old, new, key=lambda kind: kind.bit_width)
    unsigned, other = (new, old) if signed[0] else (old, new)
    width = max(unsigned.bit_width * 2, other.bit_width)
    return {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}.get(width)


def _widen_lists(old: pa.DataType, new: pa.DataType) -> pa.DataType | None:
    item = widen(old.value_type, new.value_type)
    if item is None:
        return None
    fixed = [pa.types.is_fixed_size_list(kind) for kind in (old, new)]
    return pa.list_(item, old.list_size) if all(fixed) and old.list_size == new.list_size else pa.list_(item)


def _widen_structs(old: pa.DataType, new: pa.DataType) -> pa.DataType | None:
    there = {field.name: field.type for field in new}
    if len(there) < new.num_fields or len({field.name for field in old}) < old.num_fields:
        return None
    fields = []
    for field in old:
        kind = widen(field.type, there.pop(field.name, field.type))
        if kind is None:
            return None
        fields.append(pa.field(field.name, kind))
    return pa.struct([*fields, *(pa.field(name, kind) for name, kind in there.items())])


def _casts_back(incoming: pa.DataType, kept: pa.DataType) -> bool:
    """Say whether values may fit the kept type although not all of their type do: each value is then checked."""
    number = [pa.types.is_floating(kind) or pa.types.is_integer(kind) for kind in (incoming, kept)]
    return all(number) and pa.types.is_floating(incoming) != pa.types.is_floating(kept)


def _obstacle(kind: pa.DataType, depth: int = 0) -> str | None:
    """Return why values of a plain type cannot be stored, or None if they can."""
    if depth > _DEEPEST:
        return f"it is nested more than {_DEEPEST} levels deep, which Parquet may write but not read"
    if pa.types.is_union(kind) or pa.types.is_interval(kind):
        return "Parquet has no such type"
    if pa.types.is_struct(kind) and kind.num_fields == 0:
        return "a struct needs a field"
    if pa.types.is_fixed_size_list(kind) and kind.list_size == 0:
        return "lists of length 0 hold nothing"
    if pa.types.is_fixed_size_list(kind) and pa.types.is_null(kind.value_type):
        return "lists of nulls hold nothing, and Arrow breaks those of a fixed length"
    if pa.types.is_fixed_size_binary(kind) and kind.byte_width == 0:
        return "values of 0 bytes hold nothing"
    if pa.types.is_decimal(kind) and kind.scale > kind.precision:
        return "its scale exceeds its precision"
    children = (_obstacle(kind.field(number).type, depth + 1) for number in range(kind.num_fields))
    return next((found for found in children if found), None)


def _is_plain_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_fixed_size_list(kind))


def _is_list_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind))
