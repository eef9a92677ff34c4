"""Adjusted p-values agree with published examples and with scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from headwater.core.errors import UsageError
from headwater.methods.multiple_testing import benjamini_hochberg, holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=30)

# Benjamini and Hochberg (1995), section 4: 15 tests of thrombolytic treatment.
THROMBOLYSIS = [
    *(0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344),
    *(0.0459, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0),
]


def test_the_published_example_rejects_four_by_rate_and_three_by_family() -> None:
    assert (benjamini_hochberg(THROMBOLYSIS) <= 0.05).sum() == 4
    assert (holm(THROMBOLYSIS) <= 0.05).sum() == 3


@given(P_VALUES)
def test_false_discovery_rates_agree_with_scipy(p_values: list[float]) -> None:
    np.testing.assert_allclose(
        benjamini_hochberg(p_values), stats.false_discovery_control(p_values), rtol=1e-12
    )


@given(P_VALUES, st.randoms(use_true_random=False))
def test_adjustment_keeps_order_raises_and_does_not_depend_on_position(
    p_values: list[float], shuffler: object
) -> None:
    order = list(range(len(p_values)))
    shuffler.shuffle(order)  # type: ignore[attr-defined]
    p = np.array(p_values)
    for adjust in (holm, benjamini_hochberg):
        adjusted = adjust(p)
        assert ((adjusted >= p) & (adjusted <= 1)).all()
        assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
        np.testing.assert_array_equal(adjust(p[order]), adjusted[order])
    assert (holm(p) <= np.minimum(p * p.size, 1) + 1e-15).all()
    assert (benjamini_hochberg(p) <= holm(p) + 1e-12).all()


def test_what_was_not_tested_does_not_count() -> None:
    np.testing.assert_allclose(holm([0.01, np.nan, 0.04]), [0.02, np.nan, 0.04])
    assert benjamini_hochberg([]).size == 0


def test_numbers_that_are_no_p_values_are_refused() -> None:
    with pytest.raises(UsageError, match="from 0 to 1"):
        holm([1.5])
