"""Tables of every kind of column, for the laws of measures."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from headwater.profile.base import Measure
from headwater.profile.columns import Counts, Extent, Moments
from headwater.profile.comoments import Comoments
from headwater.profile.conformance import Holds, InRange, InSet, Matches, Parses
from headwater.profile.distinct import Distinct
from headwater.profile.extremes import Extremes
from headwater.profile.groups import Groups
from headwater.profile.hashes import Determines, Repeats
from headwater.profile.quantiles import Quantiles
from headwater.profile.shapes import Shapes
from headwater.profile.times import TimeCounts, TimeGaps
from headwater.profile.top import TopValues

__all__ = ["COLUMNS", "MEASURES", "SCHEMA", "rows_of", "table_of", "tables"]

COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[Any]]] = {
    "whole": (pa.int32(), st.integers(-3, 3) | st.integers(-(2**31), 2**31 - 1)),
    "real": (
        pa.float64(),
        st.floats(-5, 5, width=32) | st.sampled_from([float("nan"), float("inf"), 0.0, -0.0]),
    ),
    "text": (pa.string(), st.sampled_from(["", " ", "a", "A", "b ", "12", "é", "x-1"]) | st.text(max_size=5)),
    "flag": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates(date(1990, 1, 1), date(1990, 1, 9))),
    "time": (
        pa.timestamp("us"),
        st.integers(0, 3600).map(
            lambda s: datetime(2020, 1, 1, tzinfo=UTC).replace(tzinfo=None) + timedelta(seconds=s)
        ),
    ),
    "money": (pa.decimal128(8, 2), st.integers(-999, 999).map(lambda cents: Decimal(cents) / 100)),
    "coins": (pa.decimal32(4, 2), st.integers(-999, 999).map(lambda cents: Decimal(cents) / 100)),
    "bytes": (pa.binary(), st.binary(max_size=2)),
    "items": (pa.list_(pa.int64()), st.lists(st.integers(0, 2), max_size=2)),
    "map": (pa.map_(pa.string(), pa.int64()), st.dictionaries(st.sampled_from("ab"), st.integers(0, 2))),
    "vector": (pa.list_(pa.float32(), 2), st.lists(st.floats(0, 1, width=16), min_size=2, max_size=2)),
    "pair": (pa.struct([("a", pa.int64())]), st.fixed_dictionaries({"a": st.integers(0, 1)})),
}
SCHEMA = pa.schema([(name, type_) for name, (type_, _) in COLUMNS.items()])

_ORDERED = ("whole", "real", "day", "time", "money", "coins")
_COUNTABLE = (*_ORDERED, "text", "flag", "bytes")

MEASURES: list[Measure[Any]] = [
    *(Counts(column=name) for name in COLUMNS),
    *(Distinct(column=name) for name in COLUMNS),
    *(kind(column=name) for kind in (Extent, Extremes, Moments, Quantiles) for name in _ORDERED),
    *(TopValues(column=name) for name in _COUNTABLE),
    TopValues(column="whole", capacity=3),
    *(Quantiles(column=name, of="length") for name in ("text", "bytes", "items", "map", "vector")),
    Shapes(column="text"),
    Comoments(of=("whole", "real", "flag", "money")),
    InRange(column="whole", minimum=-1, maximum=2),
    InRange(column="day", minimum="1990-01-03"),
    InRange(column="text", maximum=1, of="length"),
    InSet(column="text", values=("a", "b")),
    InSet(column="real", values=(0.0, 1.5)),
    Matches(column="text", pattern="[a-z]*"),
    Parses(column="text", sql_type="BIGINT"),
    Holds(condition="whole > 0 OR flag", reads=("whole", "flag")),
    Groups(by=("flag", "text")),
    Groups(by=("text",), capacity=3),
    Repeats(of=("text",)),
    Repeats(of=("whole", "flag")),
    Determines(by=("flag",), determined="day"),
    Determines(by=("text", "whole"), determined="real"),
    *(TimeCounts(column=name) for name in ("day", "time")),
    *(TimeGaps(column=name, by=by) for name in ("day", "time") for by in (None, "flag")),
]


def rows_of(columns: tuple[str, ...] = tuple(COLUMNS)) -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy for rows, any value of which may be null."""
    return st.fixed_dictionaries({name: st.none() | COLUMNS[name][1] for name in columns})


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    """Return rows as a table of `SCHEMA`."""
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def tables(max_rows: int = 12) -> st.SearchStrategy[pa.Table]:
    """Return a strategy for tables, most of them with rows that repeat."""
    return st.lists(rows_of(), max_size=max_rows).map(table_of)
