"""Numbers beyond a gap."""

from __future__ import annotations

import numpy as np
import pytest

from headwater.methods.far_numbers import far_numbers


def far(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> list[float]:
    distinct, counts = np.unique(values, return_counts=True)
    return list(distinct[far_numbers(distinct, counts).chance > 0.5].tolist())


@pytest.mark.parametrize("kind", ["normal", "uniform", "lognormal", "exponential"])
def test_tails_are_no_errors(kind: str, rng: np.random.Generator) -> None:
    assert len(far(getattr(rng, kind)(size=5_000))) <= 1


def test_a_value_of_another_scale_is_found_and_brought_back(rng: np.random.Generator) -> None:
    ages = np.append(rng.integers(20, 80, 500), 4200).astype(np.float64)
    distinct, counts = np.unique(ages, return_counts=True)
    found = far_numbers(distinct, counts)
    assert distinct[found.chance > 0.5].tolist() == [4200.0]
    assert found.meant[-1] == 42.0


def test_few_values_constant_ones_and_nan_are_left_alone() -> None:
    assert far(np.array([1.0, 2.0, 1e9])) == []
    assert far(np.full(100, 3.0)) == []
    assert far(np.full(100, np.nan)) == []


def test_infinity_is_far(rng: np.random.Generator) -> None:
    assert far(np.append(rng.normal(size=100), np.inf)) == [np.inf]
