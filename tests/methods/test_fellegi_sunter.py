"""Linking records without labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.fellegi_sunter import agreement, fit_matches, identifying_power, one_to_one


def made(rng: np.random.Generator, matches: int, others: int) -> tuple[np.ndarray, np.ndarray]:
    """Return similarities of four fields, and which pairs are matches."""
    true = np.arange(matches + others) < matches
    high = np.where(rng.random((4, len(true))) < 0.85, 1.0, rng.random((4, len(true))))
    low = np.where(rng.random((4, len(true))) < 0.1, 1.0, rng.random((4, len(true))) * 0.6)
    return np.where(true, high, low), true


def test_matches_are_told_from_others(rng: np.random.Generator) -> None:
    similarity, true = made(rng, 400, 2000)
    left, right = np.arange(2400), np.arange(2400) + 2400
    fitted = fit_matches(similarity, np.full(4, 7.0), left, right)
    found = fitted.probability > 0.5
    assert 2 * (found & true).sum() / (found.sum() + true.sum()) > 0.95
    assert abs(fitted.share - 1 / 6) < 0.02


def test_where_there_are_no_matches_none_are_found(rng: np.random.Generator) -> None:
    similarity, _ = made(rng, 0, 3000)
    fitted = fit_matches(similarity, np.full(4, 7.0), np.arange(3000), np.arange(3000) + 3000)
    assert (fitted.probability > 0.5).sum() <= 3


def test_fields_that_go_together_are_no_match_while_the_identifying_one_differs(
    rng: np.random.Generator,
) -> None:
    pairs = 2000
    together = rng.random(pairs) < 0.5
    name = rng.random(pairs) * 0.3
    similarity = np.stack([name, *(np.where(together, 1.0, rng.random(pairs) * 0.3) for _ in range(4))])
    fitted = fit_matches(similarity, np.array([7.5, 5, 5, 5, 5]), np.arange(pairs), np.arange(pairs) + pairs)
    assert (fitted.probability > 0.5).sum() == 0


def test_lacking_fields_count_neither_way() -> None:
    similarity = np.array([[1.0, 1.0, 0.1] * 20, [1.0, np.nan, 0.0] * 20, [np.nan] * 60])
    assert agreement(similarity, np.ones(3))[:3].tolist() == pytest.approx([1.0, 1.0, 0.05])
    fitted = fit_matches(similarity, np.array([5.0, 5.0, 0.0]), np.arange(60), np.arange(60) + 60)
    assert np.isfinite(fitted.probability).all()


def test_one_field_is_too_few_and_no_pairs_are_no_trouble() -> None:
    with pytest.raises(UsageError, match="several fields"):
        fit_matches(np.ones((1, 3)), np.ones(1), np.arange(3), np.arange(3))
    none = np.zeros(0, np.int64)
    assert len(fit_matches(np.ones((2, 0)), np.ones(2), none, none).probability) == 0


def test_power_is_the_entropy_of_agreeing() -> None:
    assert identifying_power(np.array([10])) == 0
    assert identifying_power(np.ones(100, np.int64)) == pytest.approx(np.log(100))
    assert identifying_power(np.zeros(0, np.int64)) == 0


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), max_size=25))
def test_each_record_is_in_one_pair_at_most_and_the_heaviest_pair_wins(
    pairs: list[tuple[int, int, int]],
) -> None:
    left, right, weight = (np.array([pair[at] for pair in pairs], np.int64) for at in range(3))
    kept = one_to_one(left, right, weight.astype(float))
    taken: set[tuple[str, int]] = set()
    greedy = []
    for at in sorted(range(len(pairs)), key=lambda at: (-weight[at], at)):
        if not {("l", int(left[at])), ("r", int(right[at]))} & taken:
            taken |= {("l", int(left[at])), ("r", int(right[at]))}
            greedy.append(at)
    assert kept.tolist() == sorted(greedy)
