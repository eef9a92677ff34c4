"""A dataset as a lazy Polars frame: of what a query asks, columns, rows and their number reach the repository."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headwater.core.extras import require
from headwater.reading.pushdown import analyse, may_hold
from headwater.store.chunk import Chunk
from headwater.store.chunklist import ChunkList

if TYPE_CHECKING:
    import polars

    from headwater.reading.relation import Read

__all__ = ["lazy_frame"]

_SIGNS = {"Eq": "=", "NotEq": "<>", "Lt": "<", "LtEq": "<=", "Gt": ">", "GtEq": ">="}
_UNITS = {"Milliseconds": ("ms", 1_000), "Microseconds": ("us", 1)}
_NAME = "frame"


def lazy_frame(schema: pa.Schema, chunks: ChunkList, read: Read) -> polars.LazyFrame:
    """Return a lazy frame over chunks.

    Parameters
    ----------
    schema : pyarrow.Schema
        Columns and types of the rows.
    chunks : ChunkList
        Where they are.
    read : callable
        Gives the rows of some of the chunks, with the columns named.

    Returns
    -------
    polars.LazyFrame
        Each use of it reads anew: the columns that the query needs, of the chunks whose statistics do not rule its
        condition out, one batch after the other, and no further than its limit.

    Raises
    ------
    MissingExtra
        If Polars is not installed.
    """
    pl = require("polars", extra="polars", purpose="to_polars")
    plugins = require("polars.io.plugins", extra="polars", purpose="to_polars")

    def source(
        columns: list[str] | None, predicate: polars.Expr | None, rows: int | None, batch_rows: int | None
    ) -> Iterator[polars.DataFrame]:
        del batch_rows
        names = list(schema.names) if columns is None else columns
        needed: list[str] = names
        wanted: Sequence[Chunk] = chunks
        if predicate is not None:
            there = {*names, *predicate.meta.root_names()}
            needed = [name for name in schema.names if name in there]
            wanted = _possible(predicate, schema, chunks)
        left = rows
        # At least one frame must come, or Polars does not know the columns.
        yield pl.from_arrow(schema.empty_table().select(names))
        for batch in read(needed, wanted) if rows != 0 else ():
            frame = pl.from_arrow(batch)
            if predicate is not None:
                frame = frame.filter(predicate)
            frame = frame.select(names) if left is None else frame.select(names).head(left)
            yield frame
            left = None if left is None else left - frame.height
            if left == 0:
                return

    known = pl.from_arrow(schema.empty_table()).schema
    frame: polars.LazyFrame = plugins.register_io_source(source, schema=known, is_pure=True)
    return frame


def _possible(predicate: polars.Expr, schema: pa.Schema, chunks: ChunkList) -> Sequence[Chunk]:
    """Return the chunks in which a condition of Polars may hold."""
    where = _sql(json.loads(predicate.meta.serialize(format="json")), schema)
    if where is None:
        return chunks
    asked = partial(may_hold, analyse(where, schema, _NAME), schema=schema)
    return [chunk for _, chunk in chunks.narrowed(asked)]


def _sql(node: Any, schema: pa.Schema) -> str | None:
    """Return SQL that holds wherever a condition of Polars does, and perhaps elsewhere; None if it is not known.

    Polars writes a condition as JSON of no promised form: what does not look exactly as expected is not known.
    Both sides of a comparison have one type in it, and NaN is the greatest number, as in SQL.
    """
    match node:
        case {"BinaryExpr": {"left": left, "op": "And", "right": right}}:
            parts = [part for part in (_sql(left, schema), _sql(right, schema)) if part is not None]
            return f"({' AND '.join(parts)})" if parts else None
        case {"BinaryExpr": {"left": left, "op": "Or", "right": right}}:
            either = [_sql(left, schema), _sql(right, schema)]
            return None if None in either else f"({either[0]} OR {either[1]})"
        case {"BinaryExpr": {"left": {"Column": name}, "op": op, "right": {"Literal": {"Scalar": value}}}}:
            constant = _constant(value, schema, name)
            return (
                None if constant is None or op not in _SIGNS else f"({_quoted(name)} {_SIGNS[op]} {constant})"
            )
        case {"Function": {"input": [{"Column": name}], "function": {"Boolean": "IsNull"}}}:
            return f"({_quoted(name)} IS NULL)" if name in schema.names else None
        case {"Function": {"input": [{"Column": name}], "function": {"Boolean": "IsNotNull"}}}:
            return f"({_quoted(name)} IS NOT NULL)" if name in schema.names else None
        case {
            "Function": {
                "input": [
                    {"Column": name},
                    {"Literal": {"Scalar": low}},
                    {"Literal": {"Scalar": high}},
                ],
                "function": {"Boolean": {"IsBetween": _}},
            }
        }:
            ends = [_constant(low, schema, name), _constant(high, schema, name)]
            return None if None in ends else f"({_quoted(name)} BETWEEN {ends[0]} AND {ends[1]})"
        case {
            "Function": {
                "input": [{"Column": name}, {"Literal": {"Scalar": value}}],
                "function": {"StringExpr": "StartsWith"},
            }
        }:
            constant = _constant(value, schema, name)
            return None if constant is None else f"starts_with({_quoted(name)}, {constant})"
        case {"Column": name}:
            return _quoted(name) if name in schema.names else None
    return None


def _constant(scalar: Any, schema: pa.Schema, name: str) -> str | None:
    """Return a constant that is compared with a column, as SQL."""
    if name not in schema.names or not isinstance(scalar, dict) or len(scalar) != 1:
        return None
    ((kind, value),) = scalar.items()
    column = schema.field(name).type
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    if kind.lower() == str(column) and pa.types.is_integer(column) and is_whole:
        return str(value)
    if kind == "Float64" and pa.types.is_float64(column) and isinstance(value, float):
        return f"({value!r}::DOUBLE)"
    if kind == "Boolean" and pa.types.is_boolean(column) and isinstance(value, bool):
        return str(value).lower()
    if kind == "String" and isinstance(value, str) and "\0" not in value:
        return "'" + value.replace("'", "''") + "'" if pa.types.is_string(column) else None
    try:
        if kind == "Date" and pa.types.is_date32(column) and is_whole:
            return f"DATE '{date(1970, 1, 1) + timedelta(days=value)}'"
        if kind == "Datetime" and pa.types.is_timestamp(column):
            return _moment(value, column)
    except OverflowError:
        # Out of the years that Python knows.
        pass
    return None


def _moment(value: Any, column: pa.DataType) -> str | None:
    """Return a time as SQL if it has the unit of the column: in another, Polars compares what is left of both."""
    match value:
        case [int(count), str(unit), zone] if unit in _UNITS and _UNITS[unit][0] == column.unit:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=count * _UNITS[unit][1])
            if (zone is None) != (column.tz is None):
                return None
            written = moment.replace(tzinfo=None).isoformat(" ")
            return f"TIMESTAMP '{written}'" if zone is None else f"TIMESTAMPTZ '{written}+00'"
    return None


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
