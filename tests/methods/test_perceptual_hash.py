"""Hashes of pictures."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headwater.methods.perceptual_hash import difference_hash, hamming, piece_bands, wave_hash


def scenes(rng: np.random.Generator, count: int) -> np.ndarray:
    coarse = rng.random((count, 8, 8))
    return np.repeat(np.repeat(coarse, 4, axis=1), 4, axis=2)


def test_noise_and_brightness_change_few_bits_and_other_scenes_many(rng: np.random.Generator) -> None:
    first = scenes(rng, 50)
    again = np.clip(first * 0.9 + 0.05 + rng.normal(0, 0.01, first.shape), 0, 1)
    for hashed in (wave_hash, difference_hash):
        assert hamming(hashed(first), hashed(again)).max() <= 7
        assert hamming(hashed(first), hashed(scenes(rng, 50))).min() > 10


@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63), max_size=7))
def test_hashes_that_differ_in_seven_bits_share_a_band(value: int, flipped: set[int]) -> None:
    other = value
    for bit in flipped:
        other ^= 1 << bit
    both = np.array([value, other], np.uint64)
    bands = piece_bands(both)
    assert (bands[:, 0] == bands[:, 1]).any()
    assert hamming(both[:1], both[1:]).tolist() == [len(flipped)]
