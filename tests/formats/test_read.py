"""Reading anything: what the request says, and that all formats give the same table."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given

from headwater.core.errors import InputError, NotFound, UsageError
from headwater.formats.read import read, read_table
from headwater.formats.write import write
from tests.formats.strategies import tables

TABLE = pa.table(
    {
        "id": [1, 2, 3],
        "名前": ["Zoë", None, ""],
        "score": [0.5, None, 1e300],
        "ok": [True, None, False],
        "at": pa.array([0, None, 1], pa.timestamp("us")),
    }
)


@pytest.mark.parametrize(
    "name",
    ["t.csv", "t.tsv", "t.csv.gz", "t.tsv.zst", "t.jsonl", "t.ndjson.gz", "t.parquet", "t.arrow", "t.arrows"],
)
def test_every_format_gives_the_same_table(tmp_path: Path, name: str) -> None:
    assert write(TABLE, TABLE.schema, tmp_path / name) == 3
    assert read_table(tmp_path / name).equals(TABLE)


@given(table=tables())
def test_every_format_keeps_every_value_when_told_the_types(tmp_path: Path, table: pa.Table) -> None:
    for name in ("t.parquet", "t.arrow", "t.tsv"):
        write(table, table.schema, tmp_path / name)
        options = {"delimiter": "\t"} if name == "t.tsv" else {}
        assert read_table(tmp_path / name, schema=table.schema, **options).equals(table)


def test_types_may_be_names_or_types_or_a_schema(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    by_name = read_table(path, schema={"a": "string"})
    assert by_name.equals(read_table(path, schema={"a": pa.string()}))
    assert by_name.equals(read_table(path, schema=pa.schema([("a", pa.string())])))
    assert by_name.schema.types == [pa.string(), pa.int64()]
    with pytest.raises(NotFound, match="Did you mean 'int64'"):
        read(path, schema={"a": "int46"})
    with pytest.raises(NotFound, match="Column 'c' not found"):
        read([path, path], schema={"c": "int64"})


def test_the_format_can_be_said(tmp_path: Path) -> None:
    path = tmp_path / "t.dat"
    path.write_text('{"a":1}\n')
    assert read_table(path).to_pylist() == [{"a": 1}]
    assert read(path, format="csv", header=False).schema.names == ["column_1"]
    with pytest.raises(NotFound, match="Format 'cvs' not found"):
        read(path, format="cvs")


def test_a_name_that_lies_is_noted(tmp_path: Path) -> None:
    write(TABLE, TABLE.schema, tmp_path / "t.csv", format="parquet")
    source = read(tmp_path / "t.csv")
    assert (source.format, source.notes) == ("parquet", ("t.csv is parquet in spite of its name.",))


def test_lines_left_out_are_noted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1\n1,2\n1,2,3\n")
    source = read(tmp_path / "t.csv", on_bad_lines="skip")
    assert source.notes == (
        "Left out 2 malformed lines, the first being line 2: 1 field where the header has 2.",
    )
    assert source.skipped == len(source.bad_lines) == 2


def test_queries_go_with_databases(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)")
    connection.close()
    assert read_table(path, query="SELECT a FROM t WHERE a > 1").to_pylist() == [{"a": 2}]
    assert read_table(f"sqlite:///{path}", query="SELECT sum(a) AS s FROM t").to_pylist() == [{"s": 3}]
    (tmp_path / "t.csv").write_text("a\n1\n")
    with pytest.raises(UsageError, match=r"t.csv is csv. Read it, then use hw sql"):
        read(tmp_path / "t.csv", query="SELECT 1")


def test_wrong_requests_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="list of locations is empty"):
        read([])
    with pytest.raises(UsageError, match="'error' or 'skip'"):
        read(tmp_path, on_bad_lines="ignore")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "none.csv")


def test_real_files_are_read_together(shared: Path) -> None:
    source = read(shared / "youtube_spam" / "*.csv.gz")
    assert source.num_rows == 350 + 350 + 438 + 448
    assert source.schema.types == [pa.string(), pa.timestamp("us"), pa.string(), pa.int64()]
    assert source.table().num_rows == source.num_rows


def test_a_column_without_values_is_what_it_is_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,n,x,s\n1,,2,\n")
    (tmp_path / "a.jsonl").write_text('{"id": 1, "n": null, "x": 2, "s": null}\n')
    guide = {"n": "int64", "x": "double", "s": "string", "other": "date32"}
    for name in ("a.csv", "a.jsonl"):
        source = read(tmp_path / name, guide=guide)
        kinds = {field.name: str(field.type) for field in source.schema}
        assert kinds == {"id": "int64", "n": "int64", "x": "double", "s": "string"}
        assert source.table().to_pylist() == [{"id": 1, "n": None, "x": 2.0, "s": None}]


def test_values_say_more_than_what_a_column_is_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n,x\nabc,9007199254740993\n")
    source = read(tmp_path / "a.csv", guide={"n": "int64", "x": "double"})
    assert [str(kind) for kind in source.schema.types] == ["string", "int64"]
    both = [tmp_path / "a.csv", tmp_path / "b.csv"]
    (tmp_path / "b.csv").write_text("n,x\n,\n")
    assert [str(kind) for kind in read(both, guide={"n": "int64"}).schema.types] == ["string", "int64"]
