"""Hypothesis strategies that several test files share: Arrow types, columns and tables of every kind."""

from __future__ import annotations

import string
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

__all__ = ["FLAT_TYPES", "KEY_TYPES", "arrays", "column_names", "keyed_tables", "tables", "types", "values"]

FLAT_TYPES: list[pa.DataType] = [
    *(pa.null(), pa.bool_(), pa.int8(), pa.int16(), pa.int32(), pa.int64()),
    *(pa.uint8(), pa.uint16(), pa.uint32(), pa.uint64(), pa.float32(), pa.float64()),
    *(pa.string(), pa.binary(), pa.binary(16), pa.date32(), pa.time32("s"), pa.time64("us")),
    *(pa.timestamp("s"), pa.timestamp("us"), pa.timestamp("ms", "UTC"), pa.duration("ms")),
    *(pa.decimal128(12, 3), pa.decimal256(50, 0)),
]
KEY_TYPES: list[pa.DataType] = [
    *(pa.int32(), pa.int64(), pa.uint64(), pa.string(), pa.binary(), pa.binary(16), pa.date32()),
    *(pa.timestamp("us"), pa.timestamp("ns", "UTC"), pa.bool_(), pa.decimal128(12, 3), pa.time64("us")),
]

_WIDTHS = {pa.int8(): 8, pa.int16(): 16, pa.int32(): 32, pa.int64(): 64}
_UNSIGNED = {pa.uint8(): 8, pa.uint16(): 16, pa.uint32(): 32, pa.uint64(): 64}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def types(flat: Sequence[pa.DataType] = FLAT_TYPES) -> st.SearchStrategy[pa.DataType]:
    """Draw a type that can be stored, nested ones included."""
    return st.recursive(st.sampled_from(flat), _nested, max_leaves=4)


def _nested(children: st.SearchStrategy[pa.DataType]) -> st.SearchStrategy[pa.DataType]:
    fields = st.lists(st.tuples(st.sampled_from("abc"), children), min_size=1, max_size=3, unique_by=_first)
    return st.one_of(
        children.map(pa.list_),
        st.builds(pa.list_, children.filter(lambda kind: not pa.types.is_null(kind)), st.integers(1, 3)),
        fields.map(lambda pairs: pa.struct([pa.field(*pair) for pair in pairs])),
        st.builds(pa.map_, st.just(pa.string()), children),
    )


def _first(pair: tuple[str, pa.DataType]) -> str:
    return pair[0]


def values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    """Draw a value of a type, never null at its top."""
    if kind in _WIDTHS:
        half = 1 << (_WIDTHS[kind] - 1)
        return st.integers(-half, half - 1)
    if kind in _UNSIGNED:
        return st.integers(0, (1 << _UNSIGNED[kind]) - 1)
    if pa.types.is_boolean(kind):
        return st.booleans()
    if pa.types.is_floating(kind):
        return st.floats(width=32 if kind == pa.float32() else 64)
    if pa.types.is_string(kind):
        return st.text(st.characters(exclude_categories=["Cs"]), max_size=12) | st.text("ab", max_size=120)
    if pa.types.is_binary(kind):
        return st.binary(max_size=20)
    if pa.types.is_fixed_size_binary(kind):
        return st.binary(min_size=kind.byte_width, max_size=kind.byte_width)
    if pa.types.is_date32(kind):
        return st.dates(date(1900, 1, 1), date(2200, 1, 1))
    if pa.types.is_time(kind):
        whole = st.integers(0, 86_399).map(lambda second: (_EPOCH + timedelta(seconds=second)).time())
        return whole if kind.unit == "s" else whole | st.times()
    if pa.types.is_timestamp(kind):
        return _instants(kind)
    if pa.types.is_duration(kind):
        return st.integers(-(10**12), 10**12).map(lambda count: timedelta(milliseconds=count))
    if pa.types.is_decimal(kind):
        whole = 10 ** (kind.precision - 1)
        return st.integers(-whole, whole).map(lambda count: Decimal(count).scaleb(-kind.scale))
    return _nested_values(kind)


def _instants(kind: pa.DataType) -> st.SearchStrategy[datetime]:
    step = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 1}[kind.unit]
    bound = 4 * 10**15 // step
    return st.integers(-bound, bound).map(
        lambda count: (_EPOCH + timedelta(microseconds=count * step)).replace(tzinfo=UTC if kind.tz else None)
    )


def _nested_values(kind: pa.DataType) -> st.SearchStrategy[Any]:
    if pa.types.is_null(kind):
        return st.none()
    if pa.types.is_fixed_size_list(kind):
        return st.lists(_or_null(kind.value_type), min_size=kind.list_size, max_size=kind.list_size)
    if pa.types.is_list(kind):
        return st.lists(_or_null(kind.value_type), max_size=3)
    if pa.types.is_struct(kind):
        return st.fixed_dictionaries({field.name: _or_null(field.type) for field in kind})
    if pa.types.is_map(kind):
        pairs = st.tuples(values(kind.key_type), _or_null(kind.item_type))
        return st.lists(pairs, max_size=3)
    raise AssertionError(f"no strategy for {kind}")


def _or_null(kind: pa.DataType) -> st.SearchStrategy[Any]:
    return st.none() | values(kind)


@st.composite
def arrays(draw: st.DrawFn, kind: pa.DataType, size: int, *, nulls: bool = True) -> pa.Array:
    """Draw an array of a type."""
    item = _or_null(kind) if nulls else values(kind)
    return pa.array(draw(st.lists(item, min_size=size, max_size=size)), kind)


def column_names() -> st.SearchStrategy[str]:
    """Draw a name of a column: plain words, and names that trip careless code."""
    awkward = [
        "a.b",
        "a",
        "rows",
        "_row",
        "select",
        'quo"te',
        "sp ace",
        "ü",
        "x'y",
        "A",
        "#1",
        "%s",
        "_hw_row",
    ]
    return st.sampled_from(awkward) | st.text(string.ascii_letters + "_ .äß", min_size=1, max_size=6)


@st.composite
def tables(
    draw: st.DrawFn,
    *,
    min_rows: int = 0,
    max_rows: int = 12,
    min_columns: int = 1,
    max_columns: int = 4,
    flat: bool = False,
) -> pa.Table:
    """Draw a table with columns of any types."""
    rows = draw(st.integers(min_rows, max_rows))
    names = draw(st.lists(column_names(), min_size=min_columns, max_size=max_columns, unique=True))
    kinds = [draw(st.sampled_from(FLAT_TYPES) if flat else types()) for _ in names]
    columns = [draw(arrays(kind, rows)) for kind in kinds]
    return pa.table(columns, schema=pa.schema([pa.field(n, k) for n, k in zip(names, kinds, strict=True)]))


@st.composite
def keyed_tables(draw: st.DrawFn, *, max_rows: int = 12, key_columns: int = 1) -> pa.Table:
    """Draw a table whose first columns ``k0``, ``k1``… are a key: no nulls, no duplicates."""
    kinds = [draw(st.sampled_from(KEY_TYPES)) for _ in range(key_columns)]
    keys = draw(st.lists(st.tuples(*map(values, kinds)), max_size=max_rows, unique=True))
    rest = draw(tables(min_rows=len(keys), max_rows=len(keys), max_columns=3))
    names = [f"k{number}" for number in range(key_columns)]
    columns = [pa.array([key[number] for key in keys], kind) for number, kind in enumerate(kinds)]
    fields = [pa.field(name, kind) for name, kind in zip(names, kinds, strict=True)]
    return pa.table([*columns, *rest.columns], schema=pa.schema([*fields, *rest.schema]))
