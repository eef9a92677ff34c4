"""Which gap is longer than the pace of the data explains."""

from __future__ import annotations

import numpy as np
import pytest

from headwater.methods.time_gaps import longest_usual_gap


def test_a_steady_pace_has_a_limit_of_one_and_a_half_steps() -> None:
    assert longest_usual_gap([60.0] * 500 + [300.0]) == 90


def test_what_comes_again_and_again_is_usual() -> None:
    year = np.tile([1, 1, 1, 1, 3.0], 52)
    assert longest_usual_gap(year) == 4.5
    assert longest_usual_gap([*year, 9.0]) == 4.5


def test_times_at_random_have_a_gap_beyond_it_once_in_a_thousand() -> None:
    rng = np.random.default_rng(1)
    beyond = 0
    for _ in range(1000):
        gaps = rng.exponential(size=400)
        limit = longest_usual_gap(gaps)
        assert limit is not None
        beyond += gaps.max() > limit
    assert beyond <= 25  # the scale is an estimate


def test_the_longest_gaps_alone_are_enough() -> None:
    gaps = np.random.default_rng(2).exponential(size=20_000)
    limit, of_longest = longest_usual_gap(gaps), longest_usual_gap(np.sort(gaps)[-1024:])
    assert limit is not None
    assert of_longest == pytest.approx(limit, rel=0.2)


def test_few_gaps_tell_nothing() -> None:
    assert longest_usual_gap([1, 1, 9]) is None
    assert longest_usual_gap([]) is None
