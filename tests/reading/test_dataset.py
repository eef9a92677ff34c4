"""Reading a dataset: every way gives the same rows in the same order, whatever was deleted, renamed or added."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import duckdb
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import NotFound, UsageError
from headwater.engine.local import LocalExecutor
from headwater.reading.dataset import Dataset
from headwater.store import writing
from headwater.versions.repo import Repo
from tests.contents import multiset
from tests.places import Fresh
from tests.strategies import keyed_tables, tables

ROWS = [{"id": 1, "a": "x", "b": 1.5}, {"id": 2, "a": "ÿ", "b": None}, {"id": 3, "a": None, "b": 2.0}]


def made(fresh: Fresh, data: Any, key: Any = None, *, threads: int = 1) -> Dataset:
    """Return a dataset with these rows."""
    repo = Repo.init(fresh())
    repo.executor = LocalExecutor(threads)
    with repo.transaction("rows") as tx:
        tx.append("d", data, key=key)
    return repo["d"]


@pytest.fixture
def small(fresh: Fresh) -> Dataset:
    """Three rows with a key."""
    return made(fresh, ROWS, "id")


LEFT = [number for number in range(100) if number % 10 != 3 and not 40 <= number < 50]


# Facts


def test_it_says_what_it_is(small: Dataset) -> None:
    assert (small.name, small.num_rows, len(small), small.key) == ("d", 3, 3, ("id",))
    assert small.schema.equals(pa.schema([("id", pa.int64()), ("a", pa.string()), ("b", pa.float64())]))
    assert small.contract is None
    text = repr(small)
    assert text.startswith(f"Dataset 'd' at {str(small.commit)[:12]}: 3 rows, key id\n")
    assert text.endswith("id: int64, a: string, b: double")


def test_many_columns_are_counted(fresh: Fresh) -> None:
    wide = made(fresh, {f"c{number}": [1] for number in range(30)})
    assert repr(wide).endswith("c7: int64, … (30 columns)")
    assert "key content" in repr(wide)


def test_in_a_notebook_it_is_a_table_in_which_nothing_is_markup(fresh: Fresh) -> None:
    page = made(fresh, [{"<b>": "<script>", "n": None}])._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;" in page


def test_its_fingerprint_is_that_of_the_rows_in_any_order(fresh: Fresh, small: Dataset) -> None:
    assert made(fresh, ROWS[::-1], "id").fingerprint == small.fingerprint
    assert made(fresh, ROWS[:2], "id").fingerprint != small.fingerprint
    assert made(fresh, ROWS[:2] + ROWS[1:]).fingerprint != made(fresh, ROWS).fingerprint


def test_it_is_read_at_other_refs(cut: Dataset) -> None:
    assert (cut.at("main~1").num_rows, cut.at("main~1").schema.names) == (100, ["id", "v"])
    with pytest.raises(NotFound):
        cut.at("main~9")


# Scans


@pytest.mark.parametrize("batch_rows", [1, 3, 10, 1000])
def test_a_scan_gives_the_live_rows_in_order_in_batches_of_a_size(cut: Dataset, batch_rows: int) -> None:
    batches = list(cut.scan(batch_rows=batch_rows))
    assert all(0 < batch.num_rows <= batch_rows for batch in batches)
    assert [value for batch in batches for value in batch.column("id").to_pylist()] == LEFT


def test_two_scans_give_the_same_batches(cut: Dataset) -> None:
    assert list(cut.scan()) == list(cut.scan())


@pytest.mark.parametrize(
    ("columns", "where"),
    [
        (["w"], None),
        (["w", "id"], None),
        (["id", "id"], None),
        (["text"], "w > 3 AND id % 4 = 0"),
        (None, "text = 'v1'"),
        (None, "w IS NULL"),
        (None, "false"),
        (None, "true"),
        ([], "id < 5"),
        ([], None),
    ],
)
def test_a_scan_takes_columns_and_rows_as_arrow_would(
    cut: Dataset, columns: list[str] | None, where: str | None
) -> None:
    whole = cut.to_arrow()
    if where is not None:
        with duckdb.connect() as connection:
            connection.register("whole", whole)
            ids = connection.sql(f"SELECT id FROM whole WHERE {where} ORDER BY id").to_arrow_table()
        whole = whole.filter(pc.is_in(whole.column("id"), ids.column("id")))
    found = cut.to_arrow(columns, where)
    assert found.num_rows == whole.num_rows
    names = whole.schema.names if columns is None else columns
    assert found.schema.names == names
    for at, name in enumerate(names):
        assert found.column(at).to_pylist() == whole.column(name).to_pylist()
    assert sum(batch.num_rows for batch in cut.scan(columns, where, 3)) == whole.num_rows


def test_the_name_of_one_column_is_no_list_of_letters(small: Dataset) -> None:
    assert small.to_arrow("id").schema.names == ["id"]


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"columns": ["nope"]}, NotFound, "Column 'nope' not found in dataset 'd'. Columns: a, b, id"),
        ({"columns": ["idd"]}, NotFound, "Did you mean 'id'"),
        ({"columns": ["id"], "where": "nope = 1"}, UsageError, "does not fit dataset 'd'"),
        ({"where": ""}, UsageError, "does not fit"),
        ({"where": "id IN (SELECT id FROM d)"}, UsageError, "does not fit"),
        ({"where": "a"}, UsageError, "does not fit"),
        ({"batch_rows": 0}, UsageError, "1 row or more, not 0"),
        ({"batch_rows": -1}, UsageError, "1 row or more"),
    ],
)
def test_a_scan_of_what_is_not_there_is_refused(
    small: Dataset, options: dict[str, Any], error: type[Exception], match: str
) -> None:
    with pytest.raises(error, match=match):
        list(small.scan(**options))


@pytest.mark.parametrize("where", ["nope = 1", "id >"])
def test_a_condition_is_understood_even_where_there_are_no_rows(fresh: Fresh, where: str) -> None:
    empty = made(fresh, pa.table({"id": pa.array([], pa.int64())}))
    with pytest.raises(UsageError):
        empty.to_arrow(where=where)


def test_a_dataset_without_rows_is_read_in_every_way(fresh: Fresh) -> None:
    empty = made(
        fresh, pa.table({"id": pa.array([], pa.int64()), "l": pa.array([], pa.list_(pa.int8(), 2))}), "id"
    )
    assert list(empty.scan()) == []
    assert empty.to_arrow().schema.equals(empty.schema)
    assert empty.to_arrow(where="id > 1").num_rows == 0
    assert (empty.to_pandas().shape, empty.to_polars().shape) == ((0, 2), (0, 2))
    assert empty.to_duckdb().fetchall() == []
    assert (empty.head().num_rows, empty.take([]).num_rows, empty.keys_of(empty.to_arrow())) == (0, 0, [])
    assert empty.chunks == []


@given(tables(max_rows=6), st.integers(1, 3))
def test_rows_of_every_type_come_back_in_order(fresh: Fresh, table: pa.Table, batch_rows: int) -> None:
    dataset = made(fresh, table)
    assert dataset.to_arrow().schema.equals(dataset.schema)
    parts = list(dataset.scan(batch_rows=batch_rows))
    rows = dataset.to_arrow()
    # As text, for a NaN equals nothing.
    assert repr(pa.Table.from_batches(parts, dataset.schema).to_pylist()) == repr(rows.to_pylist())
    assert multiset(rows) == multiset(table)
    assert repr(dataset.head(2).to_pylist()) == repr(rows.slice(0, 2).to_pylist())


@pytest.mark.parametrize("rows", [-1, 0, 1, 7, 9, 10, 30, 1000])
def test_the_head_is_the_first_rows(cut: Dataset, rows: int) -> None:
    assert cut.head(rows).column("id").to_pylist() == LEFT[: max(rows, 0)]


# Other forms


def test_every_form_holds_the_same_rows(cut: Dataset) -> None:
    table = cut.to_arrow(["id", "text"], "id < 30")
    assert cut.to_polars(["id", "text"], "id < 30").to_arrow().cast(table.schema).equals(table)
    pd.testing.assert_frame_equal(cut.to_pandas(["id", "text"], "id < 30"), table.to_pandas())
    assert cut.reader(["id", "text"], "id < 30").read_all().equals(table)
    assert pa.table(cut).equals(cut.to_arrow())
    assert pl.DataFrame(cut).shape == (len(LEFT), 3)


def test_a_relation_of_duckdb_can_be_used_again_and_joined(cut: Dataset) -> None:
    relation = cut.to_duckdb()
    assert relation.filter("id < 5").project("id").fetchall() == [(0,), (1,), (2,), (4,)]
    assert relation.count("*").fetchall() == [(len(LEFT),)]
    with duckdb.connect() as connection:
        mine = cut.to_duckdb(connection)
        connection.register("mine", mine)
        pairs = connection.sql("SELECT count(*) FROM mine a JOIN mine b USING (id)").fetchall()
    assert pairs == [(len(LEFT),)]


def test_duckdb_gets_wide_decimals_as_it_can(fresh: Fresh) -> None:
    dataset = made(fresh, {"v": pa.array([Decimal(7), None], pa.decimal256(60, 0))})
    assert dataset.to_duckdb().fetchall() == [(7.0,), (None,)]
    assert dataset.to_arrow(where="v = 7").column("v").to_pylist() == [Decimal(7)]


# Keys


KEYS: list[tuple[pa.DataType, list[Any], list[str]]] = [
    (pa.int64(), [2**62, -1], [str(2**62), "-1"]),
    (pa.uint64(), [2**64 - 1, 0], [str(2**64 - 1), "0"]),
    (pa.string(), ["", 'ä"\\\n日'], ['""', '"ä\\"\\\\\\n日"']),
    (pa.bool_(), [True, False], ["true", "false"]),
    (pa.binary(), [b"", b"\x00\xff"], ['""', '"00ff"']),
    (pa.binary(16), [UUID(int=1).bytes, UUID(int=2).bytes], [f'"{1:032x}"', f'"{2:032x}"']),
    (pa.date32(), [date(2026, 1, 2), date(1969, 1, 1)], ['"2026-01-02"', '"1969-01-01"']),
    (pa.decimal128(9, 2), [Decimal("1.50"), Decimal("-2.00")], ['"1.50"', '"-2.00"']),
    (pa.timestamp("s", "UTC"), [datetime(2026, 1, 2, 3, tzinfo=UTC)], ['"2026-01-02T03:00:00Z"']),
]


@pytest.mark.parametrize(("kind", "values", "texts"), KEYS, ids=lambda value: str(value)[:20])
def test_a_row_is_named_by_its_key_and_found_by_the_name(
    fresh: Fresh, kind: pa.DataType, values: list[Any], texts: list[str]
) -> None:
    dataset = made(fresh, {"k": pa.array(values, kind), "v": range(len(values))}, "k")
    assert dataset.keys_of(dataset.to_arrow()) == texts
    assert dataset.take(texts[::-1]).column("k").to_pylist() == values[::-1]


def test_a_composite_key_is_a_list(fresh: Fresh) -> None:
    dataset = made(fresh, [{"k": 1, "j": "é", "v": 1}, {"k": 1, "j": "", "v": 2}], ["j", "k"])
    assert dataset.keys_of(dataset.to_arrow()) == ['["é", 1]', '["", 1]']
    assert dataset.take(['["", 1]']).to_pylist() == [{"k": 1, "j": "", "v": 2}]
    with pytest.raises(UsageError):
        dataset.take(["1"])


def test_rows_without_a_key_are_named_by_their_content(fresh: Fresh) -> None:
    dataset = made(
        fresh, [{"v": 1, "w": "x"}, {"v": 1, "w": "x"}, {"v": None, "w": None}, {"v": 2, "w": "y"}]
    )
    names = dataset.keys_of(dataset.to_arrow())
    assert len(set(names)) == 3
    assert names[0] == names[1]
    assert all(len(name) == 18 for name in names)
    assert dataset.take([names[3], names[2]]).to_pylist() == [{"v": 2, "w": "y"}, {"v": None, "w": None}]
    assert dataset.keys_of(dataset.to_arrow().select(["w", "v"])) == names


def test_rows_taken_come_in_the_order_asked_and_as_often(cut: Dataset) -> None:
    wanted = ["99", "0", "57", "0"]
    assert cut.take(wanted).column("id").to_pylist() == [99, 0, 57, 0]


def test_deleted_rows_are_not_found(cut: Dataset) -> None:
    with pytest.raises(NotFound, match=r"no row with key 3 \(2 of 3 missing\)") as caught:
        cut.take(["0", "3", "45"])
    assert (caught.value.kind, caught.value.name) == ("row", "3")
    assert cut.places(["0", "3"]).found.tolist() == [True, False]
    assert cut.at("main~1").take(["3"]).num_rows == 1


@pytest.mark.parametrize("key", ["x", '"text"', "1.5", "[1]", "{}", 1, ""])
def test_what_is_no_key_is_refused(small: Dataset, key: Any) -> None:
    with pytest.raises(UsageError, match=r"Key 'id' is int64|written as JSON"):
        small.take([key])


@pytest.mark.parametrize("key", ["x", '"xyz"', "1", "[1]", '"-1"', '"fffffffffffffffffffffff"', "null"])
def test_what_is_no_hash_is_refused_without_a_key(fresh: Fresh, key: str) -> None:
    with pytest.raises(UsageError, match="16 hexadecimal digits"):
        made(fresh, [{"v": 1}]).take([key])


def test_a_hash_that_is_no_row_is_not_found(fresh: Fresh) -> None:
    with pytest.raises(NotFound, match="has no row with key"):
        made(fresh, [{"v": 1}]).take(['"00000000000000aa"'])


@pytest.mark.parametrize("key", ["id", None])
def test_rows_without_the_columns_of_the_key_have_no_name(fresh: Fresh, key: str | None) -> None:
    with pytest.raises(NotFound, match="Column 'id' not found in these rows of 'd'"):
        made(fresh, ROWS, key).keys_of(pa.table({"a": ["x"]}))


@given(st.integers(1, 3).flatmap(lambda width: keyed_tables(max_rows=8, key_columns=width)))
def test_every_row_is_found_by_its_name(fresh: Fresh, table: pa.Table) -> None:
    dataset = made(fresh, table, [name for name in ("k0", "k1", "k2") if name in table.schema.names])
    stored = dataset.to_arrow()
    names = dataset.keys_of(stored)
    assert len(set(names)) == stored.num_rows
    assert multiset(dataset.take(names[::-1])) == multiset(stored)
    assert dataset.keys_of(dataset.take(names[::-1])) == names[::-1]


# Order


def read(dataset: Dataset) -> pa.Table:
    """Return all rows."""
    return dataset.to_arrow()


@pytest.mark.parametrize("threads", [1, 2, 8])
@pytest.mark.parametrize("way", [read, Dataset.to_polars, lambda dataset: dataset.to_duckdb().fetchall()])
def test_order_does_not_depend_on_threads(
    fresh: Fresh, monkeypatch: pytest.MonkeyPatch, threads: int, way: Callable[[Dataset], Any]
) -> None:
    monkeypatch.setattr(writing, "CHUNK_ROWS", 5)
    dataset = made(fresh, {"v": range(60)}, "v", threads=threads)
    found = way(dataset)
    values = found["v"].to_list() if isinstance(found, pl.DataFrame) else found
    values = values.column("v").to_pylist() if isinstance(values, pa.Table) else values
    assert [value[0] if isinstance(value, tuple) else value for value in values] == list(range(60))
