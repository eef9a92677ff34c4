"""Distributions: exact while values are few, within their error afterwards, the same for the same chunks."""

from __future__ import annotations

from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.profile.measure import measure_table
from headwater.profile.quantiles import Quantiles, QuantilesState

SHAPES: dict[str, Any] = {
    "normal": lambda rng, n: rng.normal(size=n),
    "heavy tail": lambda rng, n: rng.lognormal(2, 2, n),
    "one value in the middle": lambda rng, n: np.where(rng.random(n) < 0.3, 5.0, rng.lognormal(2, 1, n)),
    "sorted": lambda rng, n: np.arange(n) + rng.random(),
    "two far lumps": lambda rng, n: rng.normal(size=n) + np.where(rng.random(n) < 0.5, 1e9, -1e9),
}
SHARES = np.linspace(0, 1, 101)


def state(values: Any) -> QuantilesState:
    found, counts = np.unique(np.asarray(values), return_counts=True)
    return QuantilesState.of(found, counts.astype(np.int64))


@given(st.lists(st.integers(-50, 50), min_size=1, max_size=40), st.floats(0, 1))
def test_few_values_give_the_quantiles_of_the_empirical_distribution(values: list[int], share: float) -> None:
    found = state(values)
    assert found.is_exact
    assert found.quantile(share) == np.quantile(values, share, method="inverted_cdf")
    assert found.cdf(values[0]) == np.mean(np.array(values) <= values[0])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("chunks", [1, 3, 16])
def test_ranks_are_within_the_error_that_the_state_declares(shape: str, chunks: int) -> None:
    rng = np.random.default_rng(7)
    parts = [SHAPES[shape](rng, 8000) for _ in range(chunks)]
    merged = reduce(lambda a, b: a.merge(b), map(state, parts))
    values = np.sort(np.concatenate(parts))
    found = merged.quantile(SHARES)
    below = np.searchsorted(values, found, side="left") / len(values)
    up_to = np.searchsorted(values, found, side="right") / len(values)
    off = np.maximum(np.maximum(below - SHARES, SHARES - up_to), 0).max()
    assert off <= merged.rank_error / len(values) + 1e-9
    assert off < 0.004
    assert (
        np.abs(merged.cdf(values) - np.searchsorted(values, values, side="right") / len(values)).max() < 0.004
    )
    assert (merged.quantile([0.0])[0], merged.quantile([1.0])[0]) == (values[0], values[-1])
    assert merged.count == len(values)


def test_the_same_chunks_give_the_same_state() -> None:
    rng = np.random.default_rng(3)
    parts = [rng.normal(size=3000) for _ in range(9)]
    first, second = (reduce(lambda a, b: a.merge(b), map(state, parts)).to_bytes() for _ in range(2))
    assert first == second


def test_the_error_grows_with_the_powers_of_two_not_with_the_chunks() -> None:
    rng = np.random.default_rng(3)
    merged = reduce(lambda a, b: a.merge(b), [state(rng.normal(size=2000)) for _ in range(64)])
    assert merged.rank_error / merged.count < 0.03


@settings(max_examples=20)
@given(st.integers(0, 10**6), st.floats(0, 0.2))
def test_bounds_hold_whatever_rows_are_gone(seed: int, part: float) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=3000)
    gone = int(3000 * part)
    kept = np.sort(values)[gone:] if seed % 2 else rng.permutation(values)[gone:]
    low, high = state(values).aged(gone).quantile_bounds(0.3)
    assert low <= np.quantile(kept, 0.3, method="inverted_cdf") <= high


def test_a_histogram_counts_all_values_once() -> None:
    found = state(np.repeat([0, 1, 2, 10], [5, 4, 3, 2])).histogram([0, 1, 2, 10])
    assert found.tolist() == [5, 4, 5]


def test_infinite_values_have_their_place() -> None:
    found = state([float("-inf"), 0.0, 1.0, float("inf")])
    assert found.quantile([0.0, 0.5, 1.0]).tolist() == [float("-inf"), 0.0, float("inf")]
    assert found.cdf(0.5) == 0.5


def test_no_values_have_no_quantiles() -> None:
    empty = QuantilesState()
    assert np.isnan(empty.quantile([0.5])).all()
    assert np.isnan(empty.cdf([1.0])).all()
    assert all(np.isnan(empty.quantile_bounds(0.5)))
    assert empty.merge(state([1])).count == 1


def test_very_long_texts_are_measured() -> None:
    one = Quantiles(column="c", of="length")
    found = measure_table(pa.table({"c": ["x" * 100_000, "y"]}), [one])[one]
    assert found.quantile([1.0])[0] == 100_000
