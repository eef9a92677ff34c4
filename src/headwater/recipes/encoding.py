"""Mixed columns as one matrix of numbers, learnt from the training rows and applied to any others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["TableEncoder", "can_encode", "conform"]

F64 = NDArray[np.float64]

_NAMED = 60
_LEAST = 3
_NUMBER = r"^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$"
_MOSTLY = 0.95


@dataclass(frozen=True)
class TableEncoder:
    """Columns to numbers; build it with `TableEncoder.learn`.

    Numbers, truth values and durations become one number each, instants a number and their month, weekday and
    hour, lists of one length of numbers that many. Text becomes a category: the 60 most frequent of the training
    rows that occur three times at least, all others as one; text with more values also gives its length and its
    rank of frequency, and text that is nearly always a number is read as one. What is missing stays missing (NaN).

    Parameters
    ----------
    schema : pyarrow.Schema
        The columns learnt from.
    categories : mapping of str to pyarrow.Array
        For each text column its named categories; none where it is read as a number.
    counts : mapping of str to pyarrow.Table
        For each text column with more values, how often each occurs (``value``, ``value_count``).
    """

    schema: pa.Schema
    categories: dict[str, pa.Array]
    counts: dict[str, pa.Table]

    @classmethod
    def learn(cls, features: pa.Table) -> TableEncoder:
        """Learn the encoding from training rows; columns that cannot be encoded are left out."""
        kept = features.select([field.name for field in features.schema if can_encode(field.type)])
        categories, counts = {}, {}
        for field in kept.schema:
            if not _is_text(field.type):
                continue
            texts = _flat(kept.column(field.name))
            tally = _tally(texts)
            if len(tally) > _NAMED and _reads_as_numbers(texts):
                continue
            named = tally.filter(pc.greater_equal(tally.column("value_count"), _LEAST)).slice(0, _NAMED)
            if not len(named):
                named = tally.slice(0, _NAMED) if len(tally) <= _NAMED else named
            categories[field.name] = _flat(named.column("value"))
            if len(tally) > _NAMED:
                counts[field.name] = tally
        return cls(kept.schema, categories, counts)

    @classmethod
    def restore(cls, parts: Mapping[str, Any]) -> TableEncoder:
        """Make the encoder again of its `parts`."""
        schema = parts["schema"]
        named = {
            name: _flat(parts[f"categories {name}"].column(0))
            for name in schema.names
            if f"categories {name}" in parts
        }
        counts = {name: parts[f"counts {name}"] for name in schema.names if f"counts {name}" in parts}
        return cls(schema, named, counts)

    def parts(self) -> dict[str, Any]:
        """Return what the encoder is made of."""
        named = {f"categories {name}": pa.table({"value": found}) for name, found in self.categories.items()}
        return {"schema": self.schema, **named, **{f"counts {name}": t for name, t in self.counts.items()}}

    @property
    def categorical(self) -> list[bool]:
        """Which columns of the matrix are codes of categories."""
        return [
            place == 0 and field.name in self.categories
            for field in self.schema
            for place in range(self._width(field))
        ]

    @property
    def sources(self) -> list[str]:
        """The column of the table that each column of the matrix is made from."""
        return [field.name for field in self.schema for _ in range(self._width(field))]

    @property
    def names(self) -> list[str]:
        """Names of the columns of the matrix."""
        return [
            field.name if self._width(field) == 1 else f"{field.name}[{place}]"
            for field in self.schema
            for place in range(self._width(field))
        ]

    def matrix(self, features: pa.Table) -> F64:
        """Return shape (rows, columns); missing values are NaN.

        Columns that the rows lack are missing throughout; columns of another type are read as the learnt one
        where that is possible, value by value.
        """
        rows = conform(features, self.schema)
        widths = [self._width(field) for field in self.schema]
        out = np.empty((rows.num_rows, sum(widths)), np.float64)
        start = 0
        for field, width in zip(self.schema, widths, strict=True):
            out[:, start : start + width] = self._column(field, rows.column(field.name))
            start += width
        return out

    def _width(self, field: pa.Field) -> int:
        if pa.types.is_fixed_size_list(field.type):
            return int(field.type.list_size)
        if field.name in self.counts:
            return 3
        return 4 if _is_instant(field.type) else 1

    def _column(self, field: pa.Field, values: pa.ChunkedArray) -> F64:
        if pa.types.is_fixed_size_list(field.type):
            return _vectors(_flat(values))
        if _is_instant(field.type):
            return _instants(values)
        if not _is_text(field.type):
            return numbers(values)[:, None]
        if field.name not in self.categories:
            return numbers(_parsed(_flat(values)))[:, None]
        texts = _flat(values)
        known = self.categories[field.name]
        codes = _floats(pc.fill_null(pc.index_in(texts, value_set=known), len(known)))
        codes[np.asarray(texts.is_null())] = np.nan
        if field.name not in self.counts:
            return codes[:, None]
        rank = pc.index_in(texts, value_set=_flat(self.counts[field.name].column("value")))
        return np.column_stack([codes, _floats(pc.utf8_length(texts)), _floats(rank)])


def can_encode(kind: pa.DataType) -> bool:
    """Return whether a model can learn from a column of this type: no bytes, maps, structs or lists of any length."""
    if pa.types.is_fixed_size_list(kind):
        return bool(_is_number(kind.value_type) and kind.list_size)
    return bool(
        _is_number(kind)
        or _is_text(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_temporal(kind)
    )


def conform(rows: pa.Table, schema: pa.Schema) -> pa.Table:
    """Return the columns of ``schema``: null where the rows lack them or a value cannot be read as the type."""
    columns = []
    there = set(rows.schema.names)
    for field in schema:
        if field.name not in there:
            columns.append(pa.chunked_array([pa.nulls(rows.num_rows, field.type)]))
            continue
        column = rows.column(field.name)
        columns.append(column if column.type == field.type else _cast(column, field.type))
    if not columns:
        return rows.select([])
    return pa.table(columns, schema=schema)


def numbers(values: pa.ChunkedArray | pa.Array) -> F64:
    """Return values as numbers; what is missing or infinite is NaN."""
    kind = values.type
    if pa.types.is_temporal(kind):
        values = values.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
    if pa.types.is_boolean(kind):
        values = values.cast(pa.uint8())
    out = _floats(values)
    out[~np.isfinite(out)] = np.nan
    return out


def _cast(column: pa.ChunkedArray, kind: pa.DataType) -> pa.ChunkedArray:
    try:
        if (pa.types.is_string(column.type) or pa.types.is_null(column.type)) and _is_number(kind):
            return _parsed(_flat(column.cast(pa.string()))).cast(kind, safe=False)
        return column.cast(kind, safe=False)
    except pa.ArrowException:
        # Another kind of thing altogether, such as a list for a number: the model cannot read it.
        return pa.chunked_array([pa.nulls(len(column), kind)])


def _parsed(texts: pa.Array) -> pa.ChunkedArray:
    """Return texts as numbers, null where they are none."""
    fits = pc.fill_null(pc.match_substring_regex(texts, _NUMBER), False)
    kept = pc.if_else(fits, pc.utf8_trim_whitespace(texts), pa.scalar(None, pa.string()))
    return pa.chunked_array([pc.utf8_ltrim(kept, characters="+").cast(pa.float64())])


def _reads_as_numbers(texts: pa.Array) -> bool:
    there = len(texts) - texts.null_count
    fits = pc.sum(pc.match_substring_regex(texts, _NUMBER)).as_py() or 0
    return bool(there and fits >= _MOSTLY * there)


def _tally(texts: pa.Array) -> pa.Table:
    """Return how often each value occurs, the most frequent first."""
    counts = pa.table({"value": texts}).group_by("value").aggregate([("value", "count")])
    counts = counts.filter(pc.is_valid(counts.column("value")))
    return counts.sort_by([("value_count", "descending"), ("value", "ascending")])


def _instants(values: pa.ChunkedArray) -> F64:
    if pa.types.is_timestamp(values.type) and values.type.tz is not None:
        values = values.cast(pa.timestamp(values.type.unit, "UTC")).cast(pa.timestamp(values.type.unit))
    has_hour = pa.types.is_timestamp(values.type)
    hour = pc.hour(values) if has_hour else pa.chunked_array([pa.nulls(len(values), pa.int64())])
    parts: Sequence[pa.ChunkedArray] = (pc.month(values), pc.day_of_week(values), hour)
    return np.column_stack([numbers(values), *(_floats(part) for part in parts)])


def _vectors(values: pa.FixedSizeListArray) -> F64:
    size = values.type.list_size
    there = np.asarray(values.is_valid())
    out = np.full((len(values), size), np.nan)
    out[there] = numbers(values.flatten()).reshape(-1, size)
    return out


def _floats(values: pa.ChunkedArray | pa.Array) -> F64:
    filled = pc.fill_null(values.cast(pa.float64(), safe=False), np.nan)
    return np.asarray(filled).astype(np.float64)


def _flat(values: pa.ChunkedArray) -> pa.Array:
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind))


def _is_instant(kind: pa.DataType) -> bool:
    return bool(pa.types.is_date(kind) or pa.types.is_timestamp(kind))
