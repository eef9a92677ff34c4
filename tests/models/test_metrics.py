"""Metrics: equal to scikit-learn's, weighted and unweighted, and NaN where they are not defined."""

from __future__ import annotations

import numpy as np
import pytest

import headwater.models.metrics as module
from headwater.core.errors import NotFound
from headwater.models.evaluation import draws
from headwater.models.metrics import METRICS, default_metric, metric, metrics_for
from headwater.recipes.base import Labels

sklearn_metrics = pytest.importorskip("sklearn.metrics")


@pytest.mark.parametrize("classes", [2, 4])
def test_equal_scikit_learn_with_weights(rng: np.random.Generator, classes: int) -> None:
    rows = 300
    truth = rng.integers(0, classes, rows)
    said = rng.dirichlet(np.ones(classes), rows).round(2)
    said[:, 0] += 1 - said.sum(axis=1)
    said = np.clip(said, 0, 1)
    weight = rng.integers(0, 4, rows).astype(float)
    labels = Labels(values=truth.astype(float), classes=tuple(str(c) for c in range(classes)))
    hard = said.argmax(axis=1)
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(truth, hard, sample_weight=weight),
        "balanced_accuracy": sklearn_metrics.balanced_accuracy_score(truth, hard, sample_weight=weight),
        "f1_macro": sklearn_metrics.f1_score(truth, hard, sample_weight=weight, average="macro"),
    }
    if classes == 2:
        expected["roc_auc"] = sklearn_metrics.roc_auc_score(truth, said[:, 1], sample_weight=weight)
    for name, value in expected.items():
        found = METRICS[name].compute(labels, said, np.vstack([np.ones(rows), weight]))
        assert found[1] == pytest.approx(value), name


def test_numbers_equal_scikit_learn(rng: np.random.Generator) -> None:
    truth, said = rng.normal(size=200), rng.normal(size=(200, 1))
    labels = Labels(values=truth)
    ones = np.ones((1, 200))
    assert METRICS["r_squared"].compute(labels, said, ones)[0] == pytest.approx(
        sklearn_metrics.r2_score(truth, said)
    )
    error = METRICS["root_mean_squared_error"].compute(labels, said, ones)[0]
    assert error**2 == pytest.approx(sklearn_metrics.mean_squared_error(truth, said))


def test_one_class_has_no_auc_and_no_rows_have_nothing() -> None:
    labels = Labels(values=np.ones(3), classes=("a", "b"))
    said = np.full((3, 2), 0.5)
    assert np.isnan(METRICS["roc_auc"].compute(labels, said, np.ones((1, 3)))[0])
    empty = Labels(values=np.zeros(0), classes=("a", "b"))
    for found in metrics_for(empty):
        assert np.isnan(found.compute(empty, np.zeros((0, 2)), np.zeros((1, 0)))[0])


def test_perfect_log_loss_and_brier_are_zero() -> None:
    labels = Labels(values=np.array([0.0, 1.0]), classes=("a", "b"))
    said = np.eye(2)
    for name in ("log_loss", "brier"):
        assert METRICS[name].compute(labels, said, np.ones((1, 2)))[0] == pytest.approx(0.0, abs=1e-12)


def test_metrics_go_with_the_task() -> None:
    assert default_metric(Labels(values=np.zeros(1))) == "root_mean_squared_error"
    assert default_metric(Labels(values=np.zeros(1), classes=("a", "b"))) == "roc_auc"
    with pytest.raises(NotFound, match="accuracy"):
        metric("accuracy", Labels(values=np.zeros(1)))


def test_calibration_error_is_the_distance_of_confidence_from_accuracy() -> None:
    labels = Labels(values=np.array([0.0, 0, 0, 1]), classes=("a", "b"))
    said = np.tile([0.75, 0.25], (4, 1))
    sure = np.tile([1.0, 0.0], (4, 1))
    weights = np.array([[1.0, 1, 1, 1], [1, 1, 0, 2]])
    compute = METRICS["calibration_error"].compute
    np.testing.assert_allclose(compute(labels, said, weights), [0.0, 0.25])
    np.testing.assert_allclose(compute(labels, sure, weights), [0.25, 0.5])


@pytest.mark.parametrize("rows", [300, 3000])
def test_auc_of_resamples_by_expansion_agrees_with_counting(rng: np.random.Generator, rows: int) -> None:
    truth = rng.random(rows) < 0.4
    said = (truth + rng.normal(size=rows)).round(1)
    weights = draws(rows, 400, rng)
    fast = module._auc(truth, said, weights)
    exact = np.concatenate([module._auc(truth, said, weights[place : place + 1]) for place in range(401)])
    assert fast[0] == pytest.approx(exact[0], abs=1e-12)
    assert fast.std() == pytest.approx(exact.std(), rel=0.03)
    assert np.corrcoef(fast, exact)[0, 1] > 0.99
