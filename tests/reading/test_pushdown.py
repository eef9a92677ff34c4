"""Pushdown: chunks are skipped where statistics allow, never a row that the condition holds for."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.reading.pushdown import Condition, analyse, may_hold, read_matching
from headwater.store.chunk import Chunk, read_chunk, write_chunk
from headwater.store.duck import filtered
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from headwater.versions.repo import Repo
from tests.places import Fresh
from tests.reading.conditions import SCHEMA, conditions, parts
from tests.strategies import tables, values


def chunked(fresh: Fresh, *parts: pa.Table) -> tuple[Objects, list[Chunk]]:
    """Return a chunk for each table, in memory."""
    objects = Objects(Storage(fresh()))
    return objects, [write_chunk(part, objects, key=()) for part in parts]


def kept(where: str, chunks: Sequence[Chunk], schema: pa.Schema) -> list[bool]:
    """Return which chunks are read for a condition."""
    found: list[bool] = may_hold(analyse(where, schema, "data"), chunks, schema).tolist()
    return found


@given(parts(), conditions())
def test_no_row_that_the_condition_holds_for_is_skipped(
    fresh: Fresh, made: list[pa.Table], where: str
) -> None:
    objects, chunks = chunked(fresh, *made)
    condition = analyse(where, SCHEMA, "data")
    try:
        expected = [filtered(part, where, SCHEMA.names, "data") for part in made]
    except ValueError:
        # Values of a column do not fit the constant: "abc" is no date. Nothing is promised but no wrong rows.
        return
    hold = may_hold(condition, chunks, SCHEMA)
    for part, chunk, wanted, possible in zip(made, chunks, expected, hold, strict=True):
        assert possible or wanted.num_rows == 0, f"{where} skips {part.to_pylist()}"
        found = read_matching(chunk, SCHEMA, objects, condition, columns=SCHEMA.names, dataset="data")
        assert repr(found.to_pylist()) == repr(wanted.to_pylist())


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("n > 25", [False, False, True]),
        ("25 < n", [False, False, True]),
        ("n BETWEEN 5 AND 15", [True, True, False]),
        ("n NOT BETWEEN 0 AND 19", [False, False, True]),
        ("n IN (3, 12)", [True, True, False]),
        ("NOT (n < 20)", [False, False, True]),
        ("n < 5 OR n >= 29.5", [True, False, False]),
        ("n < 5 OR n * 2 = 4", [True, True, True]),
        ("n < 5 AND n * 2 = 4", [True, False, False]),
        ("data.n = 11", [False, True, False]),
        ("x > 0.5", [True, True, False]),
        ("x < 0", [False, False, False]),
        ("t = 'b'", [False, True, False]),
        ("t LIKE 'b%'", [False, True, False]),
        ("t IS NULL", [False, False, True]),
        ("t IS NOT NULL", [True, True, False]),
        ("seen >= '2026-01-03'", [False, False, True]),
        ("seen::DATE = DATE '2026-01-02'", [False, True, False]),
        ("seen > TIMESTAMPTZ '2026-01-02 23:00+00:00'", [False, False, True]),
        ("ok", [True, False, False]),
        ("NOT ok", [False, True, True]),
        ("n < 10 AND t COLLATE NOCASE = 'A'", [True, True, True]),
        ("n < 10 AND random() < 2", [True, False, False]),
    ],
)
def test_chunks_that_statistics_rule_out_are_not_read(fresh: Fresh, where: str, expected: list[bool]) -> None:
    made = [
        pa.table(
            {
                "n": pa.array(range(10 * part, 10 * part + 10), pa.int16()),
                "x": pa.array([[0.25, 0.75], [float("nan"), 0.25], [0.0, 0.5]][part] * 5),
                "t": pa.array([("a", "b", None)[part]] * 10, pa.string()),
                "seen": pa.array(
                    [datetime(2026, 1, 1 + part, tzinfo=UTC)] * 10, pa.timestamp("ms", "Asia/Tokyo")
                ),
                "ok": [part == 0] * 10,
            }
        )
        for part in range(3)
    ]
    _, chunks = chunked(fresh, *made)
    assert kept(where, chunks, made[0].schema) == expected


@given(tables(max_rows=4), st.data())
def test_values_of_every_type_are_found_where_they_are(
    fresh: Fresh, table: pa.Table, data: st.DataObject
) -> None:
    _, (chunk,) = chunked(fresh, table)
    name = data.draw(st.sampled_from(table.schema.names))
    quoted = '"' + name.replace('"', '""') + '"'
    for where in (f"{quoted} IS NULL", f"{quoted} IS NOT NULL"):
        try:
            rows = filtered(table, where, [], "data").num_rows
        except ValueError:
            continue
        assert kept(where, [chunk], table.schema)[0] or rows == 0


def test_only_columns_that_the_condition_names_are_read() -> None:
    schema = pa.schema(
        [("a", pa.int64()), ("B", pa.int64()), ("s", pa.struct([("x", pa.int64())])), ("c", pa.string())]
    )
    assert analyse("b > 1 AND abs(a) = 2", schema, "d").columns == ("a", "B")
    assert analyse("s.x = 1", schema, "d").columns == ("s",)
    assert analyse("d.c = 'x'", schema, "d").columns == ("c",)
    assert analyse("CASE WHEN a > 1 THEN B > 1 END", schema, "d").columns == ("a", "B")
    assert analyse("true", schema, "d").columns == ("a",)
    # The whole row, other rows, what cannot be seen through: everything is read.
    for where in (
        "d IS NOT NULL",
        "COLUMNS(*) IS NULL",
        "a IN (SELECT 1)",
        "list_filter([1], x -> x = a) = [1]",
    ):
        assert analyse(where, schema, "d").columns == tuple(schema.names), where


def test_what_is_not_one_condition_tells_nothing() -> None:
    schema = pa.schema([("a", pa.int64())])
    for where in ("a > 1 LIMIT 1", "a >", "1; SELECT 1", "a > 1 GROUP BY a", "(" * 400 + "a > 1" + ")" * 400):
        assert analyse(where, schema, "d") == Condition(where, ("a",)) or "(" in where


def test_a_column_that_a_chunk_lacks_is_null_there(fresh: Fresh) -> None:
    _, chunks = chunked(fresh, pa.table({"a": [1]}), pa.table({"a": [2], "b": [5]}))
    schema = pa.schema([("a", pa.int64()), ("b", pa.int64())])
    assert kept("b > 1", chunks, schema) == [False, True]
    assert kept("b IS NULL", chunks, schema) == [True, False]


def test_statistics_of_narrower_types_count_after_widening(fresh: Fresh) -> None:
    _, chunks = chunked(
        fresh, pa.table({"a": pa.array([1, 9], pa.int8())}), pa.table({"a": pa.array([200.5])})
    )
    schema = pa.schema([("a", pa.float64())])
    assert kept("a > 100", chunks, schema) == [True, True]  # the first was not searched for NaN
    assert kept("a < 100", chunks, schema) == [True, False]
    _, days = chunked(fresh, pa.table({"a": pa.array(["2020-01-01"]).cast(pa.date32())}))
    assert kept("a > '2020-01-01 00:00'", days, pa.schema([("a", pa.timestamp("us"))])) == [False]


def test_of_many_values_the_least_and_the_greatest_count(fresh: Fresh) -> None:
    _, chunks = chunked(
        fresh, *(pa.table({"a": [n, n + 1], "t": [f"{n:05}", f"{n + 1:05}"]}) for n in (1, 5_000, 90_000))
    )
    schema = pa.schema([("a", pa.int64()), ("t", pa.string())])
    some = range(4_000, 15_000, 7)
    numbers, texts = ", ".join(map(str, some)), ", ".join(repr(f"{n:05}") for n in some)
    for where in (f"a IN ({numbers})", f"t IN ({texts})"):
        assert kept(where, chunks, schema) == [False, True, False]
        assert kept(where.replace("IN", "NOT IN"), chunks, schema) == [True, True, True]
    assert kept(f"a IN ({numbers}, '3')", chunks, schema) == [True, True, True]


@pytest.mark.parametrize(
    "where", ["n >= 20", "n = 5 OR n = 25", "label = 'b'", "x > 2", "true", "n < 0", "x IS NULL"]
)
def test_a_scan_with_a_condition_equals_a_full_scan(fresh: Fresh, where: str) -> None:
    repo = Repo.init(fresh())
    for part in range(3):
        with repo.transaction("more") as tx:
            rows = [
                {"n": 10 * part + k, "label": "abc"[part], "x": None if k % 3 else part * 1.5}
                for k in range(10)
            ]
            tx.append("d", rows, key="n")
    with repo.transaction("fewer") as tx:
        tx.delete("d", keys=[3, 25])
    data = repo["d"]
    for columns in (None, ["label"], ["x", "n"], []):
        everything = filtered(data.to_arrow(), where, data.schema.names if columns is None else columns, "d")
        found = data.to_arrow(columns, where)
        assert found.num_rows == everything.num_rows
        assert found.to_pylist() == everything.to_pylist()


def test_columns_of_the_answer_are_read_only_where_the_condition_holds(
    fresh: Fresh,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    objects, (chunk,) = chunked(fresh, pa.table({"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [1.0, 2.0, 3.0]}))
    schema = pa.schema([("a", pa.int64()), ("b", pa.string()), ("c", pa.float64())])
    asked: list[Any] = []

    def noting(*args: Any, **kwargs: Any) -> pa.Table:
        asked.append(tuple(kwargs["columns"]))
        return read_chunk(*args, **kwargs)

    monkeypatch.setattr("headwater.reading.pushdown.read_chunk", noting)
    condition = analyse("a = 2", schema, "d")
    found = read_matching(chunk, schema, objects, condition, columns=["b"], dataset="d")
    assert (found.to_pylist(), asked) == ([{"b": "y"}], [("a",), ("b",)])
    asked.clear()
    nothing = analyse("a = 7", schema, "d")
    assert read_matching(chunk, schema, objects, nothing, columns=["b", "c"], dataset="d").num_rows == 0
    assert asked == [("a",)]


@given(st.data())
def test_floats_are_found_among_all_others(fresh: Fresh, data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from([pa.float32(), pa.float64()]))
    one = data.draw(st.lists(values(kind), min_size=1, max_size=4))
    table = pa.table({"x": pa.array(one, kind)})
    _, (chunk,) = chunked(fresh, table)
    sought = table.column(0)[data.draw(st.integers(0, len(one) - 1))].as_py()
    name = "FLOAT" if kind == pa.float32() else "DOUBLE"
    for sign in ("=", ">=", "<="):
        where = f"x {sign} '{sought!r}'::{name}"
        rows = filtered(table, where, [], "d").num_rows
        assert rows > 0
        assert kept(where, [chunk], table.schema) == [True], where
