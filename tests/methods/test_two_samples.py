"""Two-sample tests against scipy, and distances against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.two_samples import (
    Steps,
    homogeneity_p_value,
    ks_p_value,
    proportion_p_value,
    wasserstein,
)


@pytest.mark.parametrize(("n", "m"), [(3, 5), (10, 10), (20, 30), (7, 900), (100, 100)])
def test_small_samples_have_the_exact_p_value_of_scipy(n: int, m: int, rng: np.random.Generator) -> None:
    stats = pytest.importorskip("scipy.stats")
    for shift in (0.0, 0.5, 2.0):
        theirs = stats.ks_2samp(rng.normal(size=n), rng.normal(shift, 1, m), method="exact")
        assert ks_p_value(theirs.statistic, n, m) == pytest.approx(theirs.pvalue, rel=1e-6, abs=1e-12)


def test_large_samples_have_the_asymptotic_p_value(rng: np.random.Generator) -> None:
    stats = pytest.importorskip("scipy.stats")
    theirs = stats.ks_2samp(rng.normal(size=3000), rng.normal(0.05, 1, 4000), method="exact")
    assert ks_p_value(theirs.statistic, 3000, 4000) == pytest.approx(theirs.pvalue, rel=0.05)


def test_nothing_to_test_is_no_evidence() -> None:
    assert ks_p_value(0.0, 5, 5) == 1.0
    assert ks_p_value(1.0, 1, 1) == pytest.approx(1.0)
    assert proportion_p_value(0, 10, 0, 10) == 1.0
    assert proportion_p_value(0, 0, 1, 10) == 1.0
    assert homogeneity_p_value([0, 0], [1, 2]) == 1.0
    assert homogeneity_p_value([5], [9]) == 1.0
    with pytest.raises(UsageError, match="at least one"):
        ks_p_value(0.5, 0, 3)


@given(st.integers(1, 40), st.integers(1, 40), st.data())
def test_rare_proportions_are_tested_as_fisher_did(n: int, m: int, data: st.DataObject) -> None:
    stats = pytest.importorskip("scipy.stats")
    k, j = data.draw(st.integers(0, n)), data.draw(st.integers(0, m))
    total, hits = n + m, k + j
    mine = proportion_p_value(k, n, j, m)
    if 0 < hits < total and min(n, m) * min(hits, total - hits) / total < 5:
        theirs = stats.fisher_exact([[k, n - k], [j, m - j]]).pvalue
    elif 0 < hits < total:
        theirs = stats.chi2_contingency([[k, n - k], [j, m - j]], correction=False).pvalue
    else:
        theirs = 1.0
    assert mine == pytest.approx(theirs, rel=1e-6, abs=1e-12)


def test_counts_are_tested_by_chi_square_with_rare_ones_together() -> None:
    stats = pytest.importorskip("scipy.stats")
    first, second = np.array([500, 300, 200, 1, 0, 2]), np.array([450, 380, 160, 0, 1, 0])
    together = np.array([[500, 300, 203], [450, 380, 161]])
    assert homogeneity_p_value(first, second) == pytest.approx(stats.chi2_contingency(together).pvalue)
    assert homogeneity_p_value(first, 2 * first) == pytest.approx(1.0)


def test_p_values_of_equal_distributions_are_not_too_small(rng: np.random.Generator) -> None:
    shares = rng.dirichlet(np.full(30, 0.3))
    found = [
        homogeneity_p_value(rng.multinomial(400, shares), rng.multinomial(150, shares)) for _ in range(400)
    ]
    assert np.mean(np.array(found) <= 0.05) <= 0.085


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=30), st.lists(st.integers(-20, 20), min_size=1))
def test_wasserstein_is_that_of_scipy(first: list[int], second: list[int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    points = np.unique([*first, *second]).astype(np.float64)

    def steps(values: list[int]) -> Steps:
        ordered = np.sort(values)
        sides = [np.searchsorted(ordered, points, side=side) / len(ordered) for side in ("left", "right")]
        return Steps(points, *sides)

    expected = stats.wasserstein_distance(first, second)
    assert wasserstein(steps(first), steps(second)) == pytest.approx(expected, abs=1e-9)


def test_crossing_lines_enclose_two_triangles() -> None:
    points = np.array([0.0, 1.0])
    rising = Steps(points, np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    level = Steps(points, np.array([0.0, 0.5]), np.array([0.5, 1.0]))
    assert wasserstein(rising, level) == pytest.approx(0.25)
