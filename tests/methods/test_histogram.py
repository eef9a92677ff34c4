"""Histograms: partitions that add and subtract, from rows or from a sketch."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.histogram import count_into, from_sketch, quantile_edges, round_edges
from headwater.methods.quantiles import QuantileSketch

NUMBERS = st.lists(st.one_of(st.floats(), st.integers(-3, 3).map(float)), max_size=60)
EDGES = np.array([-2.0, -1.0, 0.0, 0.5, 2.0])


@given(NUMBERS)
def test_counts_agree_with_numpy_inside_and_partition_the_rest(values: list[float]) -> None:
    histogram = count_into(values, EDGES)
    x = np.array(values)
    finite = x[np.isfinite(x)]
    np.testing.assert_array_equal(histogram.counts, np.histogram(finite, EDGES)[0])
    assert histogram.below == (x < EDGES[0]).sum()
    assert histogram.above == (x > EDGES[-1]).sum()
    assert histogram.missing == np.isnan(x).sum()
    assert histogram.total + histogram.missing == x.size


@given(NUMBERS, NUMBERS)
def test_merge_is_the_whole_and_subtract_its_inverse(first: list[float], second: list[float]) -> None:
    a, b = count_into(first, EDGES), count_into(second, EDGES)
    whole = count_into(first + second, EDGES)
    assert a.merge(b) == b.merge(a) == whole
    assert whole.subtract(b) == a


@given(NUMBERS)
def test_a_sketch_of_few_numbers_implies_the_same_histogram(values: list[float]) -> None:
    sketch = QuantileSketch()
    sketch.update(values)
    kept = [value for value in values if not math.isnan(value)]
    assert from_sketch(sketch, EDGES) == count_into(kept, EDGES)


def test_counts_weigh_numbers() -> None:
    assert count_into([0.1, -1.5], EDGES, [3, 4]).counts.tolist() == [4, 0, 3, 0]


def test_quantile_edges_cut_into_parts_of_equal_size(rng: np.random.Generator) -> None:
    values = rng.lognormal(size=100_000)
    sketch = QuantileSketch()
    sketch.update(values)
    histogram = count_into(values, quantile_edges(sketch, 10))
    np.testing.assert_allclose(histogram.counts / values.size, 0.1, atol=0.01)


@pytest.mark.parametrize("values", [[3.0] * 9, [math.inf], [1e300], [0.0, 0.0, 1.0], [-1e17]])
def test_quantile_edges_rise_whatever_repeats(values: list[float]) -> None:
    sketch = QuantileSketch()
    sketch.update(values)
    edges = quantile_edges(sketch, 10)
    assert (np.diff(edges) > 0).all()
    assert count_into(values, edges).total == len(values)


@given(st.floats(-1e12, 1e12), st.floats(-1e12, 1e12), st.integers(2, 60))
def test_round_edges_span_the_range_in_at_most_that_many_bins(a: float, b: float, bins: int) -> None:
    low, high = min(a, b), max(a, b)
    assume(abs(low) > 1e-200 and abs(high) > 1e-200)
    edges = round_edges(low, high, bins)
    assert edges[0] <= low <= high <= edges[-1]
    assert 1 <= edges.size - 1 <= bins
    assert (np.diff(edges) > 0).all()


def test_round_edges_are_round() -> None:
    assert round_edges(3, 3, 10).tolist()[0] <= 3
    assert round_edges(0, 0, 10).size >= 2
    assert round_edges(18, 90, 20).tolist() == list(range(15, 91, 5))


def test_what_makes_no_histogram_is_refused() -> None:
    with pytest.raises(UsageError, match="each above the one before"):
        count_into([1.0], [1.0, 1.0])
    with pytest.raises(UsageError, match="different edges"):
        count_into([1.0], [0.0, 1.0]).merge(count_into([1.0], [0.0, 2.0]))
    with pytest.raises(UsageError, match="does not hold"):
        count_into([], EDGES).subtract(count_into([0.0], EDGES))
    with pytest.raises(UsageError, match="finite range"):
        round_edges(0, math.inf)
    with pytest.raises(UsageError, match="at least one number"):
        quantile_edges(QuantileSketch())
