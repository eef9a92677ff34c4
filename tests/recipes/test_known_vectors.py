from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pytest

from headwater.recipes.embedding import vector_array
from headwater.recipes.known_vectors import KnownVectors, vectors_of
from headwater.recipes.value_keys import value_keys
from headwater.versions.repo import Repo

KEYS = value_keys(pa.array(["a", "b", "c", None]))
VECTORS = np.arange(8, dtype=np.float32).reshape(4, 2)


def test_what_was_kept_is_found_by_the_next_run() -> None:
    cache = Repo.init("memory://").cache
    KnownVectors("scores/x", cache).keep(KEYS[:2], VECTORS[:2])
    known = KnownVectors("scores/x", cache)
    vectors, found = known.find(KEYS[[2, 1, 0]], 2)
    assert found.tolist() == [False, True, True]
    assert vectors.tolist() == [[0, 0], [2, 3], [0, 1]]
    known.forget()
    assert not KnownVectors("scores/x", cache).find(KEYS[:2], 2)[1].any()
    assert cache.list("scores/x") == []


def test_vectors_of_another_length_do_not_count() -> None:
    known = KnownVectors("scores/x", Repo.init("memory://").cache)
    known.keep(KEYS[:2], VECTORS[:2])
    assert not known.find(KEYS[:2], 3)[1].any()


def test_a_damaged_part_is_passed_over_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    cache = Repo.init("memory://").cache
    KnownVectors("scores/x", cache).keep(KEYS[:2], VECTORS[:2])
    (path,) = cache.list("scores/x")
    whole = cache.get(path) or b""
    for data in (b"", whole[: len(whole) // 2], b"plain text"):
        cache.put(path, data)
        with caplog.at_level(logging.WARNING):
            assert not KnownVectors("scores/x", cache).find(KEYS[:2], 2)[1].any()
    assert "damaged cache entry ignored" in caplog.text


def test_the_vectors_of_a_dataset_are_found_by_value_wherever_the_rows_are() -> None:
    repo = Repo.init("memory://")
    texts = [f"text {n}" for n in range(30)]
    made = np.stack([np.arange(30), np.ones(30)], axis=1).astype(np.float32)
    for part in (slice(0, 11), slice(11, 30)):
        rows = pa.table(
            {
                "id": range(part.start, part.stop),
                "text": texts[part],
                "into": vector_array(made[part], np.zeros(part.stop - part.start, np.bool_)),
            }
        )
        with repo.transaction("rows") as tx:
            tx.append("notes", rows, key="id")
    with repo.transaction("some go") as tx:
        tx.delete("notes", keys=[4, 20])
    known = KnownVectors("scores/x", None)
    known.add_dataset(repo["notes"], "text", "into")
    vectors, found = known.find(value_keys(pa.array(["text 25", "text 4", "text 0", "text 12"])), 2)
    assert found.tolist() == [True, False, True, True]
    assert vectors[found, 0].tolist() == [25, 0, 12]


def test_a_column_of_vectors_becomes_a_matrix() -> None:
    kind = pa.list_(pa.float32(), 2)
    column = pa.array([[1, 2], None, [3, 4], [5, None]], kind)
    wanted = np.array([[1, 2], [np.nan] * 2, [3, 4], [5, np.nan]])
    assert np.array_equal(vectors_of(column), wanted, equal_nan=True)
    assert np.array_equal(vectors_of(column.slice(1, 2)), wanted[1:3], equal_nan=True)
    assert np.array_equal(vectors_of(column.slice(2, 1)), wanted[2:3])
    assert vectors_of(pa.array([], kind)).shape == (0, 2)
    assert vectors_of(pa.array([[1, 2]], pa.list_(pa.int16(), 2))).tolist() == [[1, 2]]
