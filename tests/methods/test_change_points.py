"""Kinds of change, on series whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from headwater.core.errors import UsageError
from headwater.methods.change_points import change_kind, excess_distance, segment_starts

OLD = np.array([0.4, 0.3, 0.2, 0.1, 0.0])
NEW = np.array([0.1, 0.2, 0.2, 0.3, 0.2])


def series(course: object, rng: np.random.Generator, rows: int = 400) -> np.ndarray:
    """Return windows whose distribution is this far on the way from the old to the new one."""
    at = np.asarray(course, np.float64)[:, None]
    return np.array([rng.multinomial(rows, shares) for shares in OLD * (1 - at) + NEW * at])


def test_nothing_changes_by_chance() -> None:
    rng = np.random.default_rng(0)
    kinds = [change_kind(series(np.zeros(30), rng), least=0.0).kind for _ in range(100)]
    assert kinds.count("none") >= 99


@pytest.mark.parametrize("seed", range(5))
def test_kinds_of_change_are_told_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sudden = change_kind(series(np.repeat([0, 1], [17, 13]), rng))
    assert (sudden.kind, sudden.starts) == ("sudden", (17,))
    ramp = np.clip((np.arange(40) - 10) / 20, 0, 1)
    gradual = change_kind(series(ramp, rng))
    assert gradual.kind == "gradual"
    assert abs(gradual.starts[0] - 10) <= 4
    recurring = change_kind(series(np.tile(np.repeat([0, 1], 6), 3), rng))
    assert (recurring.kind, recurring.starts) == ("recurring", (6, 12, 18, 24, 30))
    stairs = change_kind(series(np.repeat([0, 0.5, 1], 12), rng))
    assert (stairs.kind, stairs.starts) == ("sudden", (12, 24))


def test_sizes_are_distances_of_stretches(rng: np.random.Generator) -> None:
    found = change_kind(series(np.repeat([0, 1], 20), rng, 20_000))
    assert found.size == pytest.approx(excess_distance(OLD * 1e6, NEW * 1e6), abs=0.01)


def test_small_changes_do_not_count_however_certain(rng: np.random.Generator) -> None:
    counts = series(np.repeat([0, 0.04], 20), rng, 100_000)
    assert segment_starts(counts) == [20]
    assert change_kind(counts).kind == "none"


def test_windows_that_always_vary_more_than_by_chance_are_no_changes() -> None:
    rng = np.random.default_rng(5)
    kinds = [
        change_kind(
            np.array([rng.multinomial(2000, rng.dirichlet(np.array([4, 3, 2, 1]) * 20)) for _ in range(40)]),
            least=0.0,
        ).kind
        for _ in range(40)
    ]
    assert kinds.count("none") >= 36


def test_empty_windows_and_single_bins_are_no_trouble(rng: np.random.Generator) -> None:
    counts = series(np.repeat([0, 1], 8), rng)
    counts[[0, 5, 12]] = 0
    assert change_kind(counts).starts == (8,)
    assert change_kind(np.zeros((4, 3))).kind == "none"
    assert change_kind(np.ones((4, 1))).kind == "none"
    assert change_kind(np.ones((1, 4))).kind == "none"
    assert segment_starts(np.ones((1, 2))) == []
    with pytest.raises(UsageError, match="counts"):
        change_kind([[-1.0, 2.0]])


def test_chance_is_no_distance() -> None:
    rng = np.random.default_rng(8)
    found = [excess_distance(rng.multinomial(300, OLD), rng.multinomial(200, OLD)) ** 2 for _ in range(300)]
    assert np.mean(found) < 0.004
    assert np.isnan(excess_distance([0, 0], [1, 2]))


def test_two_windows_are_enough_for_a_sudden_change(rng: np.random.Generator) -> None:
    assert change_kind(series([0, 1], rng)).starts == (1,)
    assert change_kind(series([0, 0], rng)).kind == "none"
    assert change_kind(series([0, 1, 1], rng)).kind == "sudden"
    assert change_kind(series([0, 1, 0], rng)).kind == "recurring"


def test_a_steady_trend_is_no_usual_variation(rng: np.random.Generator) -> None:
    assert change_kind(series(np.arange(8) / 8, rng)).kind == "gradual"
