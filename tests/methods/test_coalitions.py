"""Shapley values of games with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from headwater.core.errors import UsageError
from headwater.methods.coalitions import shapley


def test_additive_game_gives_each_its_own() -> None:
    own = np.array([3.0, -1.0, 0.5, 0.0])
    found = shapley(lambda c: (c @ own)[:, None] + 7.0, 4)
    np.testing.assert_allclose(found.values.ravel(), own)
    assert found.base == 7.0
    assert not found.error.any()


def test_the_glove_game() -> None:
    # Shapley (1953): one left glove, two right ones; the left is worth 2/3, each right 1/6.
    found = shapley(lambda c: (c[:, 0] & (c[:, 1] | c[:, 2])).astype(float)[:, None], 3)
    np.testing.assert_allclose(found.values.ravel(), [2 / 3, 1 / 6, 1 / 6])


@pytest.mark.parametrize("players", [3, 12])
def test_shares_sum_to_the_whole(players: int) -> None:
    weights = np.random.default_rng(3).normal(size=(players, 2))
    found = shapley(lambda c: np.tanh(c @ weights) + (c.sum(axis=1) > 2)[:, None], players)
    np.testing.assert_allclose(found.values.sum(axis=0), found.whole - found.base, atol=1e-12)


def test_sampling_is_within_its_error_of_the_exact_values() -> None:
    weights = np.random.default_rng(5).normal(size=(9, 1))

    def worth(c: np.ndarray) -> np.ndarray:
        return np.maximum(c @ weights, 0.3)

    exact = shapley(worth, 9, exact_up_to=9)
    close = shapley(worth, 9, exact_up_to=1, pairs=400, seed=1)
    off = np.abs(close.values - exact.values) / close.error
    assert off.max() < 4
    assert close.error.max() < 0.05
    again = shapley(worth, 9, exact_up_to=1, pairs=400, seed=1)
    np.testing.assert_array_equal(close.values, again.values)


def test_nobody_plays() -> None:
    with pytest.raises(UsageError, match="need a player"):
        shapley(lambda c: c.astype(float), 0)
