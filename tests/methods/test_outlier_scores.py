"""Outliers are ranked better than by any single detector, cut off by a rule, and explained by columns."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import IsolationForest
from sklearn.metrics import f1_score, roc_auc_score

from headwater.core.errors import UsageError
from headwater.methods.outlier_scores import Columns, Detector, Groups, _depths, _grown


def test_the_benchmark_is_ranked_better_than_by_the_best_single_detector(shared: Path) -> None:
    areas, scores = [], []
    for file in sorted((shared / "adbench").glob("*.npz")):
        data = np.load(file)
        # Some 3,000 rows of the large sets, which take longer than all others together.
        step = len(data["y"]) // 4_000 + 1
        values, truth = data["X"][::step].astype(float), data["y"][::step]
        found = Detector.of(values, seed=0)
        of_rows = found.scores(values)
        areas.append(roc_auc_score(truth, of_rows))
        scores.append(f1_score(truth, of_rows > found.threshold))
    # Isolation forest, the best of seven detectors on these sets, has 0.822; cut at the customary 10 % they have 0.30.
    assert np.mean(areas) >= 0.835
    # On all rows our own threshold has 0.339 (benchmarks/outliers.py).
    assert np.mean(scores) >= 0.31


def test_few_rows_of_clean_data_are_outliers(rng: np.random.Generator) -> None:
    for values in (rng.normal(size=(3000, 5)), rng.uniform(size=(3000, 5)), rng.normal(size=(3000, 30))):
        found = Detector.of(values, seed=1)
        assert (found.scores(values) > found.threshold).mean() < 0.015


def test_depths_are_those_of_the_library(rng: np.random.Generator) -> None:
    values = rng.normal(size=(600, 4))
    forest = IsolationForest(n_estimators=20, random_state=0).fit(values)
    expected = 2.0 * (np.log(255) + np.euler_gamma) - 2.0 * 255 / 256
    ours = 2.0 ** (-_depths(values, _grown(forest)) / expected)
    np.testing.assert_allclose(-ours, forest.score_samples(values), rtol=1e-12)


def test_planted_outliers_are_found_and_explained(rng: np.random.Generator) -> None:
    x = rng.normal(size=(1000, 4)) * [1, 10, 0.1, 1000]
    x[7] += [3, 30, 1.5, 3000]
    x[8, 1], x[8, 3] = -90, 9000
    found = Detector.of(x, seed=2)
    assert {7, 8} == set(np.argsort(-found.scores(x))[:2])
    why = found.reasons(x[[7, 8]], top=2)
    assert why.columns[0, 0] == 2
    assert set(why.columns[1].tolist()) == {1, 3}
    assert why.z[0, 0] == pytest.approx(15, rel=0.2)
    assert {np.sign(z) for z in why.z[1]} == {-1.0, 1.0}


def test_a_row_that_breaks_how_columns_go_together_is_found(rng: np.random.Generator) -> None:
    first = rng.normal(size=2000)
    x = np.column_stack([first, first + 0.05 * rng.normal(size=2000), rng.normal(size=2000)])
    x[9] = [1.5, -1.5, 0.0]
    found = Detector.of(x, seed=0)
    assert found.scores(x).argmax() == 9


def test_what_was_learnt_comes_back_from_arrays_and_scores_each_row_by_itself(
    rng: np.random.Generator,
) -> None:
    x = rng.normal(size=(500, 3))
    found = Detector.of(x, seed=0)
    again = Detector.from_arrays(found.arrays())
    assert again.threshold == found.threshold
    np.testing.assert_array_equal(again.scores(x), found.scores(x))
    np.testing.assert_allclose(
        np.concatenate([found.scores(row[None]) for row in x[:20]]), found.scores(x)[:20]
    )
    assert found.scores(np.zeros((0, 3))).shape == (0,)


@settings(max_examples=10, deadline=None)
@given(st.integers(2, 30), st.integers(1, 3), st.integers(0, 2**32 - 1))
def test_any_numbers_have_finite_scores(rows: int, columns: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.choice([0.0, 1.0, -1.0, np.nan, np.inf, -np.inf, 1e300, 1e-300], (rows, columns))
    found = Detector.of(x, seed=0)
    assert np.isfinite(found.scores(x)).all()
    assert np.isfinite(found.threshold)


@pytest.mark.parametrize("shape", [(0, 2), (1, 2), (5, 0)])
def test_too_little_to_learn_from_is_refused(shape: tuple[int, int]) -> None:
    with pytest.raises(UsageError, match="two rows and a column"):
        Detector.of(np.zeros(shape), seed=0)


def test_columns_become_numbers_by_their_kind() -> None:
    table = pa.table(
        {
            "n": [1, 2, None, 4],
            "when": [date(2026, 1, 1), None, date(2026, 1, 3), date(2026, 1, 4)],
            "word": ["a", "a", "b", None],
            "code": pa.array(["x", "x", "y", "x"]).dictionary_encode(),
            "empty": pa.nulls(4, pa.string()),
            "list": [[1], [2], [], None],
        }
    )
    columns = Columns.of(table)
    assert columns.names == ("n", "when", "word", "code")
    x = columns.numbers(table)
    assert np.isnan(x[2, 0])
    assert x[3, 1] - x[2, 1] == 1
    assert x[2, 2] == pytest.approx(np.log(3))
    unseen = columns.numbers(table.slice(0, 1).set_column(2, "word", pa.array(["new"])))
    assert unseen[0, 2] == pytest.approx(np.log(4))
    assert unseen[0, 2] > x[2, 2]


def test_rows_are_measured_by_their_group_and_small_groups_by_all(rng: np.random.Generator) -> None:
    values = np.concatenate([rng.normal(0, 1, 100), rng.normal(1000, 5, 100), [500.0]])[:, None]
    groups = pa.array(["a"] * 100 + ["b"] * 100 + ["c"])
    learnt = Groups.of(values, groups)
    assert learnt.names.to_pylist() == ["a", "b"]
    inside = learnt.within(values, groups)
    assert np.abs(inside[:200]).max() < 6
    assert learnt.within(np.array([[1000.0], [1000.0]]), pa.array(["a", None]))[0, 0] > 100
