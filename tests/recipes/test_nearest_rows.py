from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from headwater.core.errors import NotFound, SchemaError, UsageError
from headwater.recipes import nearest_rows as module
from headwater.recipes.embedding import vector_array
from headwater.recipes.encoder import make_encoder
from headwater.recipes.nearest_rows import nearest_rows, require_vectors, vector_columns
from headwater.versions.repo import Repo


def repo_of(*parts: np.ndarray) -> Repo:
    repo, start = Repo.init("memory://"), 0
    for part in parts:
        rows = {"id": range(start, start + len(part)), "e": vector_array(part, np.isnan(part).all(axis=1))}
        with repo.transaction("vectors") as tx:
            tx.append("v", pa.table(rows), key="id")
        start += len(part)
    return repo


def random_vectors(rows: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, 6)).astype(np.float32)


@pytest.mark.parametrize("exact", [True, False])
def test_rows_are_numbered_over_all_chunks_without_deleted_ones(
    exact: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exact:
        pytest.importorskip("usearch")
        monkeypatch.setattr(module, "_SMALL_CHUNK", 1)
    parts = [random_vectors(40, seed) for seed in range(3)]
    repo = repo_of(*parts)
    with repo.transaction("some go") as tx:
        tx.delete("v", keys=[0, 41, 42, 100])
    dataset = repo["v"]
    ids = np.asarray(dataset.to_arrow(["id"]).column("id"))
    vectors = np.concatenate(parts)[ids]
    query = random_vectors(1, 9)
    found = nearest_rows(dataset, "e", query, 12, exact=exact, cache=repo.cache)
    cosine = vectors @ query[0] / np.linalg.norm(vectors, axis=1) / np.linalg.norm(query)
    assert found.rows[0].tolist() == np.argsort(-cosine)[:12].tolist()
    assert found.scores[0] == pytest.approx(np.sort(-cosine)[:12] * -1)


def test_after_a_small_commit_only_new_chunks_are_indexed(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("usearch")
    monkeypatch.setattr(module, "_SMALL_CHUNK", 1)
    repo = repo_of(random_vectors(200), random_vectors(200, 1))
    query = random_vectors(1, 9)
    nearest_rows(repo["v"], "e", query, exact=False, cache=repo.cache)
    assert len(before := repo.cache.list("scores/graphs")) == 2
    with repo.transaction("a change") as tx:
        tx.delete("v", keys=[3])
        tx.append("v", pa.table({"id": [1000], "e": vector_array(query, np.zeros(1, np.bool_))}))
    found = nearest_rows(repo["v"], "e", query, 1, exact=False, cache=repo.cache)
    assert found.rows[0].tolist() == [399]
    assert len(set(repo.cache.list("scores/graphs")) - set(before)) == 1


def test_recall_on_questions_to_a_bank_is_above_95_percent(shared: Path) -> None:
    pytest.importorskip("usearch")
    texts = pyarrow.csv.read_csv(shared / "banking77" / "banking77_train.csv.gz").column("text")
    made = make_encoder("hash", {"dimensions": 128}).encode(texts.combine_chunks().slice(0, 6000))
    repo = repo_of(made[100:])
    exact, found = (
        nearest_rows(repo["v"], "e", made[:100], 10, exact=exact, cache=repo.cache) for exact in (True, False)
    )
    recall = [len(set(a) & set(b)) / 10 for a, b in zip(exact.rows, found.rows, strict=True)]
    assert np.mean(recall) >= 0.95
    again = nearest_rows(repo["v"], "e", made[:100], 10, exact=False, cache=repo.cache)
    assert [rows.tolist() for rows in again.rows] == [rows.tolist() for rows in found.rows]


def test_above_the_bound_graphs_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("usearch")
    monkeypatch.setattr(module, "_SMALL_CHUNK", 1)
    repo = repo_of(random_vectors(50))
    nearest_rows(repo["v"], "e", random_vectors(1), cache=repo.cache)
    assert repo.cache.list("scores/graphs") == []
    monkeypatch.setattr(module, "EXACT_NUMBERS", 100)
    nearest_rows(repo["v"], "e", random_vectors(1), cache=repo.cache)
    assert len(repo.cache.list("scores/graphs")) == 1
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert len(nearest_rows(repo["v"], "e", random_vectors(1)).rows[0]) == 10


def test_few_rows_nulls_and_zeros_are_no_trouble() -> None:
    nothing = np.full((1, 6), np.nan, np.float32)
    repo = repo_of(np.concatenate([nothing, np.zeros((1, 6), np.float32), random_vectors(1)]))
    assert nearest_rows(repo["v"], "e", random_vectors(1), 10).rows[0].tolist() == [2]
    assert nearest_rows(repo["v"], "e", random_vectors(1), 10, metric="l2").rows[0].tolist() == [2, 1]
    assert nearest_rows(repo_of(nothing)["v"], "e", random_vectors(1)).rows[0].tolist() == []


def test_queries_that_cannot_be_compared_are_refused() -> None:
    dataset = repo_of(random_vectors(3))["v"]
    with pytest.raises(UsageError, match="5 dimensions, the vectors searched have 6"):
        nearest_rows(dataset, "e", np.ones((1, 5), np.float32))
    with pytest.raises(UsageError, match="NaN"):
        nearest_rows(dataset, "e", np.full((1, 6), np.nan, np.float32))
    with pytest.raises(UsageError, match="all zeros"):
        nearest_rows(dataset, "e", np.zeros((1, 6), np.float32))
    with pytest.raises(UsageError, match="1 neighbour or more"):
        nearest_rows(dataset, "e", np.ones((1, 6), np.float32), 0)
    with pytest.raises(UsageError, match="metric"):
        nearest_rows(dataset, "e", np.ones((1, 6), np.float32), metric="manhattan")  # type: ignore[arg-type]
    assert len(nearest_rows(dataset, "e", np.zeros((1, 6), np.float32), metric="l2").rows[0]) == 3


def test_only_columns_of_vectors_are_searched() -> None:
    dataset = repo_of(random_vectors(3))["v"]
    assert vector_columns(dataset) == ["e"]
    assert require_vectors(dataset, "e") == 6
    with pytest.raises(SchemaError, match=r"'id' of dataset 'v' is int64, not vectors.*: e"):
        require_vectors(dataset, "id")
    with pytest.raises(NotFound, match="'f' not found"):
        require_vectors(dataset, "f")
