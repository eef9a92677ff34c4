"""Associations agree with scipy, scikit-learn and brute force, and see through columns of distinct values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import roc_auc_score

from headwater.core.errors import UsageError
from headwater.methods import association
from headwater.methods.divergence import chi_square

TABLES = st.tuples(st.integers(1, 5), st.integers(1, 4)).flatmap(
    lambda shape: st.lists(
        st.lists(st.integers(0, 12), min_size=shape[1], max_size=shape[1]),
        min_size=shape[0],
        max_size=shape[0],
    )
)
NUMBERS = st.lists(st.tuples(st.integers(-4, 4), st.integers(-4, 4)), min_size=2, max_size=40)
GROUPED = st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 5)), min_size=2, max_size=40)


def rows_of(table: list[list[int]]) -> list[tuple[int, int]]:
    return [(i, j) for i, row in enumerate(table) for j, count in enumerate(row) for _ in range(count)]


def test_independent_columns_have_no_association_and_equal_ones_the_full() -> None:
    assert association.cramers_v(np.full((3, 4), 1000)) == 0.0
    assert association.cramers_v(np.eye(4) * 100) == pytest.approx(1.0, abs=1e-9)
    assert association.theils_u(np.full((3, 4), 1000)) == pytest.approx(0.0, abs=1e-9)
    assert association.theils_u(np.eye(4)) == 1.0
    assert association.label_gain(np.eye(2) * 100) == 1.0
    assert np.isnan(association.cramers_v([[5, 7]]))
    assert np.isnan(association.theils_u([[5], [7]]))
    assert np.isnan(association.label_gain(np.zeros((0, 0))))


def test_corrected_v_of_random_tables_is_near_zero_where_the_plain_one_is_not(
    rng: np.random.Generator,
) -> None:
    tables = [rng.multinomial(100, np.ones(100) / 100).reshape(10, 10) for _ in range(50)]
    plain = np.mean([chi_square(table).cramers_v for table in tables])
    assert plain > 0.25
    assert np.mean([association.cramers_v(table) for table in tables]) < 0.1


@given(TABLES)
def test_theils_u_is_mutual_information_over_entropy(table: list[list[int]]) -> None:
    counts = np.array(table, float)
    ours = association.theils_u(counts)
    if (counts.sum(axis=0) > 0).sum() < 2:
        assert np.isnan(ours)
        return
    joint = stats.entropy(counts.ravel())
    columns, rows = stats.entropy(counts.sum(axis=0)), stats.entropy(counts.sum(axis=1))
    assert ours == pytest.approx((columns + rows - joint) / columns, abs=1e-9)


@given(TABLES)
def test_label_gain_is_that_of_leaving_each_row_out(table: list[list[int]]) -> None:
    rows = rows_of(table)
    labels = [label for _, label in rows]
    if len(set(labels)) < 2:
        assert np.isnan(association.label_gain(table))
        return
    right = 0.0
    for i, (value, label) in enumerate(rows):
        others = [other for j, (same, other) in enumerate(rows) if same == value and j != i]
        others = others or labels[:i] + labels[i + 1 :]
        votes = {option: others.count(option) for option in set(others)}
        best = [option for option, count in votes.items() if count == max(votes.values())]
        right += (label in best) / len(best)
    base = max(labels.count(label) for label in set(labels)) / len(labels)
    assert association.label_gain(table) == pytest.approx((right / len(labels) - base) / (1 - base))


def test_a_column_of_distinct_values_gives_nothing_away() -> None:
    labels = np.arange(200) % 2
    assert association.label_gain(np.eye(2)[labels]) <= 0
    assert association.theils_u(np.eye(2)[labels]) == 1.0


@given(GROUPED)
def test_ratios_agree_with_brute_force(rows: list[tuple[int, int]]) -> None:
    codes, y = np.array([g for g, _ in rows]), np.array([v for _, v in rows], float)
    sums = [np.bincount(codes, weights, minlength=6) for weights in (np.ones(y.size), y, y**2)]
    if np.ptp(y) == 0:
        assert np.isnan(association.correlation_ratio(*sums))
        assert np.isnan(association.variance_gain(*sums))
        return
    means = np.array([y[codes == group].mean() for group in codes])
    assert association.correlation_ratio(*sums) == pytest.approx(
        np.sqrt(((means - y.mean()) ** 2).mean() / y.var())
    )
    left_out = []
    for i in range(y.size):
        others = (codes == codes[i]) & (np.arange(y.size) != i)
        left_out.append(y[others].mean() if others.any() else np.delete(y, i).mean())
    expected = 1 - ((y - left_out) ** 2).mean() / y.var()
    assert association.variance_gain(*sums) == pytest.approx(expected)


@given(NUMBERS)
def test_spearman_and_ranks_agree_with_scipy(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(side, float) for side in zip(*pairs, strict=True))
    np.testing.assert_array_equal(association.ranks(a), stats.rankdata(a))
    if np.ptp(a) > 0 and np.ptp(b) > 0:
        assert association.spearman(a, b) == pytest.approx(stats.spearmanr(a, b).statistic)
        with_gap = association.spearman(np.append(a, np.nan), np.append(b, 3))
        assert with_gap == association.spearman(a, b)
    else:
        assert np.isnan(association.spearman(a, b))


@given(NUMBERS)
def test_area_under_the_curve_agrees_with_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    scores, positive = np.array([s for s, _ in pairs], float), np.array([y > 0 for _, y in pairs])
    if 0 < positive.sum() < positive.size:
        assert association.auc(scores, positive) == pytest.approx(roc_auc_score(positive, scores))
        assert association.auc(-scores, positive) == pytest.approx(1 - association.auc(scores, positive))
    else:
        assert np.isnan(association.auc(scores, positive))


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="two axes"):
        association.cramers_v([1, 2])
    with pytest.raises(UsageError, match="same groups"):
        association.variance_gain([1], [1, 2], [1])
    with pytest.raises(UsageError, match="different shapes"):
        association.auc([1.0], [True, False])
