"""Tails and quantiles agree with scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special, stats

from headwater.core.errors import UsageError
from headwater.methods import distributions

X = np.array([0.0, 1e-12, 1e-3, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.999, 1.0])
P = np.array([0.001, 0.025, 0.05, 0.3, 0.5, 0.7, 0.95, 0.975, 0.999])


@pytest.mark.parametrize(
    ("a", "b"), [(0.5, 0.5), (1, 1), (1, 20), (3, 7), (50, 0.5), (400, 600), (1, 10_000), (5e4, 5e4)]
)
def test_beta_agrees_with_scipy(a: float, b: float) -> None:
    np.testing.assert_allclose(
        distributions.beta_cdf(X, a, b), stats.beta.cdf(X, a, b), rtol=1e-9, atol=1e-13
    )
    np.testing.assert_allclose(distributions.beta_quantile(P, a, b), stats.beta.ppf(P, a, b), rtol=1e-9)


@pytest.mark.parametrize("df", [1, 2, 3, 9, 30, 300, 1e6])
def test_student_agrees_with_scipy(df: float) -> None:
    t = np.array([-40.0, -3, -1, -0.1, 0, 0.1, 1, 3, 40])
    np.testing.assert_allclose(distributions.student_sf(t, df), stats.t.sf(t, df), rtol=1e-8)
    np.testing.assert_allclose(
        distributions.student_quantile(P, df), stats.t.ppf(P, df), rtol=1e-7, atol=1e-7
    )


@pytest.mark.parametrize("df", [1, 2, 5, 30, 300, 5000])
def test_chi_square_agrees_with_scipy(df: float) -> None:
    x = np.array([0.0, 1e-6, 0.5, 1, 4, 20, 31, 100, 400, 5200, np.inf])
    np.testing.assert_allclose(distributions.chi2_sf(x, df), stats.chi2.sf(x, df), rtol=1e-9, atol=1e-300)
    np.testing.assert_allclose(distributions.chi2_quantile(P, df), stats.chi2.ppf(P, df), rtol=1e-8)


def test_kolmogorov_agrees_with_scipy() -> None:
    x = np.array([0.0, 0.05, 0.2, 0.5, 0.8, 0.999, 1.0, 1.36, 2, 5])
    np.testing.assert_allclose(distributions.kolmogorov_sf(x), special.kolmogorov(x), rtol=1e-10)


def test_normal_agrees_with_scipy() -> None:
    np.testing.assert_allclose(
        distributions.normal_sf([-3, 0, 1.96, 30]), stats.norm.sf([-3, 0, 1.96, 30]), rtol=1e-12
    )
    assert distributions.normal_quantile(0.975) == pytest.approx(1.959964, abs=1e-6)
    assert distributions.normal_quantile(0.0) == -np.inf
    assert distributions.two_sided_z(0.95) == pytest.approx(1.959964, abs=1e-6)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95, -1])
def test_a_confidence_outside_its_range_is_refused(confidence: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        distributions.two_sided_z(confidence)
