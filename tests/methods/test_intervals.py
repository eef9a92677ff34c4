"""Intervals agree with published examples, with scipy, and cover as often as they say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from headwater.core.errors import UsageError
from headwater.methods import intervals

PAIRS = st.integers(0, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@pytest.mark.parametrize(
    ("k", "n", "expected"),
    # Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3.
    [
        (81, 263, (0.2553, 0.3662)),
        (15, 148, (0.0624, 0.1605)),
        (0, 20, (0.0, 0.1611)),
        (1, 29, (0.0061, 0.1718)),
    ],
)
def test_wilson_gives_newcombes_published_values(k: int, n: int, expected: tuple[float, float]) -> None:
    np.testing.assert_allclose(intervals.wilson(k, n), expected, atol=5e-5)


@pytest.mark.parametrize(
    ("k1", "n1", "k2", "n2", "expected"),
    # Newcombe (1998), Interval estimation for the difference, table II, method 10.
    [
        (56, 70, 48, 80, (0.0524, 0.3339)),
        (9, 10, 3, 10, (0.1705, 0.8090)),
        (6, 7, 2, 7, (0.0582, 0.8062)),
        (5, 56, 0, 29, (-0.0381, 0.1926)),
        (0, 10, 0, 20, (-0.1611, 0.2775)),
        (10, 10, 0, 20, (0.6791, 1.0)),
    ],
)
def test_newcombe_gives_its_published_values(
    k1: int, n1: int, k2: int, n2: int, expected: tuple[float, float]
) -> None:
    np.testing.assert_allclose(intervals.newcombe_difference(k1, n1, k2, n2), expected, atol=5e-5)


@settings(max_examples=15)
@given(PAIRS, st.sampled_from([0.5, 0.9, 0.95, 0.999]))
def test_proportions_agree_with_scipy(pair: tuple[int, int], confidence: float) -> None:
    k, n = pair
    if n == 0:
        assert [float(end) for end in intervals.wilson(k, n, confidence)] == [0.0, 1.0]
        assert [float(end) for end in intervals.clopper_pearson(k, n, confidence)] == [0.0, 1.0]
        return
    test = stats.binomtest(k, n)
    theirs = test.proportion_ci(confidence, method="wilson")
    np.testing.assert_allclose(intervals.wilson(k, n, confidence), theirs, atol=1e-9)
    theirs = test.proportion_ci(confidence, method="exact")
    np.testing.assert_allclose(intervals.clopper_pearson(k, n, confidence), theirs, atol=1e-9)


@given(PAIRS, PAIRS)
def test_a_difference_turned_round_has_the_interval_turned_round(
    a: tuple[int, int], b: tuple[int, int]
) -> None:
    low, high = intervals.newcombe_difference(*a, *b)
    back_low, back_high = intervals.newcombe_difference(*b, *a)
    np.testing.assert_allclose([low, high], [-back_high, -back_low], atol=1e-12)
    if a[1] and b[1]:
        assert low <= a[0] / a[1] - b[0] / b[1] <= high


def test_intervals_are_taken_for_many_groups_at_once() -> None:
    low, high = intervals.wilson([1, 0, 5], [10, 0, 5])
    assert low.shape == high.shape == (3,)
    assert (low[1], high[1], high[2]) == (0.0, 1.0, 1.0)


def test_student_agrees_with_scipy(rng: np.random.Generator) -> None:
    values = rng.normal(3, 2, 12)
    ours = intervals.student_interval(values.mean(), values.std(ddof=1), values.size, 0.9)
    theirs = stats.t.interval(0.9, values.size - 1, loc=values.mean(), scale=stats.sem(values))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    assert [float(end) for end in intervals.student_interval(1.0, 0.0, 1)] == [-np.inf, np.inf]


def test_bootstrap_of_a_count_table_equals_that_of_its_rows_in_distribution(rng: np.random.Generator) -> None:
    table = np.array([70, 30])
    rate = lambda drawn: drawn[:, 1] / drawn.sum(axis=1)  # noqa: E731
    by_table = intervals.bootstrap(table, rate, rng=rng, resamples=4000)
    rows = np.repeat([0.0, 1.0], table)
    by_row = intervals.bootstrap(np.ones(100, int), lambda drawn: drawn @ rows / 100, rng=rng, resamples=4000)
    for samples in (by_table, by_row):
        assert samples.mean() == pytest.approx(0.3, abs=0.005)
        assert samples.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 100), rel=0.05)


def test_the_mean_of_many_distinct_values_is_resampled_by_row(rng: np.random.Generator) -> None:
    values = rng.normal(size=5000)
    samples = intervals.bootstrap_mean(values, rng=rng, resamples=1000)
    assert samples.mean() == pytest.approx(values.mean(), abs=0.003)
    assert samples.std() == pytest.approx(values.std() / np.sqrt(5000), rel=0.1)


def test_paired_bootstrap_covers_as_often_as_it_says() -> None:
    covered, trials = 0, 300
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        base = rng.random(300) < 0.7
        head = np.where(rng.random(300) < 0.1, ~base, base)  # true difference: 0.1 * (0.3 - 0.7)
        _, low, high = intervals.paired_bootstrap(base, head, rng=rng, resamples=400)
        covered += low <= -0.04 <= high
    assert 0.90 <= covered / trials <= 0.99


def test_paired_bootstrap_agrees_with_scipy(rng: np.random.Generator) -> None:
    base = rng.normal(size=400)
    head = base + rng.normal(0.1, 0.5, 400)
    mean, low, high = intervals.paired_bootstrap(base, head, rng=rng, resamples=5000)
    theirs = stats.bootstrap(
        (head - base,), np.mean, n_resamples=5000, method="percentile", rng=1
    ).confidence_interval
    assert mean == pytest.approx((head - base).mean())
    assert (low, high) == pytest.approx(tuple(theirs), abs=0.004)


def test_the_same_seed_gives_the_same_interval() -> None:
    scores = np.arange(100) % 7
    once, again = (
        intervals.paired_bootstrap(scores * 0, scores, rng=np.random.default_rng(5), resamples=200)
        for _ in range(2)
    )
    assert once == again


def test_identical_scores_give_a_zero_interval(rng: np.random.Generator) -> None:
    assert intervals.paired_bootstrap(np.ones(50), np.ones(50), rng=rng) == (0.0, 0.0, 0.0)


def test_undefined_resamples_are_left_out() -> None:
    assert intervals.percentile_interval([np.nan, 1.0, 1.0]) == (1.0, 1.0)
    assert np.isnan(intervals.percentile_interval([np.nan])).all()


def test_wrong_arguments_are_refused(rng: np.random.Generator) -> None:
    with pytest.raises(UsageError, match="successes <= trials"):
        intervals.wilson(3, 2)
    with pytest.raises(UsageError, match="at least one row"):
        intervals.bootstrap([], np.mean, rng=rng)
    with pytest.raises(UsageError, match="Pairs are needed"):
        intervals.paired_bootstrap([1.0], [1.0, 2.0], rng=rng)
