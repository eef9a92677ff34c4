from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.core.hashing import mix
from headwater.methods.projection import project_hashes, unit_rows


def bags(rows: int, words: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    owner = np.repeat(np.arange(rows), words)
    return owner, mix(rng.integers(0, 300, rows * words).astype(np.uint64))


def test_inner_products_are_kept_up_to_chance() -> None:
    owner, hashes = bags(60, 40)
    exact = np.zeros((60, 300))
    values = np.random.default_rng(0).integers(0, 300, 60 * 40)
    np.add.at(exact, (owner, values), 1)
    wanted = unit_rows(np.where(exact > 0, 1 + np.log(np.maximum(exact, 1)), 0))
    error = {}
    for dimensions in (64, 1024):
        made = project_hashes(owner, hashes, 60, dimensions=dimensions)
        error[dimensions] = float(np.sqrt(np.mean((made @ made.T - wanted @ wanted.T) ** 2)))
    # The variance falls as 1 / d: 16 times the dimensions, a quarter of the error.
    assert error[1024] < 0.06
    assert 2.5 < error[64] / error[1024] < 6


@given(st.integers(0, 30), st.integers(0, 2**31))
def test_a_row_has_the_same_vector_in_any_batch(row: int, seed: int) -> None:
    owner, hashes = bags(31, 20, seed)
    together = project_hashes(owner, hashes, 31, dimensions=32)
    alone = project_hashes(owner[owner == row] * 0, hashes[owner == row], 1, dimensions=32)
    assert np.array_equal(together[row], alone[0])


def test_the_hashes_of_short_words_stay_apart_from_the_numbers_of_rows() -> None:
    # The word "i" has the hash mix(106): in row 98 it once met the word "a", mix(98), of row 106.
    owner = np.array([98, 106])
    hashes = mix(np.array([106, 98], np.uint64))
    made = project_hashes(owner, hashes, 107, dimensions=16)
    assert made[98].any()
    assert made[106].any()


def test_another_seed_is_another_projection() -> None:
    owner, hashes = bags(3, 10)
    first, second = (project_hashes(owner, hashes, 3, dimensions=16, seed=seed) for seed in (0, 1))
    assert not np.allclose(first, second)


def test_rows_without_hashes_are_zero_and_others_have_length_one() -> None:
    made = project_hashes(np.array([1]), np.array([7], np.uint64), 3, dimensions=8)
    assert np.allclose(np.linalg.norm(made, axis=1), [0, 1, 0])
    assert project_hashes(np.zeros(0, np.int64), np.zeros(0, np.uint64), 0, dimensions=8).shape == (0, 8)


@pytest.mark.parametrize("dimensions", [0, -4, 3, 6])
def test_dimensions_are_a_multiple_of_four(dimensions: int) -> None:
    with pytest.raises(UsageError, match="multiple of 4"):
        project_hashes(*bags(1, 1), 1, dimensions=dimensions)
