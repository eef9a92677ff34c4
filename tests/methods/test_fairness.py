"""Rates of groups: the numbers of the reference library, and intervals that do not cry wolf."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.methods.fairness import base_rates, demographic_parity, representation

GROUPS = st.lists(
    st.integers(0, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), min_size=1, max_size=6
)


def adult_counts(shared: Path, column: str) -> tuple[list[str], NDArray[np.int64], NDArray[np.int64]]:
    adult = pa.csv.read_csv(shared / "fairness" / "adult.csv.gz")
    label = next(
        name for name in adult.column_names if set(adult[name].unique().to_pylist()) == {"<=50K", ">50K"}
    )
    rich = np.array(adult[label].to_pylist()) == ">50K"
    names, place = np.unique(adult[column].to_pylist(), return_inverse=True)
    return names.tolist(), np.bincount(place[rich], minlength=names.size), np.bincount(place)


# What fairlearn 0.15.0 gives for selection rates of the labels: demographic_parity_difference and _ratio.
@pytest.mark.parametrize(
    ("column", "difference", "ratio"), [("sex", 0.196275988, 0.358022550), ("race", 0.173389116, 0.347277929)]
)
def test_adult_has_the_numbers_of_the_reference_library(
    shared: Path, column: str, difference: float, ratio: float
) -> None:
    names, favourable, totals = adult_counts(shared, column)
    parity = demographic_parity(favourable, totals)
    assert parity.difference == pytest.approx(difference, abs=1e-9)
    assert parity.ratio == pytest.approx(ratio, abs=1e-9)
    assert names[parity.highest] in {"Male", "Asian-Pac-Islander"}
    assert names[parity.lowest] in {"Female", "Other"}
    assert parity.difference_low > 0.1
    assert parity.p_value < 1e-10


@given(GROUPS, st.sampled_from([0.8, 0.95]))
def test_intervals_hold_the_estimates(groups: list[tuple[int, int]], confidence: float) -> None:
    favourable, totals = (np.array(side) for side in zip(*groups, strict=True))
    rates = base_rates(favourable, totals, confidence)
    there = totals > 0
    assert (rates.low[there] <= rates.rate[there]).all()
    assert (rates.rate[there] <= rates.high[there]).all()
    assert np.isnan(rates.rate[~there]).all()
    shares = representation(totals, confidence)
    assert not totals.sum() or shares.rate.sum() == pytest.approx(1)
    parity = demographic_parity(favourable, totals, confidence)
    assert parity.difference_low <= parity.difference <= parity.difference_high
    assert parity.ratio_low - 1e-12 <= parity.ratio <= parity.ratio_high + 1e-12
    if there.sum() >= 2:
        assert parity.difference == pytest.approx(np.ptp(rates.rate[there]))
        assert rates.rate[parity.highest] == rates.rate[there].max()


def test_equal_groups_differ_beyond_chance_as_rarely_as_said(rng: np.random.Generator) -> None:
    totals = np.full(6, 200)
    alarms = sum(
        demographic_parity(rng.binomial(totals, 0.3), totals, 0.95).difference_low > 0 for _ in range(400)
    )
    assert alarms <= 0.05 * 400


def test_small_groups_can_be_left_out_and_one_group_has_no_gap() -> None:
    assert demographic_parity([5, 10, 3], [10, 20, 3], min_rows=10).difference == 0.0
    assert demographic_parity([5, 10, 3], [10, 20, 3]).difference == 0.5
    alone = demographic_parity([5], [10])
    assert (alone.difference, alone.ratio, alone.highest, alone.p_value) == (0.0, 1.0, -1, 1.0)
    assert demographic_parity([0, 0], [10, 10]).ratio == 1.0


def test_shapes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="same groups"):
        demographic_parity([1, 2], [3])
