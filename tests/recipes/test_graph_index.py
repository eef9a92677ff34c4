from __future__ import annotations

import logging

import numpy as np
import pyarrow as pa
import pytest

from headwater.methods.neighbours import Metric, nearest
from headwater.recipes.embedding import vector_array
from headwater.recipes.graph_index import ChunkGraph
from headwater.recipes.known_vectors import vectors_of
from headwater.versions.repo import Repo

pytest.importorskip("usearch")


def repo_of(vectors: np.ndarray) -> Repo:
    repo = Repo.init("memory://")
    column = vector_array(vectors.astype(np.float32), np.isnan(vectors).all(axis=1))
    with repo.transaction("vectors") as tx:
        tx.append("v", pa.table({"id": range(len(vectors)), "e": column}), key="id")
    return repo


@pytest.mark.parametrize("metric", ["cosine", "dot", "l2"])
def test_finds_nearly_what_looking_at_all_finds(metric: Metric, rng: np.random.Generator) -> None:
    centres = rng.normal(size=(40, 16))
    vectors = centres[rng.integers(0, 40, 3000)] + 0.5 * rng.normal(size=(3000, 16))
    repo = repo_of(vectors)
    (chunk,) = repo["v"].chunks
    queries = (centres[:20] + 0.5 * rng.normal(size=(20, 16))).astype(np.float32)
    exact = nearest(queries, vectors.astype(np.float32), 10, metric=metric)
    found = ChunkGraph.of(chunk, "e", metric).nearest(queries, 10, chunk.live_positions(), 0)
    recall = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found.rows, exact.rows, strict=True)])
    assert recall >= 0.95
    for rows, values, all_rows, all_values in zip(
        found.rows, found.scores, exact.rows, exact.scores, strict=True
    ):
        same = dict(zip(all_rows, all_values, strict=True))
        assert all(same.get(row, value) == value for row, value in zip(rows, values, strict=True))


def test_deleted_rows_are_passed_over_and_the_graph_stays(rng: np.random.Generator) -> None:
    vectors = rng.normal(size=(500, 8))
    repo = repo_of(vectors)
    ChunkGraph.of(repo["v"].chunks[0], "e", "cosine", repo.cache)
    query = vectors[:1].astype(np.float32)
    best = nearest(query, vectors.astype(np.float32), 60).rows[0]
    with repo.transaction("the nearest go") as tx:
        tx.delete("v", keys=best[:50].tolist())
    (chunk,) = repo["v"].chunks
    before = repo.cache.list("scores/graphs")
    live = chunk.live_positions()
    found = ChunkGraph.of(chunk, "e", "cosine", repo.cache).nearest(query, 10, live, 0)
    assert repo.cache.list("scores/graphs") == before
    assert len(set(live[found.rows[0]]) & set(best[50:])) >= 9


def test_the_same_rows_give_the_same_graph_and_a_damaged_one_is_made_anew(
    rng: np.random.Generator, caplog: pytest.LogCaptureFixture
) -> None:
    repo = repo_of(rng.normal(size=(300, 8)))
    (chunk,) = repo["v"].chunks
    ChunkGraph.of(chunk, "e", "l2", repo.cache)
    (path,) = repo.cache.list("scores/graphs")
    whole = repo.cache.get(path) or b""
    for data in (b"", whole[:100], whole[:5000] + b"x" + whole[5001:]):
        repo.cache.put(path, data)
        with caplog.at_level(logging.WARNING):
            ChunkGraph.of(chunk, "e", "l2", repo.cache)
        assert repo.cache.get(path) == whole
    assert "damaged" in caplog.text


def test_null_and_zero_vectors_are_in_no_graph() -> None:
    vectors = np.array([[1, 0], [0, 0], [np.nan, np.nan], [0, 1.0]])
    repo = repo_of(vectors)
    (chunk,) = repo["v"].chunks
    assert np.isnan(vectors_of(chunk.read(["e"]).column("e"))[2]).all()
    query = np.array([[1, 0.1]], np.float32)
    for metric, wanted in (("cosine", [0, 3]), ("l2", [0, 1, 3])):
        found = ChunkGraph.of(chunk, "e", metric).nearest(query, 10, chunk.live_positions(), 7)  # type: ignore[arg-type]
        assert sorted(row - 7 for row in found.rows[0]) == wanted


def test_a_chunk_without_vectors_has_an_empty_graph() -> None:
    repo = repo_of(np.full((3, 4), np.nan))
    (chunk,) = repo["v"].chunks
    for _ in range(2):
        graph = ChunkGraph.of(chunk, "e", "cosine", repo.cache)
        assert len(graph.nearest(np.ones((1, 4), np.float32), 3, chunk.live_positions(), 0).rows[0]) == 0
