"""Quantile sketches: exact when small, within their own bound when large, deterministic, mergeable."""

from __future__ import annotations

import math

import datasketches
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from headwater.core.errors import CorruptObject, UsageError
from headwater.methods.quantiles import QuantileSketch

NUMBERS = st.lists(st.floats(allow_nan=True, allow_infinity=True, width=64), max_size=80)
GRID = np.linspace(0, 1, 101)


def sketch_of(*batches: NDArray[np.float64] | list[float], k: int = 512) -> QuantileSketch:
    sketch = QuantileSketch(k)
    for batch in batches:
        sketch.update(batch)
    return sketch


def exact_quantiles(values: NDArray[np.float64]) -> NDArray[np.float64]:
    places = np.ceil(np.round(GRID * values.size, 6)).astype(int) - 1
    return np.asarray(np.sort(values)[np.maximum(places, 0)], np.float64)


def rank_errors(sketch: QuantileSketch, values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the error of the rank at 1,001 points spread over the values."""
    ordered = np.sort(values)
    points = ordered[np.linspace(0, ordered.size - 1, 1001).astype(int)]
    truth = np.searchsorted(ordered, points, side="right") / ordered.size
    return np.asarray(np.abs(sketch.cdf(points) - truth), np.float64)


@given(NUMBERS)
def test_small_columns_are_exact(values: list[float]) -> None:
    sketch = sketch_of(values)
    kept = np.array([value for value in values if not math.isnan(value)])
    assert (sketch.n, sketch.is_exact, sketch.rank_error()) == (kept.size, True, 0.0)
    if kept.size:
        assert (sketch.minimum, sketch.maximum) == (kept.min(), kept.max())
        np.testing.assert_array_equal(sketch.quantiles(GRID), exact_quantiles(kept))
        np.testing.assert_allclose(sketch.cdf(kept), [(kept <= value).mean() for value in kept], rtol=1e-12)
        np.testing.assert_allclose(
            sketch.cdf(kept, inclusive=False), [(kept < value).mean() for value in kept], rtol=1e-12
        )
    else:
        assert np.isnan([sketch.minimum, sketch.quantile(0.5), sketch.rank(0.0)]).all()


@given(st.lists(NUMBERS, min_size=1, max_size=5))
def test_merging_small_sketches_in_any_order_gives_the_whole(parts: list[list[float]]) -> None:
    whole = sketch_of([value for part in parts for value in part])
    for order in (parts, parts[::-1]):
        merged = QuantileSketch()
        merged.merge(*[sketch_of(part) for part in order])
        np.testing.assert_array_equal(merged.quantiles(GRID), whole.quantiles(GRID))
        assert merged.n == whole.n


@given(
    st.lists(st.integers(0, 3000), min_size=1, max_size=12),
    st.integers(0, 2**32 - 1),
    st.sampled_from(["normal", "steps", "sorted", "reversed"]),
)
def test_errors_stay_below_the_stated_bound(sizes: list[int], seed: int, shape: str) -> None:
    values = np.random.default_rng(seed).normal(size=sum(sizes))
    if shape == "steps":
        values = np.round(values)
    elif shape != "normal":
        values = np.sort(values)[:: 1 if shape == "sorted" else -1]
    parts = np.split(values, np.cumsum(sizes)[:-1])
    one_by_one, at_once, fed = QuantileSketch(16), QuantileSketch(16), sketch_of(*parts, k=16)
    for part in parts:
        one_by_one.merge(sketch_of(part, k=16))
    at_once.merge(*[sketch_of(part, k=16) for part in reversed(parts)])
    for sketch in (one_by_one, at_once, fed):
        assert sketch.n == values.size
        if values.size:
            assert (sketch.minimum, sketch.maximum) == (values.min(), values.max())
            assert rank_errors(sketch, values).max() <= sketch.rank_error(1 - 1e-6, everywhere=True) + 1e-12


def test_the_error_is_far_below_that_of_datasketches_at_its_usual_size(rng: np.random.Generator) -> None:
    values = rng.lognormal(size=1_000_000)
    sketches = [sketch_of(part) for part in np.array_split(values, 8)]
    merged = QuantileSketch()
    merged.merge(*sketches)
    theirs = datasketches.kll_doubles_sketch(200)
    theirs.update(values)
    assert merged.rank_error(0.99) < 0.004 < theirs.normalized_rank_error(False)
    assert rank_errors(merged, values).max() < merged.rank_error(0.99, everywhere=True)
    assert len(merged.to_bytes()) < 14_000
    np.testing.assert_allclose(merged.cdf(theirs.get_quantiles(GRID)), GRID, atol=0.03)


def test_bounds_hold_as_often_as_they_say(rng: np.random.Generator) -> None:
    misses, trials = 0, 300
    for _ in range(trials):
        values = rng.random(4000)
        merged = QuantileSketch(32)
        merged.merge(*[sketch_of(part, k=32) for part in np.array_split(values, 8)])
        misses += abs(merged.rank(0.5) - (values <= 0.5).mean()) > merged.rank_error(0.9)
    assert misses <= 0.1 * trials


def test_equal_input_gives_equal_bytes(rng: np.random.Generator) -> None:
    values = rng.normal(size=50_000)
    assert sketch_of(values).to_bytes() == sketch_of(values.copy()).to_bytes()
    shuffled = rng.permutation(values)
    assert sketch_of(values).to_bytes() == sketch_of(shuffled).to_bytes()


@given(st.lists(st.tuples(st.floats(-5, 5), st.integers(0, 40)), max_size=40))
def test_counts_weigh_values(pairs: list[tuple[float, int]]) -> None:
    values, counts = np.array([v for v, _ in pairs]), np.array([c for _, c in pairs], np.int64)
    counted, repeated = QuantileSketch(4096), sketch_of(np.repeat(values, counts), k=4096)
    counted.update(values, counts)
    assert counted.n == repeated.n
    np.testing.assert_array_equal(counted.quantiles(GRID), repeated.quantiles(GRID))


def test_many_weighted_values_stay_within_the_bound(rng: np.random.Generator) -> None:
    values, counts = rng.normal(size=20_000), rng.integers(0, 1000, 20_000)
    sketch = QuantileSketch(64)
    sketch.update(values, counts)
    assert rank_errors(sketch, np.repeat(values, counts)).max() < sketch.rank_error(1 - 1e-6, everywhere=True)


@given(st.lists(st.integers(0, 5000), max_size=4), st.integers(0, 2**32 - 1))
def test_bytes_round_trip(sizes: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    sketch = sketch_of(*[rng.normal(size=size) for size in sizes], k=32)
    again = QuantileSketch.from_bytes(sketch.to_bytes())
    assert again.to_bytes() == sketch.to_bytes()
    assert again.copy().rank_error(0.9) == sketch.rank_error(0.9)
    np.testing.assert_array_equal(again.quantiles(GRID), sketch.quantiles(GRID))


def test_quantile_intervals_hold_the_true_quantile(rng: np.random.Generator) -> None:
    values = rng.normal(size=200_000)
    sketch = sketch_of(*np.array_split(values, 5), k=64)
    for q in (0.0, 0.01, 0.5, 0.99, 1.0):
        low, high = sketch.quantile_interval(q)
        assert low <= np.quantile(values, q) <= high


def test_infinities_are_numbers_at_the_ends() -> None:
    sketch = sketch_of([math.inf, 1.0, -math.inf, math.nan])
    assert (sketch.n, sketch.minimum, sketch.quantile(0.5), sketch.maximum) == (3, -math.inf, 1.0, math.inf)
    assert sketch.rank(-math.inf) == pytest.approx(1 / 3)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(UsageError, match="k is 1"):
        QuantileSketch(1)
    with pytest.raises(UsageError, match="between 0 and 1"):
        sketch_of([1.0]).quantile(50)
    with pytest.raises(UsageError, match="between 0 and 1"):
        sketch_of([1.0]).rank_error(1.0)
    with pytest.raises(UsageError, match="as many counts"):
        QuantileSketch().update([1.0, 2.0], np.array([1]))


@pytest.mark.parametrize("data", [b"", b"QKL1", bytes(200), sketch_of([1.0, 2.0]).to_bytes()[:-8]])
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(CorruptObject, match="not a quantile sketch"):
        QuantileSketch.from_bytes(data)
