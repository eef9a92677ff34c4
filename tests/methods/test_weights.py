"""Weights: as scikit-learn and the published definitions have them, and as real annotators deserve."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow.compute as pc
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.weights import agreement, effective_rows, equal_weights


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_balanced_weights_are_those_of_scikit_learn(labels: list[int]) -> None:
    theirs = pytest.importorskip("sklearn.utils.class_weight").compute_class_weight
    present = np.unique(labels)
    ours = equal_weights(np.bincount(labels, minlength=6))
    np.testing.assert_allclose(ours[present], theirs("balanced", classes=present, y=np.asarray(labels)))
    assert np.isnan(np.delete(ours, present)).all()
    assert ours[labels].sum() == pytest.approx(len(labels))


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 2)), min_size=1, max_size=40))
def test_agreement_of_two_is_cohens_kappa(pairs: list[tuple[int, int]]) -> None:
    first, second = np.asarray(pairs).T % 3
    n = len(pairs)
    kappa, compared = agreement(np.tile(np.arange(n), 2), np.repeat([0, 1], n), np.r_[first, second])
    observed = (first == second).mean()
    expected = sum((first == kind).mean() * (second == kind).mean() for kind in range(3))
    assert compared.tolist() == [n, n]
    if expected < 1:
        np.testing.assert_allclose(kappa, (observed - expected) / (1 - expected), atol=1e-12)
    else:
        assert np.isnan(kappa).all()


def test_agreement_of_many_is_that_of_counting_pairs(rng: np.random.Generator) -> None:
    items, who = (codes.ravel() for codes in np.meshgrid(np.arange(20), np.arange(5)))
    kept = rng.random(100) < 0.7
    items, who = items[kept], who[kept]
    labels = rng.integers(0, 3, len(items))
    kappa, compared = agreement(items, who, labels)
    for person in range(5):
        mine, theirs = [], []
        for row in np.flatnonzero(who == person):
            for other in np.flatnonzero((items == items[row]) & (who != person)):
                mine.append(labels[row])
                theirs.append(labels[other])
        one, two = np.asarray(mine), np.asarray(theirs)
        expected = sum((one == kind).mean() * (two == kind).mean() for kind in range(3))
        assert compared[person] == len(one)
        assert kappa[person] == pytest.approx(((one == two).mean() - expected) / (1 - expected))


def test_who_has_nobody_to_compare_with_is_unknown() -> None:
    kappa, compared = agreement([0, 1, 2], [0, 1, 1], [0, 1, 0])
    assert np.isnan(kappa).all()
    assert compared.tolist() == [0, 0]
    assert len(agreement([], [], [])[0]) == 0
    with pytest.raises(UsageError):
        agreement([0], [0, 1], [0])


@pytest.mark.parametrize(
    ("name", "least"), [("bluebirds", 0.9), ("dogs", 0.85), ("sentiment_sp_amt", 0.9), ("product", 0.4)]
)
def test_real_workers_who_agree_more_are_right_more_often(shared: Path, name: str, least: float) -> None:
    rows = pyarrow.csv.read_csv(shared / "crowd" / f"{name}_labels.csv.gz")
    truth = pyarrow.csv.read_csv(shared / "crowd" / f"{name}_truth.csv.gz")
    items, who, labels = (
        np.asarray(pc.index_in(rows.column(column), value_set=pc.unique(rows.column(column))))
        for column in ("task", "worker", "label")
    )
    kappa, _ = agreement(items, who, labels)
    place = pc.index_in(rows.column("task"), value_set=truth.column("task").combine_chunks())
    same = pc.equal(truth.column("label").take(place), rows.column("label"))
    right = np.asarray(pc.fill_null(same, False)).astype(float)
    counts = np.bincount(who)
    busy = (counts >= 20) & ~np.isnan(kappa)
    accuracy = np.bincount(who, right) / counts
    assert np.corrcoef(kappa[busy], accuracy[busy])[0, 1] > least


def test_effective_rows_are_all_for_equal_weights_and_fewer_otherwise() -> None:
    assert effective_rows(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_rows([1, 0, 0]) == 1
    assert effective_rows([]) == 0
    assert effective_rows([3, 1]) == pytest.approx(1.6)
