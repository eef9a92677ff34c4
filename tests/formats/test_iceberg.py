"""Iceberg tables: what comes back, by folder, metadata and catalog; moved, changed and hostile ones."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater.core.errors import InputError, NotFound, UsageError
from headwater.formats.base import About
from headwater.formats.read import read
from headwater.formats.write import write
from tests.formats.folders import converted, require_type_kept, round_trip

sql = pytest.importorskip("pyiceberg.catalog.sql")

TYPES: dict[str, pa.DataType | None] = {
    "int8": pa.int32(),
    "uint8": pa.int32(),
    "uint64": pa.decimal128(20, 0),
    "timestamp_ms": pa.timestamp("us"),
    "timestamp_zone": pa.timestamp("us", "UTC"),
    "duration": None,
    "decimal256": None,
    "embedding": pa.list_(pa.float32()),
    "nulls": pa.string(),
}


@pytest.mark.parametrize(("name", "kind"), converted(TYPES), ids=str)
def test_types_come_back_converted_as_documented_or_are_refused(
    name: str, kind: pa.DataType | None, tmp_path: Path
) -> None:
    message = f"no type for column '{name}'"
    require_type_kept(
        name, kind, tmp_path / "ta ble ü", "iceberg", lambda: pytest.raises(UsageError, match=message)
    )


def test_an_empty_table_keeps_its_columns(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.int64()), "ü": pa.array([], pa.string())})
    source, back = round_trip(table, tmp_path / "t", "iceberg")
    assert (back.schema, source.num_rows) == (table.schema, 0)


def test_a_large_table_is_several_files_in_order_and_other_tools_find_it(tmp_path: Path) -> None:
    table = pa.table({"a": range(400_000), "b": [f"{number * 7919:032d}" for number in range(400_000)]})
    _, back = round_trip(table, tmp_path / "t", "iceberg", About(name="my orders"), shard_bytes=1 << 20)
    assert back.equals(table)
    assert len(list((tmp_path / "t" / "data").iterdir())) > 1
    from pyiceberg.table import StaticTable

    assert StaticTable.from_metadata(str(tmp_path / "t")).scan().count() == 400_000
    with catalog_at(tmp_path / "t" / "catalog.db", "headwater") as catalog:
        assert catalog.load_table(("headwater", "my_orders")).scan().to_arrow().num_rows == 400_000


def test_a_null_list_of_structs_stays_null(tmp_path: Path) -> None:
    table = pa.table(
        {
            "c": pa.array([[{"x": 1}], None, []]),
            "m": pa.nulls(3, pa.map_(pa.string(), pa.struct([("k", pa.int64())]))),
        }
    )
    _, back = round_trip(table, tmp_path / "t", "iceberg")
    assert back.to_pylist() == table.to_pylist()


def test_a_table_is_read_by_its_metadata_its_catalog_and_where_it_was_moved(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2]})
    write(table, table.schema, tmp_path / "t", format="iceberg", about=About(name="orders"))
    newest = max((tmp_path / "t" / "metadata").glob("*.metadata.json"))
    assert read(newest).table().equals(table)
    assert read(tmp_path / "t" / "catalog.db", format="iceberg").table().equals(table)
    with pytest.raises(NotFound, match=r"Table 'x' not found in catalog.db. Tables: headwater.orders"):
        read(tmp_path / "t" / "catalog.db", format="iceberg", table="x")
    (tmp_path / "t").rename(tmp_path / "moved")
    assert read(tmp_path / "moved").table().equals(table)
    with pytest.raises(InputError, match="not inside its folder"):
        read(tmp_path / "moved" / "catalog.db", format="iceberg")


def test_changed_tables_are_read_as_they_are_now(tmp_path: Path) -> None:
    schema = pa.schema(
        [("a", pa.int64()), ("b", pa.string()), ("c", pa.list_(pa.struct([("x", pa.int64())])))]
    )
    with catalog_at(tmp_path / "catalog.db") as catalog:
        catalog.create_namespace("n")
        made = catalog.create_table(("n", "t"), schema=schema)
        made.append(pa.table({"a": [1, 2, 3], "b": ["x", "y", "z"], "c": [[{"x": 1}]] * 3}, schema=schema))
        quietly(lambda: made.delete("a = 2"))
        with made.update_schema() as change:
            change.rename_column("b", "ü")
            change.add_column("new", made.schema().find_type("a"))
        made.append(
            pa.table({"a": [4], "ü": ["w"], "c": [None], "new": [7]}, schema=made.schema().as_arrow())
        )
        catalog.create_table(("n", "other"), schema=schema)
    source = read(tmp_path / "catalog.db", format="iceberg", table="n.t")
    assert source.table().drop_columns(["c"]).sort_by("a").to_pylist() == [
        {"a": 1, "ü": "x", "new": None},
        {"a": 3, "ü": "z", "new": None},
        {"a": 4, "ü": "w", "new": 7},
    ]
    assert source.notes == (
        "Some files are read by a library that takes null lists and maps of structs for empty ones: c.",
    )
    with pytest.raises(
        UsageError, match=r"Say which table of catalog.db to read with --table. It has n.other, n.t"
    ):
        read(tmp_path / "catalog.db", format="iceberg")


def test_the_newest_metadata_is_read_where_there_is_no_hint(tmp_path: Path) -> None:
    with catalog_at(tmp_path / "catalog.db") as catalog:
        catalog.create_namespace("n")
        made = catalog.create_table(("n", "t"), schema=pa.schema([("a", pa.int64())]))
        for number in range(11):
            made.append(pa.table({"a": [number]}))
    assert read(next(tmp_path.glob("n*/t"))).num_rows == 11


@pytest.mark.parametrize("named", ["/etc/hostname", "file:///etc/hostname", "s3://bucket/x.avro"])
def test_files_outside_the_folder_are_refused(named: str, tmp_path: Path) -> None:
    table = pa.table({"a": [1]})
    write(table, table.schema, tmp_path / "t", format="iceberg")
    edit(tmp_path / "t", lambda facts: facts["snapshots"][-1].update({"manifest-list": named}))
    with pytest.raises(InputError, match=r"(not inside its folder|not a whole Iceberg table)"):
        read(tmp_path / "t").table()


def test_classes_that_metadata_names_are_not_loaded(tmp_path: Path) -> None:
    table = pa.table({"a": [1]})
    write(table, table.schema, tmp_path / "t", format="iceberg")
    edit(tmp_path / "t", lambda facts: facts["properties"].update({"py-io-impl": "no.such.Class"}))
    assert read(tmp_path / "t").table().equals(table)


def test_tables_that_are_not_whole_say_so(tmp_path: Path) -> None:
    table = pa.table({"a": range(1000)})
    write(table, table.schema, tmp_path / "t", format="iceberg")
    metadata = tmp_path / "t" / "metadata"
    parts = [
        next(metadata.glob("snap-*")),
        max(metadata.glob("*.metadata.json")),
        next((tmp_path / "t" / "data").iterdir()),
    ]
    for part in parts:
        whole = part.read_bytes()
        for broken in (whole[: len(whole) // 2], b""):
            part.write_bytes(broken)
            with pytest.raises(InputError, match="t: it is not a whole Iceberg table"):
                read(tmp_path / "t").table()
        part.unlink()
        with pytest.raises(InputError, match=r"t: it is not a whole Iceberg table|which is not there"):
            read(tmp_path / "t").table()
        part.write_bytes(whole)
    (metadata / "version-hint.text").write_text("7")
    with pytest.raises(InputError, match="names version '7', which is not there"):
        read(tmp_path / "t")
    with pytest.raises(InputError, match=r"there is no metadata/\*.metadata.json"):
        read(metadata, format="iceberg")
    (tmp_path / "x.metadata.json").write_text("{}")
    with pytest.raises(InputError, match="does not lie in a folder 'metadata'"):
        read(tmp_path / "x.metadata.json")


def test_what_is_no_catalog_says_so(tmp_path: Path) -> None:
    (tmp_path / "c.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    with pytest.raises(InputError, match=r"c.db: it is no catalog of Iceberg"):
        read(tmp_path / "c.db", format="iceberg")
    (tmp_path / "c.txt").write_text("x")
    with pytest.raises(InputError, match=r"c.txt: it is no metadata of Iceberg"):
        read(tmp_path / "c.txt", format="iceberg")


class catalog_at:  # noqa: N801 - reads as a function
    """A catalog in SQLite, with its tables beside it, closed at the end."""

    def __init__(self, path: Path, name: str = "c") -> None:
        self.catalog = sql.SqlCatalog(name, uri=f"sqlite:///{path}", warehouse=str(path.parent))

    def __enter__(self) -> Any:
        return self.catalog

    def __exit__(self, *_: object) -> None:
        self.catalog.engine.dispose()


def quietly(do: Any) -> None:
    """Run with the warnings of the library, which it gives for deletes that copy, left out."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        do()


def edit(table: Path, change: Any) -> None:
    """Change the newest metadata of a table."""
    newest = max((table / "metadata").glob("*.metadata.json"))
    facts = json.loads(newest.read_text())
    change(facts)
    newest.write_text(json.dumps(facts))
