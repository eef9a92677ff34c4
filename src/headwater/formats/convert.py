"""Values to the type a user asked for, or the first value that does not fit.

From text, numbers and times are read as people write them (blanks round them do not count, an empty value is
null), bytes as base64, and lists and structs as JSON: the forms in which `headwater.formats` writes them.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from headwater.core.errors import UsageError
from headwater.core.types import type_name

__all__ = ["ValueMisfit", "convert", "json_form"]


class ValueMisfit(ValueError):
    """A value does not fit its type: ``row`` (from 0 in the array), ``value`` and ``reason``."""

    def __init__(self, row: int, value: str, reason: str) -> None:
        super().__init__(reason)
        self.row = row
        self.value = value
        self.reason = reason


def convert(values: pa.Array, kind: pa.DataType, *, nulls: tuple[str, ...] = ()) -> pa.Array:
    """Return ``values`` as ``kind``, nothing lost.

    Parameters
    ----------
    values : pyarrow.Array
        Of any type.
    kind : pyarrow.DataType
        The type wanted.
    nulls : tuple of str
        Texts that are null besides the empty one, where the wanted type is not text.

    Returns
    -------
    pyarrow.Array
        The same number of values.

    Raises
    ------
    ValueMisfit
        For the first value that does not fit.
    UsageError
        If no value of the one type can become the other.
    """
    if values.type == kind:
        return values
    try:
        return _converted(values, kind, nulls)
    except pa.ArrowNotImplementedError as error:
        raise UsageError(
            f"Values of type {type_name(values.type)} cannot be read as {type_name(kind)}.",
            found=type_name(values.type),
            wanted=type_name(kind),
        ) from error
    except (pa.ArrowInvalid, duckdb.Error) as error:
        raise _first_misfit(values, kind, nulls) from error


def json_form(kind: pa.DataType) -> pa.DataType:
    """Return the type as which Arrow's JSON parser can read values that are then cast to ``kind``."""
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, json_form(field.type)) for field in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return pa.list_(json_form(kind.value_type))
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_temporal(kind):
        return pa.string()
    if pa.types.is_binary(kind) or pa.types.is_map(kind) or isinstance(kind, pa.BaseExtensionType):
        raise UsageError(
            f"{type_name(kind)} inside a list or struct cannot be read from JSON.", type=type_name(kind)
        )
    return kind


def _converted(values: pa.Array, kind: pa.DataType, nulls: tuple[str, ...]) -> pa.Array:
    if pa.types.is_string(values.type):
        return _from_text(values, kind, nulls)
    if pa.types.is_floating(kind) and pa.types.is_floating(values.type):
        return _same(pc.is_inf, values, values.cast(kind))
    if pa.types.is_date(kind) and pa.types.is_timestamp(values.type):
        whole = values.cast(kind)
        if not whole.cast(values.type).equals(values):
            raise pa.ArrowInvalid("a time of day")
        return whole
    if pa.types.is_boolean(kind) and not pa.types.is_boolean(values.type):
        whole = values.cast(kind)
        if not whole.cast(values.type).equals(values):
            raise pa.ArrowInvalid("neither 0 nor 1")
        return whole
    if pa.types.is_struct(kind) and pa.types.is_struct(values.type) and _names(values.type) != _names(kind):
        raise pa.ArrowNotImplementedError("other fields")
    return values.cast(kind)


def _from_text(values: pa.Array, kind: pa.DataType, nulls: tuple[str, ...]) -> pa.Array:
    if pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return values.cast(kind)
    if pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type):
        return values.cast(kind)
    read = next((read for fits, read in _FORMS if fits(kind)), _plain)
    if read is _bytes:  # an empty value is no bytes, not no value
        return _bytes(values, kind)
    if read is not _plain:
        return read(_tidy(values, nulls), kind)
    try:
        return _plain(values, kind)
    except pa.ArrowInvalid:
        return _plain(_tidy(values, nulls), kind)


def _tidy(values: pa.Array, nulls: tuple[str, ...]) -> pa.Array:
    trimmed = pc.ascii_trim_whitespace(values)
    missing = pc.is_in(trimmed, value_set=pa.array(["", *nulls]))
    return pc.if_else(missing, pa.scalar(None, pa.string()), trimmed)


def _plain(values: pa.Array, kind: pa.DataType) -> pa.Array:
    return values.cast(kind)


def _float(values: pa.Array, kind: pa.DataType) -> pa.Array:
    real = values.cast(kind)
    if pc.any(pc.is_inf(real)).as_py():
        named = pc.match_substring(values, "inf", ignore_case=True)
        if pc.any(pc.and_not(pc.is_inf(real), named)).as_py():
            raise pa.ArrowInvalid("beyond the range")
    return real


def _integer(values: pa.Array, kind: pa.DataType) -> pa.Array:
    """Read whole numbers; ``3.0`` is one, as tools write that have no nulls among whole numbers."""
    if pc.any(pc.match_substring_regex(values, "^-?0[xX]")).as_py():
        raise pa.ArrowInvalid("hexadecimal")
    try:
        return values.cast(kind)
    except pa.ArrowInvalid:
        return pc.replace_substring_regex(values, r"^\+|\.0*$", "").cast(kind)


def _time(values: pa.Array, kind: pa.DataType) -> pa.Array:
    day = pc.binary_join_element_wise("1970-01-01T", values, "")
    return day.cast(pa.timestamp(kind.unit)).cast(kind)


def _duration(values: pa.Array, kind: pa.DataType) -> pa.Array:
    return values.cast(pa.int64()).cast(kind)


def _bytes(values: pa.Array, kind: pa.DataType) -> pa.Array:
    return _sql("from_base64(v)", values).cast(kind)


def _uuid(values: pa.Array, kind: pa.DataType) -> pa.Array:
    storage = _sql("unhex(replace(v::UUID::VARCHAR, '-', ''))", values).cast(kind.storage_type)
    return pa.ExtensionArray.from_storage(kind, storage)


def _json(values: pa.Array, kind: pa.DataType) -> pa.Array:
    if len(values) == 0:
        return pa.array([], kind)
    whole = pc.binary_join_element_wise('{"v":', pc.fill_null(values, "null"), "}\n", "")
    text = "".join(whole.to_pylist()).encode()
    table = pyarrow.json.read_json(
        pa.BufferReader(text),
        read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(text) + 1),
        parse_options=pyarrow.json.ParseOptions(
            explicit_schema=pa.schema([("v", json_form(kind))]), unexpected_field_behavior="error"
        ),
    )
    if len(table) != len(values):
        raise pa.ArrowInvalid("not one JSON value")
    return table["v"].combine_chunks().cast(kind)


_FORMS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array, pa.DataType], pa.Array]], ...] = (
    (pa.types.is_integer, _integer),
    (pa.types.is_floating, _float),
    (pa.types.is_time, _time),
    (pa.types.is_duration, _duration),
    (lambda kind: pa.types.is_binary(kind) or pa.types.is_large_binary(kind), _bytes),
    (lambda kind: pa.types.is_fixed_size_binary(kind) or pa.types.is_binary_view(kind), _bytes),
    (lambda kind: kind == pa.uuid(), _uuid),
    (pa.types.is_nested, _json),
)


def _sql(expression: str, values: pa.Array) -> pa.Array:
    """Return a DuckDB expression over the column ``v`` of text."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.register("incoming", pa.table({"v": values}))
        found = connection.sql(f"SELECT {expression} AS v FROM incoming").to_arrow_table()
    return found["v"].combine_chunks()


def _same(test: Callable[[pa.Array], pa.Array], before: pa.Array, after: pa.Array) -> pa.Array:
    if not test(before).equals(test(after)):
        raise pa.ArrowInvalid("beyond the range")
    return after


def _names(kind: pa.DataType) -> list[str]:
    return [field.name for field in kind]


def _first_misfit(values: pa.Array, kind: pa.DataType, nulls: tuple[str, ...]) -> ValueMisfit:
    def breaks(count: int) -> bool:
        try:
            _converted(values.slice(0, count), kind, nulls)
        except (pa.ArrowInvalid, duckdb.Error):
            return True
        return False

    row = bisect.bisect_left(range(1, len(values) + 1), True, key=breaks)
    shown = str(values[row].as_py())
    shown = shown if len(shown) <= 60 else shown[:60] + "…"
    return ValueMisfit(row, shown, f"{shown!r} is not {_article(type_name(kind))}")


def _article(name: str) -> str:
    return f"an {name}" if name[0] in "aeiou" and not name.startswith("uuid") else f"a {name}"
