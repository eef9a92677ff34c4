"""Relations: engines read the columns and chunks that they need, and get the rows of a full scan."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given

from headwater.core.errors import ObjectMissing
from headwater.reading.relation import Relation, chunks_for
from headwater.store.chunk import Chunk, read_chunk
from headwater.store.duck import connect
from headwater.versions.repo import Repo
from headwater.versions.sql import query
from tests.places import Fresh
from tests.reading.conditions import SCHEMA, conditions, parts
from tests.reading.noted import Noted


@given(parts(), conditions())
def test_sql_over_a_relation_answers_as_over_rows_in_memory(made: list[pa.Table], where: str) -> None:
    noted = Noted(*made)
    with connect(threads=1) as one, connect(threads=1) as other:
        one.register("data", noted.relation)
        other.register("data", pa.concat_tables(made))
        sql = f"SELECT count(*), count(i), max(t), sum(u) FROM data WHERE {where}"
        try:
            expected = other.sql(sql).fetchall()
        except duckdb.Error:
            return
        assert repr(one.sql(sql).fetchall()) == repr(expected)


@pytest.mark.parametrize(
    ("sql", "columns", "read"),
    [
        ("SELECT sum(x) FROM t", ["x"], [0, 1, 2]),
        ("SELECT x FROM t WHERE n >= 20", ["n", "x"], [2]),
        ("SELECT x FROM t WHERE n = 5 OR n = 7", ["n", "x"], [0]),
        ("SELECT min(label) FROM t WHERE label IS NULL", ["label"], [2]),
        ("SELECT t.x FROM t JOIN (SELECT 11 AS n) USING (n)", ["n", "x"], [0, 1, 2]),
        ("SELECT n FROM t LIMIT 3", ["n"], [0]),
    ],
)
def test_a_query_reads_only_the_columns_and_chunks_it_needs(
    sql: str, columns: list[str], read: list[int]
) -> None:
    noted = Noted(
        *(
            pa.table(
                {
                    "n": range(10 * part, 10 * part + 10),
                    "x": [part * 1.5] * 10,
                    "label": pa.array([("a", "b", None)[part]] * 10, pa.string()),
                    "unused": [b"..."] * 10,
                }
            )
            for part in range(3)
        )
    )
    with connect(threads=1) as connection:
        connection.register("t", noted.relation)
        connection.sql(sql).fetchall()
    assert set(noted.columns[-1]) == set(columns)
    assert noted.parts[: len(read)] == read
    assert "LIMIT" in sql or "JOIN" in sql or noted.parts == read


def test_columns_of_every_name_are_found_in_a_condition() -> None:
    names = ["a", "a.b", 'q"uote', "new\nline", "tab\t", "ä", "==", "and", "(x", "\\", " "]
    noted = Noted(pa.table({name: [number, number + 1] for number, name in enumerate(names)}))
    with connect(threads=1) as connection:
        connection.register("t", noted.relation)
        for number, name in enumerate(names):
            quoted = '"' + name.replace('"', '""') + '"'
            sql = f"SELECT count(*) FROM t WHERE {quoted} = {number}"
            assert connection.sql(sql).fetchall() == [(1,)], name


def test_a_relation_is_read_anew_at_each_scan_and_has_types_that_duckdb_knows() -> None:
    wide = pa.decimal256(50, 0)
    noted = Noted(
        pa.table(
            {
                "wide": pa.array([Decimal(3)], wide),
                "fits": pa.array([Decimal("1.50")], pa.decimal256(10, 2)),
                "list": pa.array([[Decimal(3)]], pa.list_(wide)),
                "struct": pa.array([{"x": Decimal(3)}], pa.struct([("x", wide)])),
                "map": pa.array([[("k", Decimal(3))]], pa.map_(pa.string(), wide)),
            }
        )
    )
    with connect() as connection:
        connection.register("t", noted.relation)
        for _ in range(2):
            found = connection.sql("SELECT * FROM t JOIN t u USING (wide)").fetchall()
            assert found[0][:4] == (3.0, Decimal("1.50"), [3.0], {"x": 3.0})
    assert noted.relation.error is None


def test_a_relation_keeps_the_error_that_stopped_it() -> None:
    noted = Noted(pa.table({"a": [1]}))

    def broken(columns: Sequence[str], chunks: Sequence[Chunk]) -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"a": [1]})
        raise ObjectMissing("gone")

    relation = Relation(noted.schema, noted.chunks, broken)
    with connect() as connection:
        connection.register("t", relation)
        with pytest.raises(duckdb.Error):
            connection.sql("SELECT count(a) FROM t").fetchall()
    assert isinstance(relation.error, ObjectMissing)


def test_a_relation_is_a_dataset_of_arrow_too() -> None:
    relation = Noted(pa.table({"a": [1, 2], "b": ["x", "y"]}), pa.table({"a": [3], "b": ["z"]})).relation
    assert relation.to_table(columns=["b"], filter=pc.field("a") > 1).to_pylist() == [{"b": "y"}, {"b": "z"}]
    assert relation.count_rows() == 3
    assert relation.head(2).num_rows == 2
    assert relation.schema.names == ["a", "b"]


@given(parts())
def test_a_chunk_is_left_out_only_where_arrow_finds_no_row(made: list[pa.Table]) -> None:
    noted = Noted(*made)
    for where in (
        pc.field("i") > 1,
        (pc.field("w") <= 0) | (pc.field("t") == "a"),
        ~(pc.field("s") < pa.scalar(0, pa.timestamp("s"))),
        pc.field("b"),
        pc.field("z").is_null(),
        pc.field("f") <= 0.0,
        pc.field("t").isin(["é", "b"]) & pc.field("u").is_valid(),
    ):
        kept = chunks_for(where, SCHEMA, noted.chunks)
        for table, chunk in zip(made, noted.chunks, strict=True):
            assert chunk in kept or table.filter(where).num_rows == 0, where


def test_sql_and_duckdb_read_only_what_they_need_of_a_repository(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repo.init(fresh())
    for part in range(3):
        with repo.transaction("more") as tx:
            tx.append("d", [{"n": 10 * part + k, "x": k, "y": "long"} for k in range(10)], key="n")
    asked: list[Any] = []

    def noting(*args: Any, **kwargs: Any) -> pa.Table:
        asked.append(tuple(kwargs["columns"]))
        return read_chunk(*args, **kwargs)

    monkeypatch.setattr("headwater.reading.dataset.read_chunk", noting)
    assert query(repo, "SELECT max(x) AS x FROM d WHERE n < 5").to_pylist() == [{"x": 4}]
    assert asked == [("n", "x")]
    asked.clear()
    assert repo["d"].to_duckdb().filter("n > 27").select("y").fetchall() == [("long",), ("long",)]
    assert asked == [("n", "y")]
