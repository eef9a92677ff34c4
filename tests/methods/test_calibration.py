"""Calibration: parts that add up, bins of equal mass, and errors of models whose calibration is known."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.calibration import calibration, equal_mass_bins


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=80), st.integers(1, 9))
def test_the_parts_of_the_squared_error_add_up(pairs: list[tuple[float, bool]], bins: int) -> None:
    score, hit = (np.asarray(side, float) for side in zip(*pairs, strict=True))
    found = calibration(score, hit, rng=np.random.default_rng(0), bins=bins, resamples=20)
    whole = found.reliability - found.resolution + found.uncertainty + found.within
    assert whole == pytest.approx(((score - hit) ** 2).mean(), abs=1e-12)
    assert sum(one["rows"] for one in found.bins) == len(score)
    assert 0 <= found.interval[0] <= found.interval[1] <= 1
    json.dumps(found.to_dict(), allow_nan=False)


def test_bins_hold_as_many_rows_each_and_ties_share_one(rng: np.random.Generator) -> None:
    assert np.bincount(equal_mass_bins(rng.random(1000), 8)).tolist() == [125] * 8
    assert np.unique(equal_mass_bins(np.full(50, 0.5), 8)).tolist() == [0]
    codes = equal_mass_bins(np.r_[np.zeros(90), np.linspace(0.1, 1, 10)], 10)
    assert len(set(codes[:90])) == 1


def test_scores_that_are_off_by_a_tenth_are_found_to_be(rng: np.random.Generator) -> None:
    truth = rng.uniform(0.2, 0.8, 20_000)
    found = calibration(truth + 0.1, rng.random(20_000) < truth, rng=rng)
    assert found.error == pytest.approx(0.1, abs=0.01)
    assert found.debiased == pytest.approx(0.1, abs=0.01)
    assert found.interval[0] < 0.1 < found.interval[1]


def test_chance_alone_is_no_error_once_it_is_taken_off() -> None:
    errors, squares, covered = [], [], 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        truth = rng.random(400)
        found = calibration(truth, rng.random(400) < truth, rng=rng, resamples=100)
        errors.append(found.error)
        squares.append(found.debiased)
        covered += found.interval[0] < 0.03
    assert np.mean(errors) > 0.04
    assert np.median(squares) < 0.5 * np.median(errors)
    assert covered >= 50  # not exact close to 0, as the notes say


def test_no_rows_are_refused_and_one_row_is_enough(rng: np.random.Generator) -> None:
    with pytest.raises(UsageError):
        calibration([], [], rng=rng)
    assert calibration([0.3], [True], rng=rng).error == pytest.approx(0.7)
