"""Manifests come back from their bytes; fingerprints are equal exactly for equal multisets of rows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from headwater.core.errors import CorruptObject
from headwater.store.chunk import write_chunk
from headwater.store.chunklist import ChunkList
from headwater.store.manifest import (
    EMPTY,
    Fingerprint,
    Manifest,
    fingerprint_chunk,
    load_manifest,
    save_manifest,
)
from headwater.store.objects import Objects
from headwater.store.storage import Storage
from headwater.store.writing import Workshop
from tests.places import Fresh

HASHES = hnp.arrays(np.uint64, st.integers(0, 20), elements=st.integers(0, 3) | st.integers(0, 2**64 - 1))


@given(HASHES, HASHES, st.randoms())
def test_fingerprints_add_and_subtract_in_any_order(
    one: np.ndarray, other: np.ndarray, random: object
) -> None:
    both = np.concatenate([one, other])
    random.shuffle(both)  # type: ignore[attr-defined]
    a, b = Fingerprint.of(one), Fingerprint.of(other)
    assert Fingerprint.of(both) == a + b == b + a
    assert a + b - a == b
    assert a - a == EMPTY
    assert Fingerprint.parse(str(a)) == a


@given(HASHES, HASHES)
def test_fingerprints_tell_multisets_apart(one: np.ndarray, other: np.ndarray) -> None:
    equal = sorted(one.tolist()) == sorted(other.tolist())
    assert (Fingerprint.of(one) == Fingerprint.of(other)) is equal
    assert (str(Fingerprint.of(one)) == str(Fingerprint.of(other))) is equal


def test_fingerprints_are_those_of_format_1() -> None:
    assert (
        str(Fingerprint.of(np.array([1, 2, 2, 2**64 - 1], np.uint64))) == "4-0000000000000004a4940b1fdd96367d"
    )
    assert str(EMPTY) == "0-" + "0" * 32


def test_a_manifest_comes_back_as_it_was(fresh: Fresh) -> None:
    objects = Objects(Storage(fresh()))
    table = pa.table({"k": [1, 2], "v": pa.array([None, "x"], pa.string())})
    chunk = write_chunk(table, objects, key=["k"]).with_deleted(np.array([0], np.int64), objects)
    manifest = Manifest(
        schema=table.schema,
        key=("k",),
        chunks=ChunkList([chunk]),
        fingerprint=fingerprint_chunk(chunk, objects),
        contract={"kind": "DataContract"},
        tags={"v": {"unit": "m"}},
    )
    name = save_manifest(manifest, objects)
    again = load_manifest(name, Objects(objects.storage))
    assert again == manifest
    assert save_manifest(again, objects) == name
    assert manifest.rows == 1


def test_an_object_that_is_no_manifest_is_told(fresh: Fresh) -> None:
    objects = Objects(Storage(fresh()))
    values: list[object] = [{"parents": []}, [1], "text"]
    for value in values:
        with pytest.raises(CorruptObject, match="is not a manifest"):
            load_manifest(objects.put_document(value), objects)


def test_chunks_without_live_rows_are_left_out(shop: Workshop) -> None:
    chunk = write_chunk(pa.table({"x": [1, 2]}), shop.objects, key=[])
    gone = chunk.with_deleted(np.array([0, 1], np.int64), shop.objects)
    manifest = Manifest(schema=pa.schema([("x", pa.int64())])).edited(EMPTY, appended=[gone, chunk])
    assert list(manifest.chunks) == [chunk]
    assert fingerprint_chunk(gone, shop.objects) == EMPTY
