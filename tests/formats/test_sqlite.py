"""SQLite databases: types over all rows of columns that may hold anything."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import InputError, NotFound, UsageError
from headwater.core.types import parse_type
from headwater.formats.base import ReadOptions, Source
from headwater.formats.sqlite import Sqlite


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    path = tmp_path / "shop it's 100%.db"
    connection = sqlite3.connect(path)
    yield path, connection
    connection.close()


Shop = tuple[Path, sqlite3.Connection]


def filled(shop: Shop, columns: str, rows: list[tuple[Any, ...]], table: str = "t") -> Path:
    path, connection = shop
    connection.execute(f'CREATE TABLE "{table}" ({columns})')
    marks = ", ".join("?" * len(columns.split(",")))
    connection.executemany(f'INSERT INTO "{table}" VALUES ({marks})', rows)
    connection.commit()
    return path


def read(path: Path | str, *, schema: dict[str, str] | None = None, **how: Any) -> Source:
    types = {name: parse_type(kind) for name, kind in (schema or {}).items()}
    return Sqlite().read(str(path), options=ReadOptions(schema=types, **how))


def test_types_are_those_of_the_values_not_of_the_declaration(shop: Shop) -> None:
    path = filled(
        shop,
        "i TEXT, r, s INTEGER, b, d, t, z, x, n",
        [
            (1, 1, "é", b"\0", "2020-01-01", "2020-01-01", "2020-01-01T00:00:00Z", None, None),
            (2, 1.5, "b", None, "2020-01-02", "2020-01-01 10:00", None, None, 2**60),
        ],
    )
    shop[1].execute("UPDATE t SET i = CAST(i AS INTEGER)")
    source = read(path, query="SELECT CAST(i AS INTEGER) AS i, r, s, b, d, t, z, x, n FROM t")
    assert dict(zip(source.schema.names, source.schema.types, strict=True)) == {
        "i": pa.int64(),
        "r": pa.float64(),
        "s": pa.string(),
        "b": pa.binary(),
        "d": pa.date32(),
        "t": pa.timestamp("us"),
        "z": pa.timestamp("us", "UTC"),
        "x": pa.string(),
        "n": pa.int64(),
    }
    assert source.num_rows == 2
    assert source.table().select(["i", "r", "s", "b", "n"]).to_pylist() == [
        {"i": 1, "r": 1.0, "s": "é", "b": b"\0", "n": None},
        {"i": 2, "r": 1.5, "s": "b", "b": None, "n": 2**60},
    ]
    assert source.notes == ("Column 'x' has no values; it is read as text.",)


def test_mixed_values_are_read_as_text_and_said_so(shop: Shop) -> None:
    path = filled(shop, "a, b", [(1, 2**60 + 1), ("x", 1.5), (2.5, None)])
    source = read(path)
    assert source.table()["a"].to_pylist() == ["1", "x", "2.5"]
    assert source.table()["b"].to_pylist() == [str(2**60 + 1), "1.5", None]
    assert source.notes[0] == (
        "Column 'a' is read as text: its values are integer in 1 rows, real in 1 rows, text in 1 rows."
    )


def test_a_late_value_decides_over_many_rows(shop: Shop) -> None:
    rows = [(number, "2020-01-01") for number in range(70_000)]
    path = filled(shop, "a, d", [*rows, (0.5, "soon")])
    source = read(path, query="SELECT * FROM t ORDER BY rowid")
    assert source.schema.types == [pa.float64(), pa.string()]
    assert source.table()["a"].to_pylist()[-2:] == [69_999.0, 0.5]


def test_the_table_is_named_or_the_only_one(shop: Shop) -> None:
    path = filled(shop, "a", [(1,)])
    assert (
        read(path).table().to_pylist()
        == read(f"sqlite:///{path}", table="t").table().to_pylist()
        == [{"a": 1}]
    )
    filled(shop, "b", [(2,)], 'odd "name"'.replace('"', ""))
    with pytest.raises(UsageError, match="It has odd name, t"):
        read(path)
    assert read(path, table="odd name").table().to_pylist() == [{"b": 2}]
    with pytest.raises(NotFound, match="Table 'tt' not found"):
        read(path, table="tt")


def test_queries_keep_their_order_and_take_a_semicolon(shop: Shop) -> None:
    path = filled(shop, "a", [(3,), (1,), (2,)])
    assert read(path, query="SELECT a FROM t ORDER BY a DESC;").table()["a"].to_pylist() == [3, 2, 1]
    assert read(path, query="WITH q AS (SELECT a FROM t) SELECT sum(a) AS s FROM q").table().to_pylist() == [
        {"s": 6}
    ]


def test_types_asked_for_are_kept_to_and_misfits_named(shop: Shop) -> None:
    path = filled(shop, "a, b", [("1", 1), ("x", 2)])
    assert read(path, schema={"b": "double"}).schema.field("b").type == pa.float64()
    with pytest.raises(InputError, match="row 2, column 'a': 'x' is not an int64"):
        read(path, schema={"a": "int64"}).table()


@pytest.mark.parametrize(
    ("query", "error", "said"),
    [
        ("SELECT nope FROM t", InputError, "no such column"),
        ("DELETE FROM t", InputError, "readonly"),
        ("SELECT 1 AS a, 2 AS a", InputError, "more than once: 'a'"),
        ("SELECT b'x' FROM t", InputError, "SQLite says"),
        ("SELECT x'00' AS a UNION ALL SELECT 'b'", InputError, "has bytes in 1 rows"),
        ("", UsageError, "no columns"),
    ],
)
def test_mistakes_are_told(shop: Shop, query: str, error: type[Exception], said: str) -> None:
    path = filled(shop, "a", [(1,)])
    with pytest.raises(error, match=said):
        read(path, query=query)


def test_what_is_no_database_says_so(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    with pytest.raises(InputError, match="no such file"):
        read(path)
    path.write_bytes(b"hello" * 1000)
    with pytest.raises(InputError, match="not a database"):
        read(path)
