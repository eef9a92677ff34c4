"""Limits of ordinary values, against numpy and the definitions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from headwater.core.errors import UsageError
from headwater.methods.bounds import BoundMethod, bounds, bounds_by_group


def test_fences_are_those_of_tukey() -> None:
    values = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 100, np.nan, np.inf])
    assert bounds(values, "iqr", factor=1.5) == (3 - 1.5 * 4, 7 + 1.5 * 4)


def test_the_median_deviation_is_scaled_to_the_standard_deviation() -> None:
    rng = np.random.default_rng(5)
    low, high = bounds(rng.normal(10, 2, 100_000), "mad", factor=3.0)
    assert low == pytest.approx(4, abs=0.1)
    assert high == pytest.approx(16, abs=0.1)


def test_quantiles_are_values_that_occur() -> None:
    values = np.arange(101.0)
    assert bounds(values, "quantiles", quantiles=(0.05, 0.95)) == (5.0, 95.0)


def test_constant_and_empty_columns_have_no_outliers() -> None:
    assert bounds(np.ones(9), "iqr") == (-np.inf, np.inf)
    assert bounds(np.ones(9), "mad") == (-np.inf, np.inf)
    assert np.isnan(bounds(np.array([np.nan]), "iqr")).all()


def test_groups_have_limits_of_their_own() -> None:
    values, groups = np.array([1.0, 2, 3, 10, 20, 30, 5]), np.array([0, 0, 0, 2, 2, 2, 1])
    low, high = bounds_by_group(values, groups, 4, "quantiles", quantiles=(0.0, 1.0), least=2)
    np.testing.assert_array_equal(low, [1, np.nan, 10, np.nan])
    np.testing.assert_array_equal(high, [3, np.nan, 30, np.nan])
    with pytest.raises(UsageError, match="number of its group"):
        bounds_by_group(values, groups[:2], 3, "iqr")


@given(
    arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6)),
    st.sampled_from(["iqr", "quantiles"]),
)
def test_clipping_twice_is_clipping_once(values: np.ndarray, method: BoundMethod) -> None:
    once = np.clip(values, *bounds(values, method, quantiles=(0.1, 0.9)))
    again = np.clip(once, *bounds(once, method, quantiles=(0.1, 0.9)))
    np.testing.assert_allclose(once, again, rtol=1e-12, atol=1e-9)
