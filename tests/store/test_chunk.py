"""Chunks: rows of every type come back as they were, and damage is told."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import CorruptObject, ObjectMissing
from headwater.core.hashing import hash_columns
from headwater.core.ids import ObjectId, canonical_json
from headwater.core.schema import plain_schema
from headwater.store.chunk import Chunk, live_mask, read_chunk, write_chunk, write_group
from headwater.store.objects import Objects, object_path
from headwater.store.storage import Storage
from headwater.store.writing import rechunk
from tests.places import Fresh
from tests.strategies import tables


@pytest.fixture
def objects(fresh: Fresh) -> Objects:
    return Objects(Storage(fresh()))


@given(tables(min_rows=1), st.data())
def test_rows_come_back_as_they_were(fresh: Fresh, table: pa.Table, data: st.DataObject) -> None:
    objects = Objects(Storage(fresh()))
    assert plain_schema(table.schema) == table.schema
    chunk = write_chunk(table, objects, key=[])
    again = Chunk.from_dict(chunk.to_dict())
    assert again == chunk
    assert same_values(read_chunk(chunk, table.schema, objects), table)
    some = data.draw(st.lists(st.integers(0, table.num_rows - 1), max_size=5))
    names = data.draw(st.permutations(table.schema.names))[:2]
    read = read_chunk(chunk, table.schema, objects, columns=names, rows=np.array(some, np.int64))
    assert read.schema.names == names
    assert same_values(read, table.select(names).take(pa.array(some, pa.int64())))
    assert chunk.hashes(objects).tolist() == hash_columns(table).tolist()
    canonical_json(chunk.to_dict())


@given(tables(min_rows=2, flat=True), st.data())
def test_deleted_rows_are_left_out_unless_asked_for(
    fresh: Fresh, table: pa.Table, data: st.DataObject
) -> None:
    objects = Objects(Storage(fresh()))
    deleted = data.draw(st.sets(st.integers(0, table.num_rows - 1), min_size=1))
    chunk = write_chunk(table, objects, key=[]).with_deleted(np.array(sorted(deleted), np.int64), objects)
    live = [row for row in range(table.num_rows) if row not in deleted]
    assert chunk.live_rows == len(live)
    assert np.flatnonzero(live_mask(chunk, objects)).tolist() == live
    assert same_values(read_chunk(chunk, table.schema, objects), table.take(pa.array(live, pa.int64())))
    assert same_values(read_chunk(chunk, table.schema, objects, deleted=True), table)
    rows = np.array(sorted(deleted), np.int64)
    assert same_values(read_chunk(chunk, table.schema, objects, rows=rows), table.take(pa.array(rows)))
    assert chunk.with_deleted(np.array([], np.int64), objects) == chunk


def same_values(one: pa.Table, other: pa.Table) -> bool:
    """Compare by hash and by form, for NaN is not equal to itself."""
    return bool(
        one.schema == other.schema
        and one.num_rows == other.num_rows
        and (hash_columns(one) == hash_columns(other)).all()
        and repr(one.to_pylist()) == repr(other.to_pylist())
    )


def test_columns_whose_names_look_like_paths_are_told_apart(objects: Objects) -> None:
    table = pa.table(
        {
            "a": [{"b": 1, "c": [1]}, None],
            "a.b": ["x", "y"],
            "a.c.list.element": [1, 2],
            "a.c": [True, None],
        }
    )
    chunk = write_chunk(table, objects, key=[])
    for name in table.schema.names:
        assert read_chunk(chunk, table.schema, objects, columns=[name]).equals(table.select([name]))


@pytest.mark.parametrize("inner", ["x", True, 1.5, b"x"])
@pytest.mark.parametrize("outer", [1, 1.5, "x"])
def test_a_column_named_as_a_field_of_a_struct_has_no_say_in_how_that_is_stored(
    objects: Objects, inner: object, outer: object
) -> None:
    table = pa.table({"a": [{"b": inner}, None], "a.b": [outer, outer]})
    assert read_chunk(write_chunk(table, objects, key=[]), table.schema, objects).equals(table)


def parquet(chunk: Chunk, objects: Objects) -> pq.ParquetFile:
    return pq.ParquetFile(pa.BufferReader(objects.get(chunk.groups[0].object)))


def test_a_dictionary_is_written_where_values_repeat(objects: Objects) -> None:
    numbers = np.arange(20_000)
    table = pa.table(
        {
            "city": [f"city {number % 300}" for number in numbers],
            "name": [f"name {number}" for number in numbers],
            "price": (numbers % 500) / 100,
            "score": np.sqrt(numbers),
            "blob": pa.array([bytes([number % 256]) * 20_000 for number in range(200)] * 100, pa.binary()),
        }
    )
    chunk = write_chunk(table, objects, key=[])
    group = parquet(chunk, objects).metadata.row_group(0)
    stored = {group.column(n).path_in_schema: group.column(n) for n in range(group.num_columns)}
    coded = {name: column.has_dictionary_page for name, column in stored.items()}
    # A dictionary has no room for enough of the blobs to see one twice.
    assert coded == {"city": True, "name": False, "price": True, "score": False, "blob": False}
    assert "BYTE_STREAM_SPLIT" in stored["score"].encodings
    assert read_chunk(chunk, table.schema, objects).equals(table)


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64()])
@pytest.mark.parametrize("times", [1, 100])
def test_reals_keep_every_bit(objects: Objects, kind: pa.DataType, times: int) -> None:
    width = np.uint32 if kind.bit_width == 32 else np.uint64
    quiet = np.array([np.nan], kind.to_pandas_dtype()).view(width)[0]
    special = np.array([0.0, -0.0, np.inf, -np.inf, 1e-40], kind.to_pandas_dtype()).view(width)
    bits = np.concatenate([special, [quiet, quiet + width(1), quiet | ~(~width(0) >> width(1))]])
    values = np.tile(bits.astype(width), times).view(kind.to_pandas_dtype())
    table = pa.table({"x": pa.array(values, kind)})
    read = read_chunk(write_chunk(table, objects, key=[]), table.schema, objects)
    assert read.column("x").to_numpy().view(width).tolist() == values.view(width).tolist()


def test_chunks_with_and_without_nulls_have_one_schema(objects: Objects, tmp_path: Path) -> None:
    whole = pa.table({"x": [1, 2], "t": ["a", "b"], "l": [[1], [2]], "n": pa.nulls(2)})
    gaps = pa.table(
        {"x": [None, 4], "t": [None, "d"], "l": [None, [4]], "n": pa.nulls(2)}, schema=whole.schema
    )
    chunks = [write_chunk(table, objects, key=[]) for table in (whole, gaps)]
    read = [read_chunk(chunk, whole.schema, objects) for chunk in chunks]
    assert [table.schema for table in read] == [whole.schema] * 2
    assert pa.concat_tables(read).equals(pa.concat_tables([whole, gaps]))
    # The files are plain Parquet to others, too.
    for number, chunk in enumerate(chunks):
        (tmp_path / f"{number}.parquet").write_bytes(objects.get(chunk.groups[0].object))
    files = duckdb.read_parquet(f"{tmp_path}/*.parquet").order("filename").project("x, t, l")
    assert files.fetchall() == [(1, "a", [1]), (2, "b", [2]), (None, None, None), (4, "d", [4])]


def test_columns_of_other_groups_and_none_are_put_together(objects: Objects) -> None:
    table = pa.table({"a": pa.array([1, 2, 3], pa.int8()), "b": ["x", None, "z"]})
    chunk = write_chunk(table.select(["a"]), objects, key=["a"])
    group, _ = write_group(table.select(["b"]), objects)
    chunk = Chunk(rows=3, groups=(*chunk.groups, group), row_hashes=chunk.row_hashes, keys=chunk.keys)
    schema = pa.schema([("b", pa.string()), ("none", pa.list_(pa.int8())), ("a", pa.int64())])
    assert read_chunk(chunk, schema, objects).to_pydict() == {
        "b": ["x", None, "z"],
        "none": [None, None, None],
        "a": [1, 2, 3],
    }
    assert read_chunk(chunk, schema, objects, columns=[]).num_rows == 3
    assert read_chunk(chunk, schema, objects, columns=["none"], rows=np.array([0])).to_pydict() == {
        "none": [None]
    }


def test_a_chunk_may_have_no_columns(objects: Objects) -> None:
    rows = pa.table({"x": [1, 2, 3]}).select([])
    chunk = write_chunk(rows, objects, key=[]).with_deleted(np.array([1], np.int64), objects)
    assert read_chunk(chunk, pa.schema([]), objects).num_rows == 2
    assert read_chunk(chunk, pa.schema([("n", pa.int8())]), objects).to_pydict() == {"n": [None, None]}


def test_names_of_content_stay_while_rows_are_deleted_and_differ_by_column(objects: Objects) -> None:
    chunk = write_chunk(pa.table({"a": [1, 2], "b": [3, 4]}), objects, key=[])
    deleted = chunk.with_deleted(np.array([0], np.int64), objects)
    assert chunk.identity() == deleted.identity()
    assert len({chunk.identity(), chunk.identity(["a"]), chunk.identity(["b"]), chunk.identity([])}) == 4


def test_statistics_are_kept_where_json_can_say_them(objects: Objects) -> None:
    table = pa.table(
        {
            "whole": [3, None, 1],
            "real": [0.5, float("nan"), float("inf")],
            "text": ["b", "a", None],
            "long": ["x" * 200, None, None],
            "day": pa.array([0, 1, None], pa.date32()),
            "far": pa.array([0, 10**8, None], pa.date32()),
            "ages": pa.array([0, 10**14, None], pa.timestamp("s")),
            "raw": [b"\xff", None, None],
            "list": [[1], None, []],
            "none": pa.nulls(3),
        }
    )
    found = write_chunk(table, objects, key=[]).statistics
    assert found["whole"] == [1, 3, 1]
    assert found["text"] == ["a", "b", 1]
    assert found["long"] == [None, None, 2]
    assert found["day"] == ["1970-01-01", "1970-01-02", 1]
    assert found["far"] == found["ages"] == [None, None, 1]
    assert found["raw"][2] == 2
    assert "list" not in found
    canonical_json(found)


def test_text_that_repeats_is_read_through_codes_and_comes_out_plain(objects: Objects) -> None:
    table = pa.table({"x": ["red", "green", None] * 1000, "id": range(3000)})
    chunk = write_chunk(table, objects, key=["id"])
    assert read_chunk(chunk, table.schema, objects).equals(table)
    assert read_chunk(chunk, table.schema, objects, rows=np.array([2, 0, 2999])).column("x").to_pylist() == [
        None,
        "red",
        None,
    ]


@pytest.mark.parametrize("where", ["start", "middle", "end", "short", "empty"])
def test_a_damaged_file_is_told_by_name(objects: Objects, where: str) -> None:
    table = pa.table({"x": np.random.default_rng(1).integers(0, 2**60, 5000)})
    chunk = write_chunk(table, objects, key=[])
    name = chunk.groups[0].object
    data = bytearray(objects.get(name))
    place = {"start": 1, "middle": len(data) // 2, "end": len(data) - 2, "short": 0, "empty": 0}[where]
    data[place : place + 4] = b"\x55\xaa\x55\xaa"
    kept = {"short": bytes(data[:-100]), "empty": b""}.get(where, bytes(data))
    objects.storage.write(object_path(name), kept)
    with pytest.raises(CorruptObject, match=name[:12]):
        read_chunk(chunk, table.schema, objects)


def test_a_missing_file_is_told_as_missing(objects: Objects) -> None:
    table = pa.table({"x": [1]})
    chunk = write_chunk(table, objects, key=["x"])
    objects.storage.delete(object_path(name) for name in chunk.objects())
    for read in (
        lambda: read_chunk(chunk, table.schema, objects),
        lambda: chunk.hashes(objects),
        lambda: chunk.key_index(objects),
    ):
        with pytest.raises(ObjectMissing):
            read()


def test_an_index_of_another_size_is_damaged(objects: Objects) -> None:
    chunk = write_chunk(pa.table({"x": [1, 2]}), objects, key=["x"])
    assert chunk.keys is not None
    for name, read in ((chunk.keys, chunk.key_index), (chunk.row_hashes, chunk.hashes)):
        objects.storage.write(object_path(name), b"short")
        with pytest.raises(CorruptObject, match=name[:12]):
            read(objects)


def test_a_damaged_deletion_vector_is_told(objects: Objects) -> None:
    chunk = write_chunk(pa.table({"x": [1, 2]}), objects, key=[]).with_deleted(
        np.array([0], np.int64), objects
    )
    assert chunk.deleted is not None
    objects.storage.write(object_path(chunk.deleted), b"short")
    with pytest.raises(CorruptObject):
        live_mask(chunk, objects)


def test_a_chunk_lists_all_objects_it_needs(objects: Objects) -> None:
    chunk = write_chunk(pa.table({"x": [1, 2]}), objects, key=["x"]).with_deleted(
        np.array([0], np.int64), objects
    )
    stored = {
        ObjectId(entry.path.removeprefix("objects/").replace("/", "")) for entry in objects.storage.list("")
    }
    assert set(chunk.objects()) == stored
    assert len(stored) == 4


def test_streams_are_cut_by_rows_and_by_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    from headwater.store import writing

    monkeypatch.setattr(writing, "CHUNK_ROWS", 10)
    schema = pa.schema([("x", pa.int64())])
    batches = [pa.record_batch([pa.array(range(n))], schema=schema) for n in (3, 0, 25, 1)]
    cut = list(rechunk(batches, schema))
    assert [table.num_rows for table in cut] == [10, 10, 9]
    assert pa.concat_tables(cut).column("x").to_pylist() == [0, 1, 2, *range(25), 0]
    assert list(rechunk([], schema)) == []
    monkeypatch.setattr(writing, "CHUNK_BYTES", 100)
    wide = [pa.record_batch([pa.array(["y" * 60, "y" * 60, "y" * 300])], names=["x"])]
    cut = list(rechunk(wide, pa.schema([("x", pa.string())])))
    assert sum(table.num_rows for table in cut) == 3
    assert len(cut) > 1
