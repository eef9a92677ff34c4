"""KNN-Shapley equals its definition, keeps its laws, and finds wrong labels."""

from __future__ import annotations

from itertools import combinations, permutations
from math import comb

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.methods import shapley
from headwater.methods.shapley import knn_shapley
from headwater.recipes.base import encode_labels, load

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def _worth(rows: tuple[int, ...], x: F64, y: I64, point: F64, label: int, k: int) -> float:
    """Return the votes for the right label, the mean over every order of equally near rows."""
    distance = ((x[list(rows)] - point) ** 2).sum(axis=1)
    tries = [
        sum(y[rows[i]] == label for i in sorted(order, key=lambda i: distance[i])[:k]) / k
        for order in permutations(range(len(rows)))
    ]
    return float(np.mean(tries)) if rows else 0.0


def _by_definition(x: F64, y: I64, judged: F64, truth: I64, k: int) -> F64:
    n = len(x)
    out = np.zeros(n)
    for point, label in zip(judged, truth, strict=True):
        worth = {
            rows: _worth(rows, x, y, point, int(label), k)
            for size in range(n + 1)
            for rows in combinations(range(n), size)
        }
        for row in range(n):
            for rows, value in worth.items():
                if row not in rows:
                    more = tuple(sorted((*rows, row)))
                    out[row] += (worth[more] - value) / (n * comb(n - 1, len(rows)))
    return out / len(judged)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 2)), min_size=1, max_size=5),
    st.lists(st.tuples(st.integers(-2, 2), st.integers(0, 2)), min_size=1, max_size=2),
    st.integers(1, 7),
)
def test_values_equal_the_definition_over_all_subsets_even_with_ties(
    rows: list[tuple[int, int]], judged: list[tuple[int, int]], k: int
) -> None:
    x, y = np.array([[float(a)] for a, _ in rows]), np.array([b for _, b in rows])
    q, truth = np.array([[float(a)] for a, _ in judged]), np.array([b for _, b in judged])
    assert knn_shapley(x, y, q, truth, k=k) == pytest.approx(_by_definition(x, y, q, truth, k), abs=1e-12)


@pytest.mark.parametrize("k", [1, 3, 6, 10])
def test_values_without_ties_equal_the_definition_in_several_dimensions(k: int) -> None:
    rng = np.random.default_rng(k)
    x, y, q, truth = (
        rng.normal(size=(6, 3)),
        rng.integers(0, 2, 6),
        rng.normal(size=(3, 3)),
        np.array([0, 1, 1]),
    )
    assert knn_shapley(x, y, q, truth, k=k) == pytest.approx(_by_definition(x, y, q, truth, k), abs=1e-12)


def test_rounding_breaks_no_tie_between_different_rows() -> None:
    x, y = np.array([[1.0], [-1.0], [2.0]]), np.array([0, 1, 0])
    found = knn_shapley(x, y, np.array([[0.0]]), np.array([0]), k=1)
    assert found == pytest.approx([7 / 12, -5 / 12, 1 / 3])


def test_values_sum_to_the_worth_of_all_rows_whatever_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(500, 4)).astype(np.float32), rng.integers(0, 3, 500)
    q, truth = rng.normal(size=(60, 4)).astype(np.float32), rng.integers(0, 3, 60)
    distance = ((q[:, None].astype(np.float64) - x[None]) ** 2).sum(axis=2)
    votes = y[np.argsort(distance, axis=1)[:, :5]] == truth[:, None]
    values = knn_shapley(x, y, q, truth)
    assert values.sum() == pytest.approx(votes.mean())
    monkeypatch.setattr(shapley, "_CELLS", 700)
    assert knn_shapley(x, y, q, truth) == pytest.approx(values, abs=1e-12)


def test_equal_rows_have_equal_values_in_any_order() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(80, 7)), rng.integers(0, 2, 80)
    x, y = np.concatenate([x, x, x]), np.concatenate([y, 1 - y, y])
    q, truth = np.concatenate([x[:9], rng.normal(size=(20, 7))]), rng.integers(0, 2, 29)
    values = knn_shapley(x, y, q, truth)
    assert values[:80].tolist() == pytest.approx(values[160:].tolist(), abs=1e-14)
    order = rng.permutation(240)
    assert knn_shapley(x[order], y[order], q, truth) == pytest.approx(values[order], abs=1e-12)


def test_a_row_that_changes_no_vote_is_worth_nothing() -> None:
    x, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 0])
    assert knn_shapley(x, y, np.array([[0.4]]), np.array([0]), k=3).tolist() == pytest.approx(
        [1 / 3, 0, 1 / 3]
    )
    assert not knn_shapley(x, y, np.array([[0.4]]), np.array([2]), k=1).any()
    assert knn_shapley(x[:0], y[:0], np.array([[0.4]]), np.array([0])).shape == (0,)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"k": 0}, "1 neighbour or more"),
        ({"features": np.full((2, 1), np.nan)}, "missing or infinite"),
        ({"features": np.zeros((2, 3))}, "Encode both alike"),
        ({"labels": np.array([1])}, "one label"),
        ({"judged": np.zeros((0, 1)), "judged_labels": np.zeros(0, np.int64)}, "No row to judge on"),
    ],
)
def test_what_cannot_be_valued_is_refused_with_the_reason(change: dict[str, object], words: str) -> None:
    given: dict[str, object] = {
        "features": np.zeros((2, 1)),
        "labels": np.array([0, 1]),
        "judged": np.zeros((1, 1)),
        "judged_labels": np.array([0]),
    }
    with pytest.raises(UsageError, match=words):
        knn_shapley(**{**given, **change})  # type: ignore[arg-type]


def _noisy(name: str, share: float, seed: int) -> tuple[F64, I64, I64, NDArray[np.bool_]]:
    datasets = pytest.importorskip("sklearn.datasets")
    x, y = getattr(datasets, f"load_{name}")(return_X_y=True)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(x))
    x, y = x[order], y[order].astype(np.int64)
    x = (x - x.mean(axis=0)) / np.maximum(x.std(axis=0), 1e-9) if name == "breast_cancer" else x
    wrong = rng.random(len(x)) < share
    wrong[len(x) // 2 :] = False
    classes = int(y.max()) + 1
    given = np.where(wrong, (y + rng.integers(1, classes, len(y))) % classes, y)
    return x, given, y, wrong


@pytest.mark.parametrize("name", ["digits", "breast_cancer"])
@pytest.mark.parametrize("share", [0.1, 0.2])
def test_wrong_labels_have_the_lowest_values(name: str, share: float) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    x, y, _, wrong = _noisy(name, share, 0)
    half = len(x) // 2
    values = knn_shapley(x[:half], y[:half], x[half:], y[half:])
    found = metrics.roc_auc_score(wrong[:half], -values)
    assert found >= 0.9


def test_the_recipe_gains_without_harmful_rows_and_loses_without_helpful_ones() -> None:
    pytest.importorskip("sklearn")
    x, y, _, _ = _noisy("digits", 0.2, 0)
    train, judge, test = slice(0, 898), slice(898, 1347), slice(1347, None)
    order = np.argsort(knn_shapley(x[train], y[train], x[judge], y[judge]))
    names = [f"x{place}" for place in range(x.shape[1])]

    def accuracy(rows: I64) -> float:
        tables = [pa.table(list(part.T), names) for part in (x[train][rows], x[test])]
        model = load("tabular").fit(tables[0], encode_labels(pa.array(y[train][rows])), weights=None, seed=0)
        return float((model.predict(tables[1]).argmax(axis=1) == y[test]).mean())

    cut = 180
    every, better, worse = accuracy(order), accuracy(order[cut:]), accuracy(order[:-cut])
    assert better > every > worse
