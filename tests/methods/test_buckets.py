"""Candidate pairs from buckets, and groups of linked rows."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from headwater.methods.buckets import components, cross_pairs, own_pairs

BANDS = st.lists(st.lists(st.integers(0, 4), min_size=12, max_size=12), min_size=1, max_size=3)


@given(BANDS)
def test_rows_that_share_a_bucket_are_a_pair(values: list[list[int]]) -> None:
    bands = np.array(values, np.uint64)
    left, right = own_pairs(bands, np.arange(12, dtype=np.uint64))
    true = {(a, b) for a in range(12) for b in range(a + 1, 12) if (bands[:, a] == bands[:, b]).any()}
    assert set(zip(left.tolist(), right.tolist(), strict=True)) == true
    assert len(left) == len(true)


@given(BANDS)
def test_pairs_across_two_parts_are_those_of_both_together(values: list[list[int]]) -> None:
    bands, order = np.array(values, np.uint64), np.arange(12, dtype=np.uint64)
    left, right = cross_pairs(bands[:, :5], order[:5], bands[:, 5:], order[5:])
    one, two = own_pairs(bands, order)
    across = (one < 5) & (two >= 5)
    assert set(zip(left.tolist(), (right + 5).tolist(), strict=True)) == set(
        zip(one[across].tolist(), two[across].tolist(), strict=True)
    )


def test_a_crowded_bucket_is_linked_without_going_quadratic() -> None:
    rows = 50_000
    bands = np.zeros((3, rows), np.uint64)
    left, right = own_pairs(bands, np.arange(rows, dtype=np.uint64))
    assert len(left) < 2 * rows
    assert (components(left, right, rows) == 0).all()
    a, b = cross_pairs(
        bands, np.arange(rows, dtype=np.uint64), bands[:, :100], np.arange(100, dtype=np.uint64)
    )
    assert 0 < len(a) == len(b) <= rows


@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)), max_size=30))
def test_components_are_named_by_their_smallest_row(links: list[tuple[int, int]]) -> None:
    label = list(range(21))
    for _ in range(21):
        for a, b in links:
            label[a] = label[b] = min(label[a], label[b])
    left, right = np.array([a for a, _ in links], np.int64), np.array([b for _, b in links], np.int64)
    assert components(left, right, 21).tolist() == label


def test_a_long_chain_is_one_component(rng: np.random.Generator) -> None:
    rows = 100_000
    order = rng.permutation(rows)
    assert (components(order[:-1], order[1:], rows) == 0).all()
