"""Counts beside their usual week."""

from __future__ import annotations

import numpy as np
import pytest

from headwater.core.errors import UsageError
from headwater.methods.season import seasonal_counts

WEEK = np.array([100, 110, 105, 100, 120, 30, 10.0])


def off(counts: object, period: int = 7) -> list[int]:
    x = np.asarray(counts)
    usual = seasonal_counts(x, period)
    return np.flatnonzero((x < usual.low) | (x > usual.high)).tolist()


def test_a_week_is_learnt_and_a_break_stands_out(rng: np.random.Generator) -> None:
    counts = rng.poisson(np.tile(WEEK, 12))
    counts[[30, 45]] = [0, 300]
    assert off(counts) == [30, 45]
    usual = seasonal_counts(counts, 7)
    assert usual.middle[:7] == pytest.approx(WEEK, rel=0.25)
    assert usual.dispersion == pytest.approx(1, abs=0.5)


def test_a_level_may_grow(rng: np.random.Generator) -> None:
    counts = rng.poisson(np.tile(WEEK, 20) * np.linspace(1, 3, 140))
    assert off(counts) == []


def test_the_last_days_can_break(rng: np.random.Generator) -> None:
    counts = rng.poisson(np.tile(WEEK, 8))
    counts[-3:] = 0
    assert {53, 54} & set(off(counts))
    assert 53 in off(counts)


def test_false_alarms_are_as_rare_as_said() -> None:
    rng = np.random.default_rng(3)
    alarms = sum(bool(off(rng.poisson(np.tile(WEEK, 8) * 5))) for _ in range(100))
    assert alarms <= 5


def test_numbers_that_vary_more_than_by_chance_have_wider_bounds(rng: np.random.Generator) -> None:
    counts = rng.poisson(np.tile(WEEK * 10, 12) * rng.gamma(10, 0.1, 84))
    usual = seasonal_counts(counts, 7)
    assert usual.dispersion > 20
    assert len(off(counts)) <= 1


def test_closed_days_say_nothing_of_the_level(rng: np.random.Generator) -> None:
    week = np.array([50, 50, 50, 50, 50, 0, 0])
    counts = rng.poisson(np.tile(week, 10))
    assert off(counts) == []
    counts[5] = 40
    assert off(counts) == [5]


def test_constant_counts_are_usual() -> None:
    assert off(np.zeros(30)) == []
    assert off(np.full(30, 7)) == []


def test_a_season_is_seen_three_times_at_least() -> None:
    with pytest.raises(UsageError, match="three times"):
        seasonal_counts(np.ones(20), 7)
