"""Moments: merging is the whole, taking away its inverse, and correlations are numpy's."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.methods.moments import Moments

SIZES = st.lists(st.integers(0, 20), min_size=1, max_size=5)


def rows_of(sizes: list[int], seed: int, columns: int = 3, offset: float = 1e6) -> list[NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(sum(sizes), columns)) @ rng.normal(size=(columns, columns)) + offset
    rows[rng.random(rows.shape) < 0.15] = rng.choice([np.nan, np.inf, -1e200])
    return np.split(rows, np.cumsum(sizes)[:-1])


def assert_same(one: Moments, other: Moments) -> None:
    np.testing.assert_array_equal(one.count, other.count)
    np.testing.assert_allclose(one.mean, other.mean, rtol=1e-12)
    np.testing.assert_allclose(one.squares, other.squares, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(one.products, other.products, rtol=1e-6, atol=1e-6)


@given(SIZES, st.integers(0, 2**32 - 1))
def test_merging_parts_in_any_order_gives_the_whole(sizes: list[int], seed: int) -> None:
    parts = rows_of(sizes, seed)
    whole = Moments.of(np.concatenate(parts))
    for order in (parts, parts[::-1]):
        merged = Moments.empty(3)
        for part in order:
            merged = merged.merge(Moments.of(part))
        assert_same(merged, whole)


@given(SIZES, st.integers(0, 2**32 - 1))
def test_rows_that_were_added_can_be_taken_away(sizes: list[int], seed: int) -> None:
    parts = rows_of(sizes, seed, offset=10.0)
    whole = Moments.of(np.concatenate(parts))
    assert_same(whole.subtract(Moments.of(parts[0])), Moments.of(np.concatenate([parts[0][:0], *parts[1:]])))


@given(st.integers(3, 60), st.integers(0, 2**32 - 1))
def test_correlations_are_those_of_the_complete_pairs(rows: int, seed: int) -> None:
    (x,) = rows_of([rows], seed)
    ours = Moments.of(x)
    for i in range(3):
        for j in range(3):
            both = (np.abs(x[:, i]) < 1e150) & (np.abs(x[:, j]) < 1e150)
            if both.sum() > 2:
                expected = np.corrcoef(x[both, i], x[both, j])[0, 1]
                assert ours.pearson()[i, j] == pytest.approx(expected, abs=1e-6)
        column = x[np.abs(x[:, i]) < 1e150, i]
        if column.size > 1:
            assert ours.means[i] == pytest.approx(column.mean())
            assert ours.deviations[i] == pytest.approx(column.std(ddof=1), rel=1e-6)


@given(st.integers(1, 30), st.integers(0, 2**32 - 1))
def test_rows_without_gaps_have_the_same_moments_as_beside_a_gap(rows: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(5, 2, (rows, 3))
    beside = Moments.of(np.concatenate([x, np.full((1, 3), np.nan)]))
    assert_same(Moments.of(x), beside)
    np.testing.assert_array_equal(Moments.of(x).products, Moments.of(x).products.T)


def test_nothing_is_known_about_constant_empty_and_missing_columns() -> None:
    moments = Moments.of(np.array([[0.1, np.nan, 1.0], [0.1, np.nan, 2.0], [0.1, np.nan, 4.0]]))
    correlations = moments.pearson()
    assert np.isnan(correlations[:2]).all()
    assert correlations[2, 2] == 1.0
    np.testing.assert_allclose(moments.means, [0.1, np.nan, 7 / 3])
    np.testing.assert_allclose(moments.deviations, [0.0, np.nan, np.sqrt(7 / 3)], atol=1e-15)
    assert np.isnan(Moments.empty(2).pearson()).all()
    assert np.isnan(Moments.of(np.zeros((0, 2))).means).all()


def test_what_cannot_be_combined_is_refused() -> None:
    two = Moments.of(np.ones((1, 2)))
    with pytest.raises(UsageError, match="2 and of 3 columns"):
        two.merge(Moments.empty(3))
    with pytest.raises(UsageError, match="more rows"):
        two.subtract(Moments.of(np.ones((2, 2))))
    with pytest.raises(UsageError, match="two axes"):
        Moments.of(np.ones(3))
