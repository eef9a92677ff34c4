"""Confident learning: the paper's definitions, known noise found again, and people's verdicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.methods.confident_learning import (
    class_thresholds,
    confident_joint,
    find_issues,
    label_noise,
    normalized_margin,
    self_confidence,
)


def noisy(
    rng: np.random.Generator, rows: int, noise: float
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Return true labels, labels of which a share is wrong, and the probabilities of a good model."""
    true = rng.integers(0, 4, rows)
    given = np.where(rng.random(rows) < noise, (true + 1) % 4, true)
    scores = rng.normal(size=(rows, 4))
    scores[np.arange(rows), true] += 4.0
    exponential = np.exp(scores)
    return true, given, exponential / exponential.sum(axis=1, keepdims=True)


def average_precision(score: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    """Mean precision at each true positive, the most doubtful first."""
    hits = truth[np.argsort(score, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def test_thresholds_and_joint_follow_the_definitions_on_a_case_worked_by_hand() -> None:
    labels = np.array([0, 0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.4, 0.6], [0.1, 0.9]])
    np.testing.assert_allclose(class_thresholds(labels, probabilities), [0.6, 0.75])
    raw = confident_joint(labels, probabilities, calibrate=False)
    np.testing.assert_array_equal(raw, [[2, 1], [0, 1]])
    np.testing.assert_allclose(confident_joint(labels, probabilities), [[2, 1], [0, 2]])
    noise = label_noise(labels, probabilities)
    assert noise.rate == pytest.approx(1 / 5)
    np.testing.assert_allclose(noise.noise_matrix, np.array([[1.0, 0.0], [1 / 3, 2 / 3]]))
    np.testing.assert_array_equal(find_issues(labels, probabilities), [False, False, True, False, False])
    np.testing.assert_array_equal(find_issues(labels, probabilities, method="confident"), [0, 0, 1, 0, 0])


def test_injected_noise_is_estimated_and_found(rng: np.random.Generator) -> None:
    true, given, probabilities = noisy(rng, 20_000, 0.15)
    noise = label_noise(given, probabilities)
    assert noise.rate == pytest.approx(0.15, abs=0.02)
    np.testing.assert_allclose(noise.noise_matrix.sum(axis=1), 1.0)
    assert noise.noise_matrix[0, 1] == pytest.approx(0.15, abs=0.03)
    issues, wrong = find_issues(given, probabilities), given != true
    assert (issues & wrong).sum() / issues.sum() > 0.9
    assert (issues & wrong).sum() / wrong.sum() > 0.85


def test_clean_labels_give_almost_no_issues(rng: np.random.Generator) -> None:
    true, _, probabilities = noisy(rng, 5_000, 0.0)
    assert find_issues(true, probabilities).mean() < 0.03


@pytest.mark.parametrize(("name", "peer"), [("mnist_test", 0.504), ("imdb_test", 0.648)])
def test_ranking_of_verified_errors_is_no_worse_than_the_peer_measured(
    shared: Path, name: str, peer: float
) -> None:
    """Figures of cleanlab's self-confidence ranking on the labels that people checked."""
    with np.load(shared / "label_errors" / f"{name}.npz") as data:
        checked, wrong = data["checked_idx"], data["checked_is_error"].astype(bool)
        given, probabilities = data["given"].astype(np.int64), data["pred_probs"]
    scores = [score(given, probabilities)[checked] for score in (self_confidence, normalized_margin)]
    assert max(average_precision(score, wrong) for score in scores) >= peer - 0.002


def test_scores_read_one_for_surely_right_and_zero_for_surely_wrong() -> None:
    probabilities = np.array([[1.0, 0.0], [0.0, 1.0]])
    labels = np.array([0, 0])
    np.testing.assert_array_equal(self_confidence(labels, probabilities), [1.0, 0.0])
    np.testing.assert_array_equal(normalized_margin(labels, probabilities), [1.0, 0.0])


def test_no_rows_one_row_and_absent_classes_work() -> None:
    empty = np.zeros((0, 3))
    none = np.zeros(0, np.int64)
    assert find_issues(none, empty).shape == (0,)
    assert label_noise(none, empty).rate == 0.0
    assert np.isinf(class_thresholds(none, empty)).all()
    assert not find_issues(np.array([2]), np.array([[0.1, 0.1, 0.8]])).any()
    assert not find_issues(np.array([0]), np.array([[0.1, 0.1, 0.8]])).any()


@pytest.mark.parametrize(
    ("labels", "probabilities"),
    [
        (np.array([0, 1]), np.zeros((3, 2))),
        (np.array([0.0, 1.0]), np.full((2, 2), 0.5)),
        (np.array([0, 5]), np.full((2, 2), 0.5)),
        (np.array([0, 1]), np.array([[0.5, 0.5], [np.nan, 0.5]])),
        (np.array([0]), np.array([0.5])),
    ],
)
def test_input_that_does_not_fit_is_refused(
    labels: NDArray[np.int64], probabilities: NDArray[np.float64]
) -> None:
    with pytest.raises(UsageError):
        find_issues(labels, probabilities)
