"""Times far from all others are left out, and no others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.methods.far_times import few, main_span


def kept(times: list[float], most: float = 3) -> list[float]:
    return times[main_span(times, times, np.ones(len(times)), most)]


SERIES = [float(day) for day in range(20_000, 20_060)]


@pytest.mark.parametrize(
    "far", [[0.0], [46_000.0], [0.0, 46_000.0], [0.0, 1.0, 46_000.0], [-7e5, 0.0, 2.9e6], [20_120.0]]
)
def test_a_few_times_far_off_are_left_out_at_both_ends(far: list[float]) -> None:
    assert kept(sorted([*SERIES, *far])) == SERIES


def test_an_interruption_is_no_far_time() -> None:
    late = [*SERIES, 20_080.0]
    assert kept(late) == late
    halves = [*SERIES, *(day + 1000 for day in SERIES)]
    assert kept(halves) == halves


def test_more_than_a_few_are_a_series_of_their_own() -> None:
    far = [*range(4), *SERIES]
    assert kept(far, 3) == far
    assert kept(far, 4) == SERIES


def test_stretches_weigh_what_they_hold() -> None:
    found = main_span([0, 1000, 9000], [10, 1100, 9000], [1, 50, 1], 2)
    assert (found.start, found.stop) == (1, 2)
    assert main_span([0, 1000], [10, 1100], [50, 50], 2) == slice(0, 2)


def test_few_is_one_in_a_hundred_or_three() -> None:
    assert [few(n) for n in (0, 9, 10, 40, 250, 1000)] == [0, 0, 1, 3, 3, 10]


@given(st.lists(st.floats(-1e9, 1e9), max_size=30, unique=True), st.integers(0, 5))
def test_no_more_is_left_out_than_may_be(times: list[float], most: int) -> None:
    ordered = sorted(times)
    found = kept(ordered, most)
    assert len(ordered) - len(found) <= most
    mirrored = kept([-time for time in reversed(ordered)], most)
    if most == 0:
        assert found == ordered == [-time for time in reversed(mirrored)]
