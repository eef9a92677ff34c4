"""What the tests of formats that are folders share: a table of all types, and a round trip."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa

from headwater.formats.base import About, Source
from headwater.formats.read import read
from headwater.formats.write import write

_DAY = dt.datetime(2026, 3, 29, 1, 30)  # noqa: DTZ001 - naive on purpose

EVERY_TYPE: dict[str, pa.Array] = {
    "int8": pa.array([1, None, -128], pa.int8()),
    "int64": pa.array([1, None, 2**63 - 1], pa.int64()),
    "uint8": pa.array([1, None, 255], pa.uint8()),
    "uint64": pa.array([1, None, 2**64 - 1], pa.uint64()),
    "float": pa.array([1.5, None, -0.0], pa.float32()),
    "double": pa.array([1e300, None, float("inf")], pa.float64()),
    "bool": pa.array([True, None, False]),
    "string": pa.array(["ä\n\"'", None, ""]),
    "binary": pa.array([b"\x00\xff", None, b""]),
    "fixed_binary": pa.array([b"ab", None, b"\0\0"], pa.binary(2)),
    "date": pa.array([dt.date(2026, 2, 28), None, dt.date(1, 1, 1)]),
    "timestamp": pa.array([_DAY, None, _DAY], pa.timestamp("us")),
    "timestamp_ms": pa.array([_DAY, None, _DAY], pa.timestamp("ms")),
    "timestamp_utc": pa.array([_DAY, None, _DAY], pa.timestamp("us", "UTC")),
    "timestamp_zone": pa.array([_DAY, None, _DAY], pa.timestamp("us", "Europe/Berlin")),
    "time": pa.array([dt.time(1, 2, 3, 4), None, dt.time(0)], pa.time64("us")),
    "duration": pa.array([1, None, -3], pa.duration("us")),
    "decimal": pa.array([Decimal("1.10"), None, Decimal("-99999999.99")], pa.decimal128(10, 2)),
    "decimal256": pa.array([Decimal("1.10"), None, Decimal(10) ** 45], pa.decimal256(50, 2)),
    "list": pa.array([[1, None], None, []], pa.list_(pa.int64())),
    "embedding": pa.array([[1.0, 2.0], None, [3.0, 4.0]], pa.list_(pa.float32(), 2)),
    "struct": pa.array([{"a": 1, "ü": "x"}, None, {"a": None, "ü": None}]),
    "list_of_structs": pa.array([[{"a": dt.date(2020, 1, 1)}], None, []]),
    "map": pa.array([[("a", 1)], None, []], pa.map_(pa.string(), pa.int64())),
    "nulls": pa.nulls(3),
    "Nämé with blanks": pa.array([1, 2, None]),
}


def round_trip(
    table: pa.Table, folder: Path, format: str, about: About | None = None, **options: Any
) -> tuple[Source, pa.Table]:
    """Write a table, find its format by what lies there, and return the source and its rows."""
    assert write(table, table.schema, folder, format=format, about=about, **options) == len(table)
    source = read(folder)
    assert source.format == format
    back = source.table()
    assert source.num_rows in (None, len(table))
    assert max((len(batch) for batch in source.batches()), default=0) <= 131_072
    return source, back


def converted(format_types: dict[str, pa.DataType | None]) -> list[tuple[str, pa.DataType | None]]:
    """Return each column of `EVERY_TYPE` with the type it comes back in, None where it is refused."""
    return [(name, format_types.get(name, values.type)) for name, values in EVERY_TYPE.items()]


def require_type_kept(
    name: str, kind: pa.DataType | None, folder: Path, format: str, refused: Callable[[], Any]
) -> None:
    """Hold that one column comes back in a type with equal values, or is refused by name."""
    values = EVERY_TYPE[name]
    table = pa.table({name: values})
    notes: list[str] = []
    if kind is None:
        with refused():
            write(table, table.schema, folder, format=format)
        assert not folder.exists()
        return
    _, back = round_trip(table, folder, format, note=notes.append)
    assert back.schema.field(0).type == kind
    if name == "map" and not pa.types.is_map(kind):
        expected: list[Any] = [
            None if v is None else [{"key": k, "value": i} for k, i in v] for v in values.to_pylist()
        ]
    else:
        expected = values.to_pylist()
    assert back.column(0).to_pylist() == expected
    assert (kind == values.type) == (notes == []), notes
