"""The area under the ROC curve beside scikit-learn and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.auc import auroc

SCORES = st.lists(st.integers(0, 8), min_size=1, max_size=30)


@given(SCORES, SCORES)
def test_the_area_is_the_share_of_pairs_in_order(first: list[int], second: list[int]) -> None:
    pairs = np.subtract.outer(second, first)
    assert auroc(first, second).value == pytest.approx(float(((pairs > 0) + 0.5 * (pairs == 0)).mean()))


@given(
    st.lists(st.integers(0, 8), min_size=8, max_size=30), st.lists(st.integers(0, 8), min_size=8, max_size=30)
)
def test_the_p_value_is_that_of_scipy(first: list[int], second: list[int]) -> None:
    stats = pytest.importorskip("scipy.stats")
    if len({*first, *second}) < 2:
        assert auroc(first, second).p_value == 1
        return
    theirs = stats.mannwhitneyu(second, first, alternative="greater", method="asymptotic")
    assert auroc(first, second).p_value == pytest.approx(theirs.pvalue, rel=1e-6)


def test_the_standard_error_is_that_of_the_definition(rng: np.random.Generator) -> None:
    first, second = rng.normal(size=40), rng.normal(0.7, 1, 25)
    wins = np.subtract.outer(second, first) > 0
    expected = np.sqrt(wins.mean(axis=1).var(ddof=1) / 25 + wins.mean(axis=0).var(ddof=1) / 40)
    found = auroc(first, second)
    assert found.error == pytest.approx(expected)
    low, high = found.interval()
    assert 0 <= low < found.value < high <= 1


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(6)
    truth = 0.7602  # of normal scores one standard deviation apart
    inside = 0
    for _ in range(300):
        low, high = auroc(rng.normal(size=80), rng.normal(1, 1, 60)).interval()
        inside += low <= truth <= high
    assert inside / 300 >= 0.92


def test_scores_of_both_groups_are_needed() -> None:
    with pytest.raises(UsageError, match="both groups"):
        auroc([], [1.0])
    assert auroc([1.0], [2.0]).interval() == (0.0, 1.0)
