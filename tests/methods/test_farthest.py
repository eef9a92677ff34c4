"""Farthest-first traversal: the greedy choice, its guarantee, and what it refuses."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.farthest import farthest_first

POINTS = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=2, max_size=9)


def radius(points: np.ndarray, centres: list[int]) -> float:
    apart = np.linalg.norm(points[:, None] - points[centres][None], axis=2)
    return float(apart.min(axis=1).max())


@settings(deadline=None)
@given(POINTS, st.integers(1, 4))
def test_the_radius_is_true_and_at_most_twice_the_best(rows: list[tuple[int, int]], count: int) -> None:
    points = np.array(rows, np.float64)
    count = min(count, len(points))
    found = farthest_first(points, count)
    assert len(set(found.places.tolist())) == count
    assert found.radius[-1] == pytest.approx(radius(points, found.places.tolist()), abs=1e-3)
    best = min(radius(points, list(some)) for some in combinations(range(len(points)), count))
    assert found.radius[-1] <= 2 * best + 1e-3
    assert (np.diff(found.radius) <= 1e-6).all()


def test_each_choice_is_the_farthest_from_those_before_and_what_is_chosen_already_counts() -> None:
    points = np.array([[0.0], [1.0], [10.0], [4.0], [6.0]])
    assert farthest_first(points, 3).places.tolist() == [3, 2, 0]
    found = farthest_first(points, 9, chosen=np.array([2]))
    assert found.places.tolist()[0] == 0
    assert sorted(found.places.tolist()) == [0, 1, 3, 4]
    assert found.radius[-1] == 0.0


def test_equal_points_and_no_columns_are_no_trouble() -> None:
    assert farthest_first(np.zeros((4, 2)), 4).places.tolist() == [0, 1, 2, 3]
    assert len(farthest_first(np.zeros((0, 2)), 3).places) == 0
    assert len(farthest_first(np.zeros((3, 0)), 2).places) == 2


def test_missing_numbers_and_endless_work_are_refused() -> None:
    with pytest.raises(UsageError, match="Fill it first"):
        farthest_first(np.array([[np.nan]]), 1)
    with pytest.raises(UsageError, match="Choose fewer"):
        farthest_first(np.zeros((2_000_000, 2), np.float32), 1_000_000)
