from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import UsageError
from headwater.methods.neighbours import Metric, merge_nearest, nearest, scores

METRICS: list[Metric] = ["cosine", "dot", "l2"]


def random_vectors(rows: int, seed: int = 0, size: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(rows, size)).astype(np.float32)


def by_sorting(query: np.ndarray, vectors: np.ndarray, k: int, metric: Metric) -> np.ndarray:
    values = scores(query, vectors, metric)
    return np.lexsort((np.arange(len(vectors)), values if metric == "l2" else -values))[:k]


@pytest.mark.parametrize("metric", METRICS)
@given(rows=st.integers(1, 60), k=st.integers(1, 70), seed=st.integers(0, 2**31), repeats=st.integers(1, 4))
def test_finds_what_sorting_all_rows_finds(
    metric: Metric, rows: int, k: int, seed: int, repeats: int
) -> None:
    # Repeated rows are equally near: the one with the smaller number comes first.
    vectors = np.tile(random_vectors(rows, seed), (repeats, 1))
    queries = random_vectors(3, seed + 1)
    found = nearest(queries, vectors, k, metric=metric)
    for place, query in enumerate(queries):
        assert found.rows[place].tolist() == by_sorting(query, vectors, k, metric).tolist()
        assert np.array_equal(found.scores[place], scores(query, vectors, metric)[found.rows[place]])


@pytest.mark.parametrize("metric", METRICS)
def test_several_blocks_give_what_one_gives(metric: Metric, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, queries = random_vectors(500), random_vectors(300, 1)
    whole = nearest(queries, vectors, 7, metric=metric)
    monkeypatch.setattr("headwater.methods.neighbours._BLOCK", 64)
    blocked = nearest(queries, vectors, 7, metric=metric)
    parts = [
        nearest(queries, vectors[start : start + 100], 7, metric=metric, rows=np.arange(start, start + 100))
        for start in range(0, 500, 100)
    ]
    merged = merge_nearest(parts, 7, metric)
    for a, b, c in zip(whole.rows, blocked.rows, merged.rows, strict=True):
        assert a.tolist() == b.tolist() == c.tolist()


def test_scores_are_those_of_the_textbook() -> None:
    vectors = np.array([[3, 4], [0, 2]], np.float32)
    query = np.array([1, 0], np.float32)
    assert scores(query, vectors, "cosine") == pytest.approx([0.6, 0])
    assert scores(query, vectors, "dot") == pytest.approx([3, 0])
    assert scores(query, vectors, "l2") == pytest.approx([20**0.5, 5**0.5])


def test_vectors_that_cannot_be_compared_are_passed_over() -> None:
    vectors = np.array([[1, 0], [0, 0], [np.nan, 1], [np.inf, 0], [0, 1]], np.float32)
    query = np.array([[1, 1]], np.float32)
    assert nearest(query, vectors, 9).rows[0].tolist() == [0, 4]
    assert nearest(query, vectors, 9, metric="l2").rows[0].tolist() == [0, 4, 1]


def test_fewer_are_found_where_there_are_fewer() -> None:
    assert nearest(random_vectors(2), random_vectors(0), 5).rows == [pytest.approx([])] * 2
    assert len(nearest(random_vectors(1), random_vectors(1, 3), 5).rows[0]) == 1


def test_close_vectors_far_from_the_origin_are_told_apart() -> None:
    vectors = (1000 + np.arange(20)[:, None] * np.full((20, 4), 0.01)).astype(np.float32)
    found = nearest(vectors[7:8], vectors, 3, metric="l2")
    assert found.rows[0][0] == 7
    assert set(found.rows[0]) == {6, 7, 8}


def test_lengths_that_differ_and_no_neighbours_are_refused() -> None:
    with pytest.raises(UsageError, match="8 dimensions, the vectors searched have 4"):
        nearest(random_vectors(1), random_vectors(3, size=4), 1)
    with pytest.raises(UsageError, match="1 neighbour or more, not 0"):
        nearest(random_vectors(1), random_vectors(3), 0)
