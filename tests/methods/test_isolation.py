"""Outliers are ranked as in the published benchmark, cut off by a rule, and explained by columns."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from headwater.core.errors import UsageError
from headwater.methods.isolation import isolation_scores, numeric_matrix, reasons, score_threshold


@pytest.mark.parametrize(
    ("name", "published"),
    # Area under the ROC curve of IForest, mean of three seeds, in the results of ADBench (Han et al. 2022,
    # arXiv:2206.09426); theirs is on a part of the rows.
    [("wbc", 0.989), ("ionosphere", 0.841), ("glass", 0.757)],
)
def test_outliers_rank_as_high_as_published(shared: Path, name: str, published: float) -> None:
    data = np.load(shared / "adbench" / f"{name}.npz")
    scores = isolation_scores(data["X"].astype(float), seed=0)
    assert roc_auc_score(data["y"], scores) == pytest.approx(published, abs=0.04)


@pytest.mark.parametrize("name", ["cardio", "thyroid", "satimage-2", "mammography", "wbc"])
def test_rows_beyond_the_fence_hold_several_times_more_outliers(shared: Path, name: str) -> None:
    data = np.load(shared / "adbench" / f"{name}.npz")
    scores = isolation_scores(data["X"].astype(float), seed=0, trees=100)
    flagged = scores > score_threshold(scores)
    assert data["y"][flagged].mean() > 4 * data["y"].mean()


def test_few_rows_of_clean_data_are_beyond_the_fence(rng: np.random.Generator) -> None:
    scores = isolation_scores(rng.normal(size=(3000, 5)), seed=1)
    assert (scores > score_threshold(scores)).mean() < 0.05
    assert (scores > score_threshold(scores, k=3)).mean() < 0.005


def test_planted_outliers_are_found_and_explained(rng: np.random.Generator) -> None:
    x = rng.normal(size=(1000, 4)) * [1, 10, 0.1, 1000]
    x[7] += [3, 30, 1.5, 3000]
    x[8, 1], x[8, 3] = -90, 9000
    scores = isolation_scores(x, seed=2)
    assert {7, 8} <= set(np.argsort(-scores)[:10])
    assert scores[[7, 8]].min() > score_threshold(scores)
    found = reasons(x, [7, 8], top=2)
    assert found.columns[0, 0] == 2
    assert set(found.columns[1].tolist()) == {1, 3}
    assert found.z[0, 0] == pytest.approx(15, rel=0.2)
    assert {np.sign(z) for z in found.z[1]} == {-1.0, 1.0}


@settings(max_examples=15)
@given(st.integers(0, 30), st.integers(0, 3), st.integers(0, 2**32 - 1))
def test_scores_lie_between_zero_and_one_and_depend_on_the_seed_alone(
    rows: int, columns: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = rng.choice([0.0, 1.0, np.nan, np.inf, -np.inf, 1e308, -1e308, 5.0], (rows, columns))
    scores = isolation_scores(x, seed=seed % 1000, trees=10)
    assert scores.shape == (rows,)
    assert ((scores >= 0) & (scores <= 1)).all()
    np.testing.assert_array_equal(scores, isolation_scores(x, seed=seed % 1000, trees=10))
    assert np.isfinite(reasons(x, np.flatnonzero(np.isfinite(x).all(axis=1))).z).all()


def test_constant_and_tiny_data_have_no_outliers() -> None:
    for x in (np.ones((50, 2)), np.ones((1, 2)), np.zeros((0, 3)), np.zeros((5, 0)), np.full((9, 2), np.nan)):
        scores = isolation_scores(x, seed=0)
        assert not (scores > score_threshold(scores)).any()
    assert score_threshold([]) == np.inf


def test_tables_become_numbers() -> None:
    table = pa.table(
        {
            "age": [30, None, 50, 40],
            "day": [date(1970, 1, 2), date(1970, 1, 3), None, date(1970, 1, 1)],
            "city": pa.array(["a", "a", "b", None]).dictionary_encode(),
            "flag": [True, False, True, True],
            "tags": [["x"], [], None, []],
            "none": pa.nulls(4),
        }
    )
    values, names = numeric_matrix(table)
    assert names == ["age", "day", "city", "flag"]
    rare, half = np.log(3), np.log(1.5)
    np.testing.assert_allclose(values[:, 0], [30, np.nan, 50, 40])
    np.testing.assert_allclose(values[:, 1], [1, 2, np.nan, 0])
    np.testing.assert_allclose(values[:, 2], [half, half, rare, np.nan])
    np.testing.assert_allclose(values[:, 3], [np.log(4 / 3), np.log(4), np.log(4 / 3), np.log(4 / 3)])


def test_a_flat_list_is_refused() -> None:
    with pytest.raises(UsageError, match="two axes"):
        isolation_scores(np.ones(3), seed=0)
