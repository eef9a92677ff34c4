"""Compaction keeps the rows, bounds the number of small chunks, and rewrites a row seldom."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.ids import ObjectId
from headwater.engine.local import LocalExecutor
from headwater.store.chunk import CHUNK_ROWS, Chunk
from headwater.store.chunklist import ChunkList
from headwater.store.lookup import locate
from headwater.store.manifest import Manifest
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from headwater.store.writing import Workshop
from headwater.versions.columns import add_columns
from headwater.versions.compact import compact, worn
from headwater.versions.edit import append, delete_places
from headwater.versions.incoming import incoming
from tests.contents import assert_sound, manifest_rows, multiset
from tests.places import Fresh


def chunk(rows: int, deleted: int = 0) -> Chunk:
    return Chunk(rows=rows, groups=(), row_hashes=ObjectId(""), deleted_rows=deleted)


@pytest.mark.parametrize(
    ("sizes", "due"),
    [
        ([], []),
        ([1] * 7, []),
        ([1] * 8, list(range(8))),
        ([CHUNK_ROWS] * 20, []),
        ([CHUNK_ROWS] + [100] * 8, list(range(1, 9))),
        # A tier that is due takes the smaller ones along.
        ([1, 1] + [100] * 8, list(range(10))),
        ([1] * 8 + [100] * 3, list(range(8))),
        # What a full tier becomes may fill the next one.
        ([1] * 8 + [4] * 7, list(range(15))),
    ],
)
def test_small_chunks_are_due_when_there_are_many_of_their_size(sizes: list[int], due: list[int]) -> None:
    assert worn(ChunkList(chunk(size) for size in sizes)) == due


def test_chunks_with_many_deletions_are_due_worst_first_and_few_at_once() -> None:
    chunks = [chunk(CHUNK_ROWS, deleted) for deleted in (0, 30_000, 50_000, 60_000, 70_000, 40_000, 64_000)]
    assert worn(ChunkList(chunks)) == [2, 3, 4, 6]
    assert worn(ChunkList(chunks[:2])) == []


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 3)), max_size=40))
def test_however_changes_come_the_rows_stay_and_the_chunks_are_few(
    fresh: Fresh, steps: list[tuple[int, int]]
) -> None:
    shop = Workshop(Objects(Storage(fresh())), LocalExecutor(1))
    manifest = Manifest(schema=pa.schema([]), key=("k",))
    live: list[int] = []
    following = 0
    for count, gone in steps:
        keys = list(range(following, following + count))
        following += count
        manifest = append(manifest, incoming({"k": keys}), shop, name="d")[0]
        live += keys
        dead, live = live[:gone], live[gone:]
        places = locate(manifest, pa.table({"k": pa.array(dead, pa.int64())}), shop.objects)
        packed = compact(delete_places(manifest, places, shop), shop)
        assert packed.fingerprint == delete_places(manifest, places, shop).fingerprint
        manifest = packed
        assert len(manifest.chunks) <= 8 * 3
    assert_sound(manifest, shop.objects)
    assert sorted(manifest_rows(manifest, shop.objects).to_pydict().get("k", [])) == sorted(live)


def test_packed_chunks_hold_all_columns_and_no_deleted_rows(shop: Workshop) -> None:
    manifest = Manifest(schema=pa.schema([]), key=("k",))
    for number in range(7):
        rows = incoming(pa.table({"k": pa.array([number], pa.int8()), "v": [[number]]}))
        manifest = append(manifest, rows, shop, name="d")[0]
    manifest = add_columns(manifest, incoming({"k": [0, 5], "late": ["a", "b"]}), shop, name="d")
    manifest = append(manifest, incoming({"k": [1000], "v": [[7]]}), shop, name="d")[0]
    before = multiset(manifest_rows(manifest, shop.objects))
    packed = compact(manifest, shop)
    assert len(packed.chunks) == 1
    assert len(packed.chunks[0].groups) == 1
    assert multiset(manifest_rows(packed, shop.objects)) == before
    assert (packed.schema, packed.key) == (manifest.schema, manifest.key)
    assert_sound(packed, shop.objects)
    assert compact(packed, shop) is packed


def test_a_row_is_rewritten_once_a_tier(shop: Workshop) -> None:
    manifest, written = Manifest(schema=pa.schema([]), key=()), 0
    for _ in range(200):
        manifest = append(manifest, incoming({"v": [1]}), shop, name="d")[0]
        packed = compact(manifest, shop)
        written += sum(c.rows for c in packed.chunks if c not in manifest.chunks)
        manifest = packed
    assert manifest.rows == 200
    assert written <= 200 * 4
