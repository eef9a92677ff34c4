"""Bounds of chunks as a table: what is unknown is null, and never narrower than the values."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pyarrow as pa
import pytest

from headwater.store.bounds import bounds, has_bounds
from headwater.store.chunk import Chunk, write_chunk
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from tests.places import Fresh

NAN = float("nan")


def chunk(fresh: Fresh, values: Any) -> Chunk:
    """Return a chunk with one column ``c``."""
    return write_chunk(pa.table({"c": values}), Objects(Storage(fresh())), key=())


@pytest.mark.parametrize(
    ("values", "row"),
    [
        (pa.array([3, 1, None]), (1, 3, True, True)),
        (pa.array([None, None], pa.int64()), (None, None, False, True)),
        (pa.array([1.5, 2.5]), (1.5, 2.5, True, False)),
        (pa.array([1.5, NAN]), (1.5, None, True, False)),
        (pa.array([NAN, NAN]), (None, None, True, False)),
        (pa.array([1.5, float("inf")]), (1.5, None, True, False)),
        (pa.array([True, False]), (False, True, True, False)),
        (pa.array(["é", "a", "x" * 65]), ("a", "é", True, False)),
        (pa.array(["a" * 65, "b"]), (None, "b", True, False)),
        (pa.array([date(1, 1, 1), date(9999, 12, 31)]), (date(1, 1, 1), date(9999, 12, 31), True, False)),
    ],
)
def test_bounds_are_the_least_and_the_greatest_value_where_they_are_known(
    fresh: Fresh, values: pa.Array, row: tuple[Any, ...]
) -> None:
    table = bounds([chunk(fresh, values)], [pa.field("c", values.type)])
    assert table.schema.names == ["n", "l0", "h0", "v0", "u0"]
    assert tuple(table.to_pylist()[0].values()) == (0, *row)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_times_are_read_in_every_unit_and_zone(fresh: Fresh, unit: str, zone: str | None) -> None:
    kind = pa.timestamp(unit, zone)
    moments = [datetime(2020, 1, 1, 12, 30, 1, tzinfo=UTC), datetime(1960, 1, 1, tzinfo=UTC)]
    values = pa.array(moments, kind)
    table = bounds([chunk(fresh, values)], [pa.field("c", kind)])
    assert (table["l0"][0], table["h0"][0]) == (values[1], values[0])


def test_a_value_of_another_type_or_out_of_reach_is_unknown(fresh: Fresh) -> None:
    made = chunk(fresh, pa.array([1]))
    strange: list[tuple[pa.DataType, list[Any]]] = [
        (pa.int64(), ["x", True, 0]),
        (pa.string(), [1, 2.5, 0]),
        (pa.bool_(), [0, 1, 0]),
        (pa.float64(), [False, "1", 0]),
        (pa.date32(), [1, 2, 0]),
        (pa.timestamp("ns"), ["0001-01-01T00:00:00", "9999-01-01", 0]),
    ]
    for kind, stored in strange:
        table = bounds([replace(made, statistics={"c": stored})], [pa.field("c", kind)])
        assert table.select(["l0", "h0"]).to_pylist() == [{"l0": None, "h0": None}], kind


def test_without_statistics_anything_may_be_and_without_the_column_only_null(fresh: Fresh) -> None:
    made = chunk(fresh, pa.array([1]))
    fields = [pa.field("c", pa.int64()), pa.field("later", pa.int64())]
    (row,) = bounds([replace(made, statistics={})], fields).to_pylist()
    assert row == {
        "n": 0,
        "l0": None,
        "h0": None,
        "v0": True,
        "u0": True,
        "l1": None,
        "h1": None,
        "v1": False,
        "u1": True,
    }
    assert bounds([], fields).num_rows == 0


def test_types_without_order_in_sql_have_no_bounds() -> None:
    assert all(
        map(has_bounds, [pa.int8(), pa.uint64(), pa.float32(), pa.large_string(), pa.date64(), pa.bool_()])
    )
    without = [
        pa.float16(),
        pa.binary(),
        pa.list_(pa.int8()),
        pa.duration("s"),
        pa.time32("s"),
        pa.decimal128(3, 1),
    ]
    assert not any(map(has_bounds, [*without, pa.dictionary(pa.int8(), pa.string()), pa.null()]))
