"""Distances between distributions agree with scipy, with hand-worked values, and with their laws."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial import distance

from headwater.core.errors import UsageError
from headwater.methods import divergence
from headwater.methods.quantiles import QuantileSketch

COUNTS = st.integers(1, 12).flatmap(
    lambda size: st.tuples(*[st.lists(st.integers(0, 100), min_size=size, max_size=size).filter(any)] * 2)
)
SAMPLES = st.lists(st.one_of(st.integers(-5, 5).map(float), st.floats(-10, 10)), min_size=1, max_size=60)


def sketch_of(
    values: list[float] | np.ndarray[tuple[int], np.dtype[np.float64]], k: int = 512
) -> QuantileSketch:
    sketch = QuantileSketch(k)
    sketch.update(values)
    return sketch


def test_psi_of_a_hand_worked_table() -> None:
    # Shares 0.5, 0.3, 0.2 against 0.4, 0.3, 0.3: (-0.1) ln 0.8 + 0 + 0.1 ln 1.5.
    assert divergence.psi([50, 30, 20], [400, 300, 300]) == pytest.approx(
        -0.1 * np.log(0.8) + 0.1 * np.log(1.5)
    )


@given(COUNTS)
def test_psi_is_jeffreys_divergence(pair: tuple[list[int], list[int]]) -> None:
    a, b = (np.array(counts) + 1 for counts in pair)
    expected = stats.entropy(a, b) + stats.entropy(b, a)
    assert divergence.psi(a, b) == pytest.approx(expected, abs=1e-12)


def test_psi_counts_an_empty_bin_as_half_a_row_and_ignores_bins_empty_on_both_sides() -> None:
    assert divergence.psi([10, 0, 0], [9, 1, 0]) == pytest.approx(-0.1 * np.log(0.9) + 0.05 * np.log(2))


def test_psi_of_equal_data_stays_below_its_noise_as_often_as_said(rng: np.random.Generator) -> None:
    shares = np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    noise = divergence.psi_noise(2000, 500, 5, 0.9)
    pairs = zip(rng.multinomial(2000, shares, 1000), rng.multinomial(500, shares, 1000), strict=True)
    above = [divergence.psi(expected, actual) > noise for expected, actual in pairs]
    assert np.mean(above) == pytest.approx(0.1, abs=0.035)
    assert divergence.psi_noise(100, 100, 1) == 0.0


@given(COUNTS)
def test_jensen_shannon_agrees_with_scipy(pair: tuple[list[int], list[int]]) -> None:
    expected = distance.jensenshannon(*pair, base=2)
    assert divergence.jensen_shannon(*pair) == pytest.approx(
        0.0 if np.isnan(expected) else expected, abs=1e-7
    )


@given(COUNTS)
def test_distances_are_symmetric_within_zero_and_one_and_zero_for_equals(
    pair: tuple[list[int], list[int]],
) -> None:
    a, b = pair
    for measure in (divergence.jensen_shannon, divergence.total_variation):
        assert 0 <= measure(a, b) <= 1 + 1e-12
        assert measure(a, b) == pytest.approx(measure(b, a), abs=1e-12)
        assert measure(a, np.array(a) * 3) == pytest.approx(0, abs=1e-7)
    assert divergence.total_variation([5, 0], [0, 2]) == divergence.jensen_shannon([5, 0], [0, 2]) == 1.0


@given(SAMPLES, SAMPLES)
def test_kolmogorov_smirnov_of_rows_and_of_exact_sketches_is_the_largest_gap(
    first: list[float], second: list[float]
) -> None:
    ours = divergence.ks_samples(first, second)
    a, b = np.array(first), np.array(second)
    assert ours.statistic == pytest.approx(
        max(abs((a <= x).mean() - (b <= x).mean()) for x in first + second)
    )
    sketched = divergence.ks_sketches(sketch_of(first), sketch_of(second))
    assert sketched == pytest.approx(ours, abs=1e-12)


def test_kolmogorov_smirnov_agrees_with_scipy_and_its_exact_p_values(rng: np.random.Generator) -> None:
    for shift in (0.0, 0.3, 0.6):
        first, second = rng.normal(size=80), rng.normal(shift, 1, 60)
        ours, theirs = divergence.ks_samples(first, second), stats.ks_2samp(first, second, method="exact")
        assert ours.statistic == pytest.approx(theirs.statistic)
        assert ours.p_value == pytest.approx(theirs.pvalue, rel=0.15)


def test_kolmogorov_smirnov_of_sketches_is_within_its_bound(rng: np.random.Generator) -> None:
    for shift in (0.0, 0.02, 0.5):
        first, second = rng.normal(size=200_000), rng.normal(shift, 1, 100_000)
        truth = divergence.ks_samples(first, second)
        sketched = divergence.ks_sketches(sketch_of(first, 128), sketch_of(second, 128))
        assert 0 < sketched.error < 0.04
        assert abs(sketched.statistic - truth.statistic) <= sketched.error


@given(
    st.integers(2, 4).flatmap(
        lambda c: st.lists(st.lists(st.integers(1, 50), min_size=c, max_size=c), min_size=2, max_size=4)
    )
)
def test_chi_square_agrees_with_scipy(table: list[list[int]]) -> None:
    ours = divergence.chi_square(table)
    theirs = stats.chi2_contingency(table, correction=False)
    assert ours.statistic == pytest.approx(theirs.statistic, abs=1e-9)
    assert ours.degrees_of_freedom == theirs.dof
    assert ours.p_value == pytest.approx(theirs.pvalue, abs=1e-9)
    assert ours.cramers_v == pytest.approx(stats.contingency.association(table, method="cramer"), abs=1e-9)


def test_chi_square_leaves_out_empty_rows_and_columns() -> None:
    assert divergence.chi_square([[10, 0, 20], [0, 0, 0], [20, 0, 10]]) == divergence.chi_square(
        [[10, 20], [20, 10]]
    )
    assert divergence.chi_square([[5, 7]]) == (0.0, 0, 1.0, 0.0)
    assert divergence.chi_square(np.zeros((0, 0))).p_value == 1.0


def test_counts_of_two_tables_are_aligned_by_value() -> None:
    first = pa.table({"value": ["a", "b", None], "count": [1, 2, 3]})
    second = pa.table({"value": ["c", "b"], "count": [5, 6]})
    values, a, b = divergence.align_counts(first, second)
    assert values.to_pylist() == ["a", "b", None, "c"]
    assert (a.tolist(), b.tolist()) == ([1, 2, 3, 0], [0, 6, 0, 5])


def test_counts_that_cannot_be_compared_are_refused() -> None:
    with pytest.raises(UsageError, match="over the same categories"):
        divergence.psi([1, 2], [1])
    with pytest.raises(UsageError, match="all zero"):
        divergence.total_variation([0, 0], [1, 2])
    with pytest.raises(UsageError, match="at least one number"):
        divergence.ks_samples([np.nan], [1.0])
    with pytest.raises(UsageError, match="at least one number"):
        divergence.ks_sketches(QuantileSketch(), QuantileSketch())
    with pytest.raises(UsageError, match="two axes"):
        divergence.chi_square([1, 2])
