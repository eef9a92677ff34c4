"""Maximum mean discrepancy: the closed form, the exact sums, false alarms."""

from __future__ import annotations

import numpy as np
import pytest

from headwater.core.errors import UsageError
from headwater.methods.mmd import kernel_discrepancy


def exact(x: np.ndarray, y: np.ndarray, width: float) -> float:
    """Return the unbiased estimate over all pairs (Gretton et al., equation 3)."""

    def kernel(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.asarray(np.exp(-((a[:, None] - b[None]) ** 2).sum(axis=2) / (2 * width**2)))

    n, m = len(x), len(y)
    inner = (kernel(x, x).sum() - n) / (n * (n - 1)) + (kernel(y, y).sum() - m) / (m * (m - 1))
    return float(inner - 2 * kernel(x, y).mean())


def test_the_estimate_is_near_that_over_all_pairs(rng: np.random.Generator) -> None:
    x, y = rng.normal(size=(300, 6)), rng.normal(0.5, 1, (200, 6))
    found = kernel_discrepancy(x, y, rng=rng, features=4000, permutations=19)
    assert found.value == pytest.approx(exact(x, y, found.bandwidth), abs=0.004)
    assert found.bandwidth == pytest.approx(np.sqrt(2 * 6) * 1.0, rel=0.15)


def test_normal_vectors_have_the_closed_form(rng: np.random.Generator) -> None:
    # Of N(0, I) and N(d, I): 2 (s² / (s² + 2))^(k/2) (1 - exp(-|d|² / 2(s² + 2))).
    shift = np.array([1.0, 0, 0])
    found = kernel_discrepancy(
        rng.normal(size=(3000, 3)), rng.normal(size=(3000, 3)) + shift, rng=rng, features=500, permutations=9
    )
    square = found.bandwidth**2
    closed = 2 * (square / (square + 2)) ** 1.5 * (1 - np.exp(-1 / (2 * (square + 2))))
    assert found.value == pytest.approx(closed, rel=0.1)


def test_a_shift_and_another_spread_are_seen_and_equal_sets_are_not(rng: np.random.Generator) -> None:
    same = rng.normal(size=(400, 20))
    assert kernel_discrepancy(same[:200], same[200:], rng=rng).p_value > 0.01
    assert kernel_discrepancy(same[:200], same[200:] + 0.3, rng=rng).p_value == 0.001
    wider = kernel_discrepancy(same[:200], 1.5 * same[200:], rng=rng)
    assert (wider.p_value, wider.share > 0.01) == (0.001, True)


def test_false_alarms_are_as_rare_as_the_level() -> None:
    rng = np.random.default_rng(4)
    found = [
        kernel_discrepancy(
            rng.normal(size=(40, 5)), rng.normal(size=(30, 5)), rng=rng, features=32, permutations=99
        )
        for _ in range(200)
    ]
    assert np.mean([one.p_value <= 0.05 for one in found]) <= 0.085
    assert abs(np.mean([one.value for one in found])) < 0.005


def test_the_same_seed_gives_the_same_figures() -> None:
    x = np.random.default_rng(0).normal(size=(60, 4))
    first, second = (kernel_discrepancy(x[:30], x[30:], rng=np.random.default_rng(9)) for _ in range(2))
    assert first == second


def test_equal_vectors_are_no_discrepancy(rng: np.random.Generator) -> None:
    found = kernel_discrepancy(np.ones((5, 3)), np.ones((4, 3)), rng=rng)
    assert (found.p_value, found.share) == (1.0, 0.0)
    apart = kernel_discrepancy(np.zeros((30, 3)), np.ones((30, 3)), rng=rng)
    assert apart.p_value == 0.001
    with pytest.raises(UsageError, match="Two vectors"):
        kernel_discrepancy(np.ones((1, 3)), np.ones((4, 3)), rng=rng)
