"""Signatures of sets."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.core.hashing import mix
from headwater.methods.minhash import bands_for, hash_bands, jaccard, minhash

SETS = st.lists(st.sets(st.integers(0, 12)), min_size=2, max_size=6)


def flat(sets: list[set[int]]) -> tuple[np.ndarray, np.ndarray]:
    owner = np.repeat(np.arange(len(sets)), [len(one) for one in sets])
    return owner, mix(np.array([item for one in sets for item in sorted(one)], np.uint64))


def test_signatures_agree_as_often_as_the_sets_have_in_common(rng: np.random.Generator) -> None:
    for shared in (0.2, 0.5, 0.8):
        common = int(shared * 1000)
        one = set(range(common)) | set(range(10_000, 11_000 - common))
        two = set(range(common)) | set(range(20_000, 21_000 - common))
        true = len(one & two) / len(one | two)
        signatures = minhash(*flat([one, two]), 2, size=4096)
        assert abs((signatures[:, 0] == signatures[:, 1]).mean() - true) < 0.04


@given(SETS)
def test_the_jaccard_similarity_is_exact_and_symmetric(sets: list[set[int]]) -> None:
    left, right = np.triu_indices(len(sets))
    found = jaccard(*flat(sets), left, right)
    true = [len(sets[a] & sets[b]) / max(len(sets[a] | sets[b]), 1) for a, b in zip(left, right, strict=True)]
    assert found.tolist() == pytest.approx(true)
    assert jaccard(*flat(sets), right, left).tolist() == found.tolist()


@given(SETS, st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_pairs_that_reach_the_least_similarity_are_never_passed_over(
    sets: list[set[int]], least: float
) -> None:
    left, right = np.triu_indices(len(sets))
    owner, hashes = flat(sets)
    whole = jaccard(owner, hashes, left, right)
    near = jaccard(owner[::-1], hashes[::-1], left, right, least=least)
    assert (near[whole >= least] == whole[whole >= least]).all()
    assert np.isin(near[whole < least], [0.0, *whole]).all()


def test_large_sets_at_the_least_similarity_are_kept_and_unlike_ones_dropped() -> None:
    for size in (9, 90, 9000):
        one, two = set(range(size)), set(range(size // 9, size + size // 9))
        far = set(range(10 * size, 11 * size))
        owner, hashes = flat([one, two, far])
        found = jaccard(owner, hashes, np.array([0, 0]), np.array([1, 2]), least=0.8)
        assert found.tolist() == [0.8, 0.0]


@given(SETS)
def test_a_signature_depends_on_the_set_alone(sets: list[set[int]]) -> None:
    together = minhash(*flat(sets), len(sets))
    for place, one in enumerate(sets):
        if one:
            assert (minhash(*flat([one]), 1)[:, 0] == together[:, place]).all()


def test_pairs_at_the_threshold_share_a_band_as_often_as_promised() -> None:
    for threshold in (0.3, 0.5, 0.7, 0.9, 1.0):
        bands = bands_for(threshold, size=64)
        chance = 1 - (1 - threshold ** (64 // bands)) ** bands
        assert chance >= 0.99 or bands == 64
    with pytest.raises(UsageError, match="above 0"):
        bands_for(0)


def test_equal_signatures_share_all_bands() -> None:
    signatures = minhash(*flat([{1, 2, 3}, {3, 2, 1}, {7, 8, 9}]), 3)
    bands = hash_bands(signatures, 16)
    assert bands.shape == (16, 3)
    assert (bands[:, 0] == bands[:, 1]).all()
    assert not (bands[:, 0] == bands[:, 2]).any()
