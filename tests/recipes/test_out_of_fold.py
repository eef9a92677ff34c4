"""Out-of-fold predictions: made by models that did not see the row, stable, cached, and good on real data."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.engine.local import LocalExecutor
from headwater.recipes.base import load
from headwater.recipes.out_of_fold import out_of_fold
from headwater.recipes.tabular import Tabular
from headwater.versions.repo import Repo


def repo_with(table: pa.Table) -> Repo:
    """Return a repository with the rows as dataset ``data``."""
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("data", table, key="id")
    return repo


def test_real_digits_are_predicted_by_models_that_did_not_see_them() -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    pixels, digit = datasets.load_digits(return_X_y=True)
    columns = {f"p{place}": pixels[:600, place] for place in range(64)}
    repo = repo_with(pa.table({"id": np.arange(600), **columns, "digit": digit[:600]}))
    found = out_of_fold(repo["data"], load("tabular"), label="digit", folds=3, cache=repo.cache)
    assert found.probabilities.shape == (600, 10)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)
    assert (found.probabilities.argmax(axis=1) == found.labels.values).mean() > 0.85


def test_random_labels_cannot_be_predicted(rng: np.random.Generator) -> None:
    repo = repo_with(
        pa.table({"id": np.arange(400), "x": rng.normal(size=400), "y": rng.integers(0, 2, 400)})
    )
    found = out_of_fold(repo["data"], load("tabular"), label="y")
    assert abs((found.probabilities.argmax(axis=1) == found.labels.values).mean() - 0.5) < 0.1


def test_result_is_kept_by_content_and_left_rows_without_label_out(rng: np.random.Generator) -> None:
    label = pa.array(["a", "b", None, "a"] * 30)
    repo = repo_with(pa.table({"id": np.arange(120), "x": rng.normal(size=120), "y": label}))
    first = out_of_fold(repo["data"], load("tabular"), label="y", cache=repo.cache)
    kept = repo.cache.list("scores/out-of-fold")
    again = out_of_fold(repo["data"], load("tabular"), label="y", cache=repo.cache)
    assert len(kept) == 1
    assert repo.cache.list("scores/out-of-fold") == kept
    np.testing.assert_array_equal(first.probabilities, again.probabilities)
    assert 2 not in first.rows
    assert len(first.rows) == 90


def test_too_few_rows_are_refused() -> None:
    repo = repo_with(pa.table({"id": [1, 2], "x": [1.0, 2.0], "y": ["a", "b"]}))
    with pytest.raises(UsageError, match="too few"):
        out_of_fold(repo["data"], load("tabular"), label="y")
    with pytest.raises(UsageError, match="2 folds"):
        out_of_fold(repo["data"], load("tabular"), label="y", folds=1)


def test_copies_of_a_row_are_predicted_without_having_seen_it(rng: np.random.Generator) -> None:
    # Each row's label is noise, so only a model that saw a copy could know it.
    keys = pa.array(np.arange(600))
    sources = pa.array([None] * 300 + [str(place) for place in range(300)], pa.string())
    x, y = rng.normal(size=300), rng.integers(0, 2, 300)
    rows = {"id": keys, "x": np.r_[x, x], "y": np.r_[y, y]}
    marked = repo_with(pa.table({**rows, "_augmented_from": sources}))["data"]
    deep = Tabular(iterations=300, leaves=31, learning_rate=0.3)
    found = out_of_fold(marked, deep, label="y")
    hits = (found.probabilities.argmax(axis=1) == found.labels.values).mean()
    unmarked = out_of_fold(repo_with(pa.table(rows))["data"], deep, label="y")
    leaked = (unmarked.probabilities.argmax(axis=1) == unmarked.labels.values).mean()
    assert hits < 0.62 < leaked


def test_folds_run_by_several_workers_say_the_same(rng: np.random.Generator) -> None:
    repo = repo_with(
        pa.table({"id": np.arange(200), "x": rng.normal(size=200), "y": rng.integers(0, 3, 200)})
    )
    alone = out_of_fold(repo["data"], load("tabular"), label="y")
    together = out_of_fold(repo["data"], load("tabular"), label="y", executor=LocalExecutor(2))
    np.testing.assert_array_equal(alone.probabilities, together.probabilities)


def test_numbers_are_predicted_and_rows_without_a_key_have_folds(rng: np.random.Generator) -> None:
    repo, x = Repo.init("memory://"), rng.normal(size=300)
    with repo.transaction("first") as tx:
        tx.append("data", pa.table({"x": x, "y": 3 * x + rng.normal(size=300) / 10}))
    found = out_of_fold(repo["data"], load("tabular"), label="y")
    assert found.probabilities.shape == (300, 1)
    assert np.corrcoef(found.probabilities[:, 0], found.labels.values)[0, 1] > 0.98


def test_a_class_that_a_fold_did_not_see_has_no_probability_there(rng: np.random.Generator) -> None:
    label = ["a"] * 60 + ["b"] * 59 + ["rare"]
    repo = repo_with(pa.table({"id": np.arange(120), "x": rng.normal(size=120), "y": label}))
    found = out_of_fold(repo["data"], load("tabular"), label="y")
    row = int(np.flatnonzero(found.labels.values == 2)[0])
    assert found.probabilities[row, 2] == 0
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1)
