"""Dependencies that are broken by errors, beside those that only seem to hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from headwater.methods.dependency_support import share_of_errors

I64 = NDArray[np.int64]


def errors(left: I64, right: I64) -> float:
    pairs, counts = np.unique(np.stack([left, right]), axis=1, return_counts=True)
    return share_of_errors(pairs[0], pairs[1], counts)


@pytest.mark.parametrize("groups", [40, 300])
def test_errors_of_what_is_determined_are_errors(groups: int, rng: np.random.Generator) -> None:
    left = rng.integers(0, groups, 1500)
    right = np.where(rng.random(1500) < 0.03, rng.integers(0, 20, 1500), left % 20)
    assert errors(left, right) > 0.9


def test_agreement_by_chance_has_no_errors(rng: np.random.Generator) -> None:
    left = rng.integers(0, 9000, 20_000)
    assert errors(left, (rng.random(20_000) < 0.3).astype(np.int64)) < 0.05


def test_a_number_that_tells_most_groups_and_mixes_some_has_no_errors(rng: np.random.Generator) -> None:
    # Like the weight of a survey: nearly all people of one weight are alike, and some share it by chance.
    left = np.concatenate([np.arange(9000), np.arange(5000), np.arange(3000), np.arange(1500)])
    alike = (rng.random(9000) < 0.35).astype(np.int64)[left]
    mixed = (rng.random(9000) < 0.08)[left]
    right = np.where(mixed, rng.integers(0, 2, len(left)), alike)
    assert errors(left, right) < 0.1


def test_what_never_breaks_has_no_doubt() -> None:
    left = np.array([0, 0, 1, 1, 2])
    assert errors(left, left) == 1.0
    assert errors(np.arange(4), np.zeros(4, np.int64)) == 1.0
    assert errors(left[:0], left[:0]) == 1.0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=40))
def test_every_answer_is_a_share_whatever_the_names_of_values(rows: list[tuple[int, int]]) -> None:
    table = np.array([*rows, (0, 0)], np.int64)
    found = errors(table[:, 0], table[:, 1])
    assert 0 <= found <= 1
    assert errors(5 - table[:, 0], 3 - table[:, 1]) == pytest.approx(found, abs=1e-6)
