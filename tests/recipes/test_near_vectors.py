"""Vectors that point in nearly the same direction."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.recipes.alike import alike_pairs
from headwater.recipes.embedding import vector_array
from headwater.recipes.near_vectors import NearVectors
from headwater.versions.repo import Repo


def found(vectors: np.ndarray, threshold: float) -> set[tuple[int, int]]:
    repo = Repo.init("memory://")
    gone = np.zeros(len(vectors), np.bool_)
    with repo.transaction("vectors") as tx:
        rows = pa.table({"id": np.arange(len(vectors)), "v": vector_array(vectors.astype(np.float32), gone)})
        tx.append("data", rows, key="id")
    pairs = alike_pairs(repo["data"], NearVectors(column="v", threshold=threshold))
    return set(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))


@pytest.mark.parametrize("threshold", [0.8, 0.95, 0.999])
def test_nearly_all_pairs_at_the_threshold_are_found_and_none_below(
    threshold: float, rng: np.random.Generator
) -> None:
    base = rng.normal(size=(600, 32))
    near = base + rng.normal(size=base.shape) * np.sqrt(1 / threshold**2 - 1) * 0.9
    vectors = np.concatenate([base, near]).astype(np.float32)
    unit = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    cosine = np.triu(unit @ unit.T, 1)
    due = set(zip(*(at.tolist() for at in np.nonzero(cosine >= threshold + 1e-5)), strict=True))
    pairs = found(vectors, threshold)
    assert len(due) > 100
    assert len(pairs & due) / len(due) > 0.97
    assert all(cosine[a, b] >= threshold - 1e-5 for a, b in pairs)


def test_vectors_of_zeros_and_nan_are_left_out() -> None:
    assert found(np.array([[0.0, 0], [0, 0], [np.nan, 1], [np.nan, 1], [1, 2], [2, 4]]), 0.9) == {(4, 5)}


def test_a_senseless_threshold_is_refused() -> None:
    with pytest.raises(UsageError, match=r"0\.5 to 1"):
        NearVectors(column="v", threshold=0.1)
