"""Values are filled from like rows, as scikit-learn does it, learnt from the training rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import SchemaError, UsageError
from headwater.reading.splits import set_split
from headwater.transforms.base import make
from headwater.transforms.run import TransformResult, run
from headwater.versions.repo import Repo
from tests.transforms.cases import repo_of

sklearn = pytest.importorskip("sklearn")

RNG = np.random.default_rng(6)
ROWS = 120
LATENT = RNG.normal(size=ROWS)
MATRIX = np.column_stack([LATENT * scale + RNG.normal(size=ROWS) * 0.1 for scale in (1.0, 50.0, -3.0)])
MISSING = RNG.random(MATRIX.shape) < 0.2
HOLED = np.where(MISSING, np.nan, MATRIX)
TABLE = pa.table(
    {
        "id": range(ROWS),
        **{name: pa.array(HOLED[:, at], mask=MISSING[:, at]) for at, name in enumerate("abc")},
        "n": pa.array(np.round(LATENT * 10), pa.int64(), mask=RNG.random(ROWS) < 0.2),
        "word": pa.array(np.array(["x", "y"])[(LATENT > 0).astype(int)], mask=RNG.random(ROWS) < 0.2),
        "side": (LATENT > 0).tolist(),
        "empty": pa.nulls(ROWS, pa.float64()),
    }
)
COLUMNS = {"columns": ["a", "b", "c"], "using": ["a", "b", "c"]}


def clean(table: pa.Table = TABLE, **parameters: Any) -> tuple[Repo, TransformResult]:
    repo = repo_of(table, contract=Contract(dataset="people"))
    return repo, run(repo, "people", make("clean.impute", parameters))


def matrix(repo: Repo) -> np.ndarray[Any, np.dtype[np.float64]]:
    table = repo["people"].to_arrow().sort_by("id")
    return np.column_stack([table.column(name).to_numpy() for name in "abc"])


def reference(imputer: Any, train: Any = HOLED) -> np.ndarray[Any, np.dtype[np.float64]]:
    centre, scale = np.nanmean(train, axis=0), np.nanstd(train, axis=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = imputer.fit((train - centre) / scale)
        made = fitted.transform((HOLED - centre) / scale) * scale + centre
    return np.where(MISSING, made, HOLED)


def iterative(**parameters: Any) -> Any:
    from sklearn.experimental import enable_iterative_imputer  # noqa: F401
    from sklearn.impute import IterativeImputer

    return IterativeImputer(random_state=0, **parameters)


def test_nearest_rows_are_those_of_scikit_learn() -> None:
    from sklearn.impute import KNNImputer

    repo, done = clean(**COLUMNS, neighbours=4)
    np.testing.assert_allclose(matrix(repo), reference(KNNImputer(n_neighbors=4)), rtol=1e-9)
    assert done.record["columns"] == ["a", "b", "c"]
    assert not run(repo, "people", make("clean.impute", COLUMNS)).is_new


def test_regressions_are_those_of_scikit_learn_and_near_the_truth() -> None:
    repo, done = clean(**COLUMNS, method="iterative")
    np.testing.assert_allclose(matrix(repo), reference(iterative()), rtol=1e-6)
    error = (matrix(repo) - MATRIX)[MISSING] / np.broadcast_to(MATRIX.std(axis=0), MATRIX.shape)[MISSING]
    assert np.sqrt((error**2).mean()) < 0.35
    assert done.record["rounds"] >= 1


def test_trees_regress_too() -> None:
    repo, _ = clean(**COLUMNS, method="iterative", estimator="trees", rounds=2)
    assert np.isfinite(matrix(repo)).all()


def test_it_is_learnt_from_the_training_rows_alone() -> None:
    repo = repo_of(TABLE, contract=Contract(dataset="people"))
    with repo.transaction("split") as tx:
        set_split(tx, "people", {"train": 0.6, "test": 0.4})
    train = np.sort(repo["people"].split("train").to_arrow(["id"]).column("id").to_numpy())
    done = run(repo, "people", make("clean.impute", {**COLUMNS, "method": "iterative"}))
    np.testing.assert_allclose(matrix(repo), reference(iterative(), HOLED[train]), rtol=1e-6)
    assert done.record["learnt_from"] == {"part": "train", "rows": len(train), "of": ROWS}


def test_whole_numbers_stay_whole_and_empty_columns_stay_empty() -> None:
    repo, done = clean(indicator=True)
    table = repo["people"].to_arrow()
    assert table.schema.field("n").type == pa.int64()
    assert table.column("n").null_count == 0
    assert table.column("empty").null_count == ROWS
    assert done.record["not_filled"] == ["empty"]
    assert sum(table.column("n_missing").to_pylist()) == TABLE.column("n").null_count


def test_a_hot_deck_draws_real_values_of_the_group() -> None:
    repo, _ = clean(method="hot_deck", columns=["word", "a"], by=["side"])
    table = repo["people"].to_arrow().sort_by("id")
    assert table.column("word").to_pylist() == [
        "y" if side else "x" for side in TABLE.column("side").to_pylist()
    ]
    known = set(TABLE.column("a").drop_null().to_pylist())
    assert set(table.column("a").to_pylist()) == known
    again, _ = clean(method="hot_deck", columns=["word", "a"], by=["side"])
    assert again["people"].fingerprint == repo["people"].fingerprint


def test_a_sample_bounds_what_is_learnt_from() -> None:
    _, done = clean(**COLUMNS, sample=50)
    assert done.record["columns"] == ["a", "b", "c"]
    prints = {clean(**COLUMNS, sample=50)[0]["people"].fingerprint for _ in range(2)}
    assert len(prints) == 1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SchemaError, match="knn is for numbers"):
        clean(columns=["word"])
    for wrong, said in (
        ({"neighbours": 0}, "neighbours is 0"),
        ({"by": ["side"]}, "by is for the method hot_deck"),
        ({"method": "mice"}, "method is one of"),
        ({"using": ["nope"]}, "'nope' not found"),
    ):
        with pytest.raises(UsageError, match=said):
            clean(**wrong)
