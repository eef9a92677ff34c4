"""Hypothesis strategies for tables of the types that formats carry."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

LETTERS = st.characters(codec="utf-8", exclude_characters="\0")
TEXT = st.one_of(
    st.text(LETTERS, max_size=12),
    st.sampled_from(["", "007", "1", "true", "null", '"', ",", "a\nb", "\r\n", " x "]),
)
NAMES = st.text(LETTERS, min_size=1, max_size=8).filter(
    lambda name: name == name.strip() and name[0] != "\ufeff"
)

_FROM, _TO = dt.datetime(1, 1, 1), dt.datetime(9999, 12, 31)  # noqa: DTZ001 - naive on purpose
TYPES: dict[pa.DataType, st.SearchStrategy[Any]] = {
    pa.int64(): st.integers(-(2**63), 2**63 - 1),
    pa.int8(): st.integers(-128, 127),
    pa.uint64(): st.integers(0, 2**64 - 1),
    pa.float64(): st.floats(allow_nan=False),
    pa.bool_(): st.booleans(),
    pa.string(): TEXT,
    pa.binary(): st.binary(max_size=12),
    pa.date32(): st.dates(_FROM.date(), _TO.date()),
    pa.timestamp("us"): st.datetimes(_FROM, _TO),
    pa.timestamp("us", "UTC"): st.datetimes(_FROM, _TO, timezones=st.just(dt.UTC)),
    pa.time64("us"): st.times(),
    pa.decimal128(10, 2): st.decimals(Decimal(-99999999), Decimal(99999999), places=2),
    pa.list_(pa.int64()): st.lists(st.integers(-5, 5), max_size=3),
    pa.struct([("a", pa.int64()), ("b", pa.string())]): st.fixed_dictionaries(
        {"a": st.integers(0, 9), "b": TEXT}
    ),
}


@st.composite
def tables(draw: st.DrawFn, types: tuple[pa.DataType, ...] = tuple(TYPES), min_rows: int = 0) -> pa.Table:
    """Draw a table of a few columns of some of the types, with nulls."""
    names = draw(st.lists(NAMES, min_size=1, max_size=4, unique=True))
    rows = draw(st.integers(min_rows, 6))
    columns = []
    for _ in names:
        kind = draw(st.sampled_from(types))
        values = st.lists(st.none() | TYPES[kind], min_size=rows, max_size=rows)
        columns.append(pa.array(draw(values), kind))
    return pa.table(columns, names=names)
