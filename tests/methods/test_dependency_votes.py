"""Left sides that vote on a right side."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headwater.methods.dependency_votes import ballot, vote

I64 = NDArray[np.int64]


def votes(lefts: list[I64], right: I64, rights: int, missing: int = -1) -> tuple[list[float], list[int]]:
    ballots = [ballot(left, right, int(left.max()) + 1, rights, missing) for left in lefts]
    found = vote(ballots, lefts, [np.ones(len(right))] * len(lefts), right)
    return found.against.round(3).tolist(), found.meant.tolist()


def test_the_majority_of_the_other_rows_is_meant() -> None:
    against, meant = votes([np.zeros(5, np.int64)], np.array([0, 0, 0, 0, 1]), 2)
    assert against == [0, 0, 0, 0, 0.8]
    assert meant[4] == 0


def test_one_other_row_does_not_convict() -> None:
    assert max(votes([np.zeros(2, np.int64)], np.array([0, 1]), 2)[0]) <= 0.5


def test_a_wrong_left_side_is_outvoted() -> None:
    right = np.array([0] * 6 + [1] * 6)
    sound = right.copy()
    broken = right.copy()
    broken[0] = 1
    assert max(votes([broken, sound, sound], right, 2)[0]) <= 0.5


def test_missing_right_sides_are_filled_and_do_not_vote() -> None:
    against, meant = votes([np.zeros(5, np.int64)], np.array([1, 1, 1, 0, 0]), 2, missing=0)
    assert against[3] == 0.75
    assert meant[3] == 1
    assert against[:3] == [0, 0, 0]


def test_left_sides_never_seen_say_nothing() -> None:
    right = np.array([0, 0, 0, 1])
    one = ballot(np.zeros(4, np.int64), right, 1, 2, -1)
    found = vote([one], [np.full(4, -1)], [np.ones(4)], right)
    assert found.against.tolist() == [0, 0, 0, 0]
    assert vote([], [], [], right).meant.tolist() == [-1] * 4
