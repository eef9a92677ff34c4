"""WebDataset shards: written in sizes, read back with their types, and known by what lies there."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings

from headwater.core.errors import UsageError
from headwater.formats.base import About
from headwater.formats.read import read
from headwater.formats.write import write
from tests.formats.folders import converted, require_type_kept, round_trip
from tests.formats.strategies import tables

PNG = b"\x89PNG\r\n\x1a\n" + bytes(50)
JPEG = b"\xff\xd8\xff" + bytes(50)
TYPES: dict[str, pa.DataType | None] = {
    "map": pa.list_(pa.struct([("key", pa.string()), ("value", pa.int64())]))
}


@pytest.mark.parametrize(("name", "kind"), converted(TYPES), ids=str)
def test_types_come_back_as_they_were(name: str, kind: pa.DataType, tmp_path: Path) -> None:
    if name == "Nämé with blanks":
        kind = pa.int64()
    require_type_kept(name, kind, tmp_path / "t", "webdataset", lambda: pytest.raises(UsageError))


@settings(max_examples=15)
@given(table=tables())
def test_any_table_comes_back_equal(tmp_path: Path, table: pa.Table) -> None:
    path = tmp_path / "t.tar"
    renamed = table.rename_columns(
        [f"c{at}{name.replace('/', '')}" for at, name in enumerate(table.column_names)]
    )
    write(renamed, renamed.schema, path)
    assert read(path).table().equals(renamed)


def test_shards_have_about_the_size_asked_for_and_keep_the_order(tmp_path: Path) -> None:
    table = pa.table(
        {"image": [PNG + bytes([number % 256]) * 1000 for number in range(500)], "n": range(500)}
    )
    _, back = round_trip(table, tmp_path / "t", "webdataset", About(name="my photos"), shard_bytes=100_000)
    assert back.equals(table)
    shards = sorted((tmp_path / "t").iterdir())
    assert shards[0].name == "my_photos-000000.tar"
    assert len(shards) > 5
    assert max(shard.stat().st_size for shard in shards) < 120_000


def test_bytes_are_files_of_their_own_with_the_ending_of_their_kind(tmp_path: Path) -> None:
    table = pa.table(
        {"photo": [PNG, JPEG, None], "txt": ["ä", None, ""], "cls": [0, 1, None], "seen": [True, None, False]}
    )
    write(table, table.schema, tmp_path / "t.tar")
    with tarfile.open(tmp_path / "t.tar") as archive:
        names = archive.getnames()
    assert names == [
        "__headwater__/schema.json",
        *("000000000.json", "000000000.photo.png", "000000000.txt", "000000000.cls"),
        *("000000001.json", "000000001.photo.jpg", "000000001.cls"),
        *("000000002.json", "000000002.txt"),
    ]
    assert read(tmp_path / "t.tar").table().equals(table)


def test_equal_rows_make_equal_bytes(tmp_path: Path) -> None:
    table = pa.table({"a": [1, 2], "jpg": [JPEG, JPEG]})
    for name in ("one.tar", "two.tar"):
        write(table, table.schema, tmp_path / name, about=About(name="x"))
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()


def test_keys_of_samples_are_kept(tmp_path: Path) -> None:
    table = pa.table({"__key__": ["dog/ü 1", "cat/2"], "jpg": [JPEG, None]})
    _, back = round_trip(table, tmp_path / "t", "webdataset")
    assert back.equals(table)


@pytest.mark.parametrize("key", ["a.b", "../a", "/a", "", None, "a/", "./a"])
def test_keys_that_cannot_name_a_sample_are_refused(key: str | None, tmp_path: Path) -> None:
    table = pa.table({"__key__": pa.array([key], pa.string()), "jpg": [JPEG]})
    with pytest.raises(UsageError, match=r"Row 1 has .* in column '__key__', which cannot name a sample"):
        write(table, table.schema, tmp_path / "t.tar")
    assert list(tmp_path.iterdir()) == []


def test_two_rows_that_would_become_one_sample_are_refused(tmp_path: Path) -> None:
    table = pa.table({"__key__": ["a", "a"], "jpg": [JPEG, JPEG]})
    with pytest.raises(UsageError, match="would become one sample"):
        write(table, table.schema, tmp_path / "t.tar")


@pytest.mark.parametrize("name", ["a/b", "json", "a\0"])
def test_columns_that_cannot_name_a_file_are_refused(name: str, tmp_path: Path) -> None:
    table = pa.table({name: [b"x"]})
    with pytest.raises(UsageError, match="cannot name a file of a sample"):
        write(table, table.schema, tmp_path / "t.tar")


def test_an_empty_dataset_keeps_its_columns(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array([], pa.decimal128(5, 2)), "ü": pa.array([], pa.binary())})
    source, back = round_trip(table, tmp_path / "t", "webdataset")
    assert (back.schema, source.num_rows) == (table.schema, 0)


def test_bytes_inside_lists_are_refused_by_name(tmp_path: Path) -> None:
    table = pa.table({"parts": pa.array([[b"x"]])})
    with pytest.raises(UsageError, match="Column 'parts' has bytes inside a list or struct"):
        write(table, table.schema, tmp_path / "t", format="webdataset")
