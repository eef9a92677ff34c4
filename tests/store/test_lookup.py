"""Looking rows up by key: right for every type, for dead rows, and when hashes of different keys are equal."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.hashing import hash_keys
from headwater.engine.local import LocalExecutor
from headwater.store import lookup
from headwater.store.chunk import write_chunk
from headwater.store.chunklist import ChunkList
from headwater.store.lookup import Places, equal_rows, gather, locate, occurrence
from headwater.store.manifest import Manifest
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from tests.places import Fresh
from tests.strategies import keyed_tables

Weaken = Callable[[int], None]


def build(table: pa.Table, key: list[str], objects: Objects, *, per_chunk: int = 3) -> Manifest:
    chunks = [
        write_chunk(table.slice(start, per_chunk), objects, key=key)
        for start in range(0, table.num_rows, per_chunk)
    ]
    return Manifest(schema=table.schema, key=tuple(key), chunks=ChunkList(chunks))


@pytest.mark.parametrize("columns", [1, 3])
def test_every_key_is_found_where_it_is(fresh: Fresh, columns: int) -> None:
    @given(keyed_tables(key_columns=columns), st.data())
    def check(table: pa.Table, data: st.DataObject) -> None:
        objects = Objects(Storage(fresh()))
        key = [f"k{number}" for number in range(columns)]
        manifest = build(table, key, objects)
        order = pa.array(data.draw(st.permutations(range(table.num_rows))), pa.int64())
        sought = table.take(order)
        places = locate(manifest, sought, objects, LocalExecutor(2))
        assert places.found.all()
        assert (places.chunks * 3 + places.positions).tolist() == order.to_pylist()
        assert equal_rows(gather(manifest, places, objects, columns=key), sought.select(key)).all()

    check()


@pytest.mark.parametrize("few", [0, 10**9])
def test_few_and_many_keys_are_found_alike_and_as_often_as_they_are_asked_for(
    fresh: Fresh, few: int, monkeypatch: pytest.MonkeyPatch, weak_hashes: Weaken
) -> None:
    monkeypatch.setattr(lookup, "_FEW", few)
    for bits in (64, 2):
        weak_hashes(bits)
        objects = Objects(Storage(fresh()))
        manifest = build(pa.table({"k": [3, 1, 4, 15, 9, 2, 6]}), ["k"], objects)
        places = locate(manifest, pa.table({"k": [9, 5, 3, 9, 6, 3, -1]}), objects)
        assert (places.chunks * 3 + places.positions).tolist() == [4, -3, 0, 4, 6, 0, -3]


def test_keys_that_are_not_there_are_not_found(fresh: Fresh, weak_hashes: Weaken) -> None:
    objects = Objects(Storage(fresh()))
    table = pa.table({"k": [1, 2, 3, 4]})
    manifest = build(table, ["k"], objects)
    for bits in (64, 1, 0):
        weak_hashes(bits)
        manifest = build(table, ["k"], objects)
        places = locate(manifest, pa.table({"k": [9, 2, 8, 4, 0]}), objects)
        assert places.found.tolist() == [False, True, False, True, False]
    assert len(locate(manifest, table.slice(0, 0), objects)) == 0
    assert not locate(Manifest(schema=table.schema, key=("k",)), table, objects).found.any()


def test_deleted_rows_are_not_found_even_beside_live_ones_of_the_same_key(
    fresh: Fresh, weak_hashes: Weaken
) -> None:
    for bits in (64, 0):
        weak_hashes(bits)
        objects = Objects(Storage(fresh()))
        chunk = write_chunk(pa.table({"k": [5, 5, 6, 7]}), objects, key=["k"])
        chunk = chunk.with_deleted(np.array([0, 3], np.int64), objects)
        manifest = Manifest(schema=pa.schema([("k", pa.int64())]), key=("k",), chunks=ChunkList([chunk]))
        places = locate(manifest, pa.table({"k": [5, 6, 7]}), objects)
        assert places.found.tolist() == [True, True, False]
        assert places.positions[:2].tolist() == [1, 2]


@given(st.lists(st.integers(0, 5), max_size=20))
def test_an_occurrence_counts_equal_values_before_it(values: list[int]) -> None:
    found = occurrence(np.array(values, np.uint64))
    assert found.tolist() == [values[:place].count(value) for place, value in enumerate(values)]


def test_rows_are_gathered_in_the_order_asked_for(fresh: Fresh) -> None:
    objects = Objects(Storage(fresh()))
    manifest = build(pa.table({"k": list(range(8)), "v": list("abcdefgh")}), ["k"], objects)
    places = Places(np.array([2, 0, -1, 1, 0, 0]), np.array([1, 2, 0, 0, 2, 0]))
    assert gather(manifest, places, objects).to_pydict() == {"k": [7, 2, 3, 2, 0], "v": list("hcdca")}
    assert gather(manifest, places, objects, columns=["v"]).schema.names == ["v"]
    assert gather(manifest, places[:0], objects).equals(manifest.schema.empty_table())


def test_places_are_picked_by_mask_number_and_range() -> None:
    places = Places(np.array([0, 1, -1, 1]), np.array([5, 6, 0, 7]))
    assert places[places.found].positions.tolist() == [5, 6, 7]
    assert places[np.array([3, 0])].positions.tolist() == [7, 5]
    assert places[1:].chunks.tolist() == [1, -1, 1]
    assert {number: part.tolist() for number, part in places.by_chunk().items()} == {0: [5], 1: [6, 7]}
    assert Places.join([]).by_chunk() == {}
    assert Places.join([places[:1], places[3:]]).positions.tolist() == [5, 7]


def test_rows_are_compared_by_value() -> None:
    one = pa.table({"a": [1, 2, None, 4], "b": [[1], [2], [3], [4]]})
    other = pa.table({"a": pa.array([1, 3, None, 4], pa.int8()), "b": [[1], [2], [3], [5]]})
    assert equal_rows(one, other).tolist() == [True, False, False, False]


def test_a_weak_hash_is_as_weak_as_asked_for(fresh: Fresh, weak_hashes: Weaken) -> None:
    table = pa.table({"k": list(range(50))})
    assert len(np.unique(hash_keys(table, ["k"]))) == 50
    weak_hashes(1)
    chunk = write_chunk(table, objects := Objects(Storage(fresh())), key=["k"])
    assert len(np.unique(chunk.key_index(objects).hashes)) == 2
