"""DuckDB over rows: conditions find the rows they hold for, in every type, and reach nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.store.duck import connect, equal_but_for_case, filtered, known_type, rows_where
from tests.strategies import tables

DATA = pa.table({"id": [1, 2, 3, 4], "a": ["x", "y", None, "x"], "ä b": [1.5, None, float("nan"), 0.0]})


@pytest.mark.parametrize(
    ("where", "rows"),
    [
        ("id > 1", [1, 2, 3]),
        ("a = 'x'", [0, 3]),
        ("a IS NULL", [2]),
        ("a <> 'x'", [1]),
        ('"ä b" < 1', [3]),
        ('isnan("ä b")', [2]),
        ("true", [0, 1, 2, 3]),
        ("id = 1 OR id = 3 -- and no more", [0, 2]),
        ("id = 2;", [1]),
        ("a", None),
        ("NULL", []),
        ("data.id = 4", [3]),
        ("id IN (SELECT unnest([1, 9]))", [0]),
    ],
)
def test_a_condition_gives_the_rows_it_is_true_for(where: str, rows: list[int] | None) -> None:
    if rows is None:
        with pytest.raises(UsageError, match="Could not convert"):
            rows_where(DATA, where, "data")
    else:
        assert rows_where(DATA, where, "data").tolist() == rows


@pytest.mark.parametrize(
    "where",
    [
        "",
        " ",
        "nowhere = 1",
        "id >",
        "id > 1, id < 3",
        "id > 1; DROP TABLE rows",
        "id > 1) OR (id < 3",
        "true) UNION ALL (SELECT 1",
        "id > 1 LIMIT 1",
        "sum(id) > 1",
        "row_number() OVER () = 1",
        "id = ?",
        "/* open",
        "error('stop')",
        5,
    ],
)
def test_what_is_not_one_condition_is_refused(where: Any) -> None:
    with pytest.raises(UsageError, match=r"does not fit dataset 'data'") as caught:
        rows_where(DATA, where, "data")
    assert (caught.value.where, caught.value.dataset) == (where, "data")


def test_a_condition_sees_no_other_tables_variables_or_files(tmp_path: Path) -> None:
    file, target = tmp_path / "ids.csv", tmp_path / "out.csv"
    file.write_text("id\n1\n")
    for source in ("DATA", "table", "numbered", "data", f"'{file}'", f"read_csv('{file}')"):
        with pytest.raises(UsageError):
            rows_where(DATA, f"id IN (SELECT id FROM {source})", "data")
    with pytest.raises(UsageError):
        rows_where(DATA, f"id IN (WITH x AS (COPY (SELECT 1) TO '{target}') SELECT 1)", "data")
    assert not target.exists()


def test_times_are_utc_on_every_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    noon = pa.table({"t": pa.array([datetime(2026, 1, 1, 12, tzinfo=UTC)], pa.timestamp("us", "UTC"))})
    assert rows_where(noon, "t = TIMESTAMPTZ '2026-01-01 12:00' AND hour(t) = 12", "d").tolist() == [0]


def test_columns_that_sql_cannot_tell_apart_are_refused_where_they_are_named() -> None:
    table = pa.table({"a": [1], "A": [2], "b": [3]})
    for where in ("a = 1", '"A" = 2', "abs(A) = 2"):
        with pytest.raises(UsageError, match="does not tell the columns 'a' and 'A'"):
            rows_where(table, where, "d")
    assert rows_where(table, "b = 3", "d").tolist() == [0]


@pytest.mark.parametrize("name", ["_row", "_ROW", "rows", "select", 'qu"ote', "d"])
def test_no_name_of_a_column_is_in_the_way(name: str) -> None:
    quoted = name.replace('"', '""')
    assert rows_where(pa.table({name: [3, 4]}), f'"{quoted}" = 4', "d").tolist() == [1]


@given(tables(max_rows=6))
def test_rows_of_every_type_come_back_as_they_went_in(table: pa.Table) -> None:
    assert filtered(table, "true", table.schema.names, "d").equals(table.combine_chunks())
    assert filtered(table, "false", table.schema.names, "d").num_rows == 0


def test_filtered_rows_without_columns_are_counted() -> None:
    assert filtered(DATA, "id > 2", [], "d").num_rows == 2


def test_wide_decimals_become_what_duckdb_has_wherever_they_stand() -> None:
    wide, narrow = pa.decimal256(50, 0), pa.decimal256(10, 2)
    assert (known_type(wide), known_type(narrow)) == (pa.float64(), pa.decimal128(10, 2))
    for make in (pa.list_, lambda kind: pa.list_(kind, 2), lambda kind: pa.struct([("x", kind)])):
        assert known_type(make(wide)) == make(pa.float64())
    assert known_type(pa.map_(pa.string(), narrow)) == pa.map_(pa.string(), pa.decimal128(10, 2))
    assert known_type(pa.string()) == pa.string()


def test_names_equal_but_for_the_case_of_ascii_letters_are_grouped() -> None:
    assert equal_but_for_case(["a", "b", "A", "É", "é", "aB", "AB"]) == [("a", "A"), ("aB", "AB")]


@given(st.lists(st.integers(0, 5), max_size=30), st.integers(0, 5))
def test_a_condition_does_what_numpy_does(values: list[int], bound: int) -> None:
    table = pa.table({"v": pa.array(values, pa.int64())})
    expected = np.flatnonzero(np.array(values, np.int64) >= bound)
    assert rows_where(table, f"v >= {bound}", "d").tolist() == expected.tolist()


def test_a_connection_is_closed_to_the_outside(tmp_path: Path) -> None:
    with connect(threads=1) as connection:
        for sql in (
            f"COPY (SELECT 1) TO '{tmp_path / 'x.csv'}'",
            "SET threads = 2",
            "FROM read_text('/etc/*')",
        ):
            with pytest.raises(duckdb.Error):
                connection.sql(sql)
    assert list(tmp_path.iterdir()) == []
