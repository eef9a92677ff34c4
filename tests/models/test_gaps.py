"""Gaps between groups: equal to rates computed by hand, and NaN where there is nothing to compare."""

from __future__ import annotations

import numpy as np
import pytest

from headwater.models.gaps import GAP_NAMES, gap, rates
from headwater.recipes.base import Labels

TWO = ("no", "yes")


def test_rates_of_two_classes_are_those_counted_by_hand(rng: np.random.Generator) -> None:
    truth, said = rng.integers(0, 2, 200), rng.integers(0, 2, 200)
    group = rng.integers(0, 3, 200)
    labels = Labels(values=truth.astype(float), classes=TWO)
    masks = [group == number for number in range(3)]
    found = {rate.name: gap(rate, masks, np.ones((1, 200)))[0] for rate in rates(labels, np.eye(2)[said])}
    picked = {
        "selection_rate_gap": truth >= 0,
        "true_positive_rate_gap": truth == 1,
        "false_positive_rate_gap": truth == 0,
    }
    for name, rows in picked.items():
        means = [said[rows & mask].mean() for mask in masks]
        assert found[name] == pytest.approx(max(means) - min(means))


def test_weights_count_rows_as_often_as_they_were_drawn() -> None:
    labels = Labels(values=np.array([1.0, 1, 1, 1]), classes=TWO)
    said = np.eye(2)[[1, 0, 1, 1]]
    masks = [np.array([True, True, False, False]), np.array([False, False, True, True])]
    selection = rates(labels, said)[0]
    np.testing.assert_allclose(gap(selection, masks, np.array([[1.0, 1, 1, 1], [3, 1, 1, 1]])), [0.5, 0.25])


def test_a_group_that_was_not_drawn_leaves_nothing_to_compare() -> None:
    labels = Labels(values=np.array([1.0, 0]), classes=TWO)
    masks = [np.array([True, False]), np.array([False, True])]
    found = rates(labels, np.eye(2)[[1, 1]])
    assert np.isnan(gap(found[0], masks, np.array([[1.0, 0]]))[0])
    # Nobody in the second group is positive, so only one group has a true positive rate.
    assert np.isnan(gap(found[1], masks, np.ones((1, 2)))[0])


def test_more_classes_are_compared_by_accuracy_and_numbers_by_error() -> None:
    masks = [np.array([True, True, False]), np.array([False, False, True])]
    three = Labels(values=np.array([0.0, 1, 2]), classes=("a", "b", "c"))
    (accuracy,) = rates(three, np.eye(3)[[0, 2, 2]])
    assert accuracy.name == "accuracy_gap"
    assert gap(accuracy, masks, np.ones((1, 3)))[0] == 0.5
    (error,) = rates(Labels(values=np.array([1.0, 2, 3])), np.array([[1.0], [4.0], [3.5]]))
    assert error.name == "mean_absolute_error_gap"
    assert gap(error, masks, np.ones((1, 3)))[0] == 0.5


def test_every_gap_is_explained() -> None:
    said = np.eye(2)[[0, 1]]
    names = {rate.name for rate in rates(Labels(values=np.zeros(2), classes=TWO), said)}
    names |= {rate.name for rate in rates(Labels(values=np.zeros(2), classes=(*TWO, "maybe")), said)}
    names |= {rate.name for rate in rates(Labels(values=np.zeros(2)), said)}
    assert names == set(GAP_NAMES)
