"""What the statistics of chunks say about a column, as a table that SQL can ask: one row a chunk."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.store.chunk import Chunk
from headwater.store.chunklist import Entry
from headwater.store.duck import known_type

__all__ = ["bounds", "has_bounds", "is_number", "is_text"]

_UTC = re.compile(r"[+]00:00$")


def bounds(chunks: Sequence[Entry], fields: Sequence[pa.Field]) -> pa.Table:
    """Return what is known about columns of chunks.

    Parameters
    ----------
    chunks : sequence of Chunk or Page
        The chunks, or pages of them.
    fields : sequence of pyarrow.Field
        Columns of the dataset, of types with bounds (`has_bounds`).

    Returns
    -------
    pyarrow.Table
        One row a chunk: its number ``n``, and of column number ``i`` the least and the greatest value ``l{i}`` and
        ``h{i}``, null where unknown, and whether there may be values and nulls, ``v{i}`` and ``u{i}``.

    Notes
    -----
    Deleted rows count. NaN, which SQL takes for the greatest number, is not in the statistics of floats: their
    ``h{i}`` is known where a chunk is known to have none.
    """
    listed = list(chunks)
    table = pa.table({"n": pa.array(np.arange(len(listed)))})
    for number, field in enumerate(fields):
        for column, values in _columns(listed, field, number):
            table = table.append_column(column, values)
    return table


def is_number(kind: pa.DataType) -> bool:
    """Say whether values of a type are whole or real numbers with bounds."""
    return bool(pa.types.is_integer(kind) or pa.types.is_float32(kind) or pa.types.is_float64(kind))


def is_text(kind: pa.DataType) -> bool:
    """Say whether values of a type are texts with bounds."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def has_bounds(kind: pa.DataType) -> bool:
    """Say whether chunks keep bounds of values of a type that can be compared in SQL."""
    tests = (is_number, is_text, pa.types.is_boolean, pa.types.is_date, pa.types.is_timestamp)
    return any(test(kind) for test in tests)


def _columns(chunks: Sequence[Entry], field: pa.Field, number: int) -> Iterator[tuple[str, pa.Array]]:
    """Yield the columns of the table that are about one field."""
    facts = [_of_entry(chunk, field.name) for chunk in chunks]
    lows, highs, nulls, nans = ([fact[place] for fact in facts] for place in range(4))
    if pa.types.is_floating(field.type):
        highs = [high if nan == 0 else None for high, nan in zip(highs, nans, strict=True)]
    convert = _converter(field.type)
    yield f"l{number}", convert(lows)
    yield f"h{number}", convert(highs)
    counts = [(chunk.rows, null) for chunk, null in zip(chunks, nulls, strict=True)]
    yield f"v{number}", pa.array([null is None or null < every for every, null in counts], pa.bool_())
    yield f"u{number}", pa.array([null is None or null > 0 for _, null in counts], pa.bool_())


def _of_entry(entry: Entry, name: str) -> list[Any]:
    """Return least, greatest, nulls and NaNs of a column, each None where unknown."""
    known = entry.statistics.get(name)
    if known is None:
        is_null = isinstance(entry, Chunk) and name not in entry.columns
        return [None, None, entry.rows if is_null else None, None]
    return [*known, None][:4]


def _converter(kind: pa.DataType) -> Callable[[Sequence[Any]], pa.Array]:
    """Return what makes an array of the type from statistics; what is no value of it becomes null."""
    accepted: type | tuple[type, ...]
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return lambda values: _times(values, kind)
    if pa.types.is_boolean(kind):
        accepted = bool
    elif is_text(kind):
        accepted = str
    elif pa.types.is_integer(kind):
        accepted = int
    else:
        accepted = (int, float)
    number = float if pa.types.is_floating(kind) else None

    def convert(values: Sequence[Any]) -> pa.Array:
        fits = [value if _is(value, accepted) else None for value in values]
        if number:
            fits = [None if value is None else number(value) for value in fits]
        return pa.array(fits, known_type(kind))

    return convert


def _is(value: Any, accepted: type | tuple[type, ...]) -> bool:
    # True is a number in Python, and not here.
    return isinstance(value, accepted) and (accepted is bool or not isinstance(value, bool))


def _times(values: Sequence[Any], kind: pa.DataType) -> pa.Array:
    unit: Any = kind.unit if pa.types.is_timestamp(kind) else "D"
    texts = [_UTC.sub("", value) if isinstance(value, str) else "NaT" for value in values]
    counts = np.array([np.datetime64(text, unit) for text in texts])
    # A time out of reach of the unit comes as another one.
    counts[counts.astype("datetime64[D]") != np.array(texts, "datetime64[D]")] = np.datetime64("NaT")
    array = pa.array(counts)
    if pa.types.is_date(kind):
        return array.cast(pa.date32()).cast(kind)
    return array.cast(pa.timestamp(unit)).cast(pa.int64()).cast(kind)
