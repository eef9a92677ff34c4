"""What is compared: bins, values that are bins of their own, and how far values moved."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.comparing import categories, greatest_change, moved, ordered, p_value
from headwater.methods.divergence import psi
from headwater.profile.measure import measure_table
from headwater.profile.quantiles import Quantiles, QuantilesState
from headwater.profile.top import TopState, TopValues


def quantiles(values: object) -> QuantilesState:
    return measure_table(pa.table({"c": pa.array(values)}), [Quantiles(column="c")])[Quantiles(column="c")]


def top(values: object) -> TopState:
    return measure_table(pa.table({"c": pa.array(values)}), [TopValues(column="c")])[TopValues(column="c")]


def test_a_constant_that_starts_to_vary_is_seen_on_both_sides() -> None:
    base, now = quantiles([0.5] * 100), quantiles(np.linspace(0, 1, 101))
    old, new = (ordered(state, base, 0, pa.float64()) for state in (base, now))
    assert old.names == ["below 0.5", "0.5", "above 0.5", "missing"]
    assert old.counts.tolist() == [0, 100, 0, 0]
    assert new.counts.tolist() == [50, 1, 50, 0]
    assert psi(old.counts, new.counts) > 1
    assert moved(old, new) == float("inf")
    assert moved(old, old) == 0


def test_values_move_by_standard_deviations(rng: np.random.Generator) -> None:
    base, now = quantiles(rng.normal(10, 2, 50_000)), quantiles(rng.normal(11, 2, 50_000))
    old, new = (ordered(state, base, 0, pa.float64()) for state in (base, now))
    assert moved(old, new) == pytest.approx(0.5, abs=0.03)


def test_infinite_values_do_not_hide_the_others() -> None:
    base, now = quantiles([0.0, 1.0, 2.0, np.inf]), quantiles([-np.inf, 0.0, 1.0, 2.0])
    old, new = (ordered(state, base, 0, pa.float64()) for state in (base, now))
    assert moved(old, new) == pytest.approx(0.0)


def test_many_equally_frequent_values_are_no_difference(rng: np.random.Generator) -> None:
    # The most frequent values of one side are so by chance, and the other side does not have as many of them.
    found = []
    for _ in range(60):
        sides = [top(rng.integers(0, 900, 9000)) for _ in range(2)]
        old, new = (categories(side, sides[0], 0) for side in sides)
        found.append(p_value(old, new))
    assert np.mean(np.array(found) <= 0.05) <= 0.15


def test_estimated_counts_give_no_evidence_they_do_not_have(rng: np.random.Generator) -> None:
    sides = [top(rng.integers(0, 20_000, 40_000)) for _ in range(2)]
    assert not sides[0].is_exact
    old, new = (categories(side, sides[0], 0) for side in sides)
    assert p_value(old, new) > 0.01


def test_the_bin_that_changed_most_is_told() -> None:
    base = top(["a"] * 9 + ["b"])
    old, new = categories(base, base, 0), categories(top(["a"] * 2 + ["b"] * 5 + ["x"] * 3), base, 0)
    assert greatest_change(old, new) == "'a' had 90 % of the rows and has 20 %"
