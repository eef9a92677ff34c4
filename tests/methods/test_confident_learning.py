"""Confident learning finds the errors that people found, as well as the reference implementation does."""

from __future__ import annotations

import time
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
from hypothesis import given as given_that
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from headwater.core.errors import UsageError
from headwater.methods.confident_learning import Prune, Score, estimate_noise, find_issues, label_quality

PRUNES: tuple[Prune, ...] = get_args(Prune)


def noisy_labels(
    rng: np.random.Generator, rows: int, classes: int = 4
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Return given labels, probabilities and true labels, under the conditions of the paper's theorem 1."""
    truth = rng.integers(0, classes, rows)
    p = np.full((rows, classes), 0.3 / classes)
    p[np.arange(rows), truth] += 0.7
    given = truth.copy()
    wrong = rng.random(rows) < np.array([0.0, 0.1, 0.2, 0.3])[truth % 4]
    given[wrong] = (truth[wrong] + 1) % classes
    return given, p, truth


def test_a_hand_worked_confident_joint() -> None:
    labels = [0, 0, 0, 1, 1]
    p = [[0.9, 0.1], [0.8, 0.2], [0.1, 0.9], [0.3, 0.7], [0.45, 0.55]]
    noise = estimate_noise(labels, p)
    np.testing.assert_allclose(noise.thresholds, [0.6, 0.625])
    assert noise.counts.tolist() == [[2, 1], [0, 1]]
    np.testing.assert_allclose(noise.joint, [[0.4, 0.2], [0.0, 0.4]])
    np.testing.assert_allclose(noise.noise_matrix, [[1.0, 1 / 3], [0.0, 2 / 3]])
    np.testing.assert_allclose(noise.inverse_noise_matrix, [[2 / 3, 1 / 3], [0.0, 1.0]])
    assert noise.noise_fraction == pytest.approx(0.2)
    assert find_issues(labels, p).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("name", "precision", "flagged"),
    # What cleanlab 2.9.0 gives on the same input: average precision of self-confidence among the checked
    # rows, and how many rows each of its filters flags.
    [
        (
            "mnist_test",
            0.504,
            {"noise_rate": 15, "class": 15, "both": 15, "confident_joint": 15, "argmax": 87},
        ),
        (
            "imdb_test",
            0.648,
            {"noise_rate": 1309, "class": 1309, "both": 1309, "confident_joint": 1076, "argmax": 2606},
        ),
    ],
)
def test_errors_that_people_found_rank_as_high_as_in_the_reference(
    shared: Path, name: str, precision: float, flagged: dict[Prune, int]
) -> None:
    data = np.load(shared / "label_errors" / f"{name}.npz")
    labels, p, checked, is_error = (
        data[key] for key in ("given", "pred_probs", "checked_idx", "checked_is_error")
    )
    quality = label_quality(labels, p)
    assert average_precision_score(is_error, -quality[checked]) == pytest.approx(precision, abs=5e-4)
    assert {prune: int(find_issues(labels, p, prune=prune).sum()) for prune in flagged} == flagged


def test_a_known_noise_process_is_recovered(rng: np.random.Generator) -> None:
    labels, p, truth = noisy_labels(rng, 20_000)
    noise = estimate_noise(labels, p)
    true_joint = np.zeros((4, 4))
    np.add.at(true_joint, (labels, truth), 1 / labels.size)
    np.testing.assert_allclose(noise.joint, true_joint, atol=1e-9)
    wrong = labels != truth
    for prune in PRUNES:
        found = find_issues(labels, p, prune=prune, noise=noise)
        assert (found & wrong).sum() / found.sum() > 0.99
        assert (found & wrong).sum() / wrong.sum() > 0.95


@given_that(st.integers(1, 60), st.integers(2, 5), st.integers(0, 2**32 - 1))
def test_laws_of_the_joint_and_of_issues(rows: int, classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.ones(classes) * 0.5, rows)
    labels = rng.integers(-1, classes, rows)
    noise = estimate_noise(labels, p)
    labelled = labels >= 0
    shares = np.bincount(labels[labelled], minlength=classes) / max(labelled.sum(), 1)
    np.testing.assert_allclose(noise.joint.sum(axis=1), shares, atol=1e-12)
    assert 0 <= noise.noise_fraction <= 1
    order = rng.permutation(rows)
    np.testing.assert_allclose(estimate_noise(labels[order], p[order]).joint, noise.joint, atol=1e-12)
    for prune in PRUNES:
        found = find_issues(labels, p, prune=prune)
        assert not found[~labelled].any()
        assert not found[labels == p.argmax(axis=1)].any()
    for score in get_args(Score):
        quality = label_quality(labels, p, score)
        assert np.isnan(quality[~labelled]).all()
        assert ((quality[labelled] >= 0) & (quality[labelled] <= 1)).all()


@pytest.mark.parametrize("score", get_args(Score))
def test_scores_are_one_for_certain_and_zero_for_impossible_labels(score: Score) -> None:
    np.testing.assert_array_equal(label_quality([0, 1], [[1.0, 0.0], [1.0, 0.0]], score), [1.0, 0.0])


def test_no_rows_and_no_labels_give_no_issues() -> None:
    assert find_issues(np.zeros(0, int), np.zeros((0, 3))).size == 0
    assert label_quality(np.zeros(0, int), np.zeros((0, 3))).size == 0
    assert not find_issues([-1, -1], [[0.5, 0.5], [0.1, 0.9]]).any()
    assert estimate_noise([-1], [[0.5, 0.5]]).noise_fraction == 0.0


def test_a_class_that_is_never_given_is_never_suggested() -> None:
    noise = estimate_noise([0, 0, 1], [[0.2, 0.1, 0.7], [0.6, 0.2, 0.2], [0.1, 0.8, 0.1]])
    assert noise.counts[:, 2].sum() == 0


def test_a_million_rows_of_ten_classes_take_less_than_half_a_second(rng: np.random.Generator) -> None:
    p = rng.dirichlet(np.ones(10) * 0.3, 200_000)
    labels = np.where(rng.random(200_000) < 0.2, rng.integers(0, 10, 200_000), p.argmax(axis=1))
    start = time.process_time()
    find_issues(labels, p, noise=estimate_noise(labels, p))
    label_quality(labels, p)
    assert time.process_time() - start < 0.3  # a fifth of the rows; three times what it takes


def test_what_does_not_fit_together_is_refused() -> None:
    with pytest.raises(UsageError, match=r"shape \(n, K\)"):
        estimate_noise([0, 1], [[0.5, 0.5]])
    with pytest.raises(UsageError, match="Label 2 has no column"):
        estimate_noise([2], [[0.5, 0.5]])
    with pytest.raises(UsageError, match="NaN is not one"):
        label_quality([0], [[np.nan, 0.5]])
    with pytest.raises(UsageError, match="prune is one of"):
        find_issues([0], [[0.5, 0.5]], prune="all")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="score is one of"):
        label_quality([0], [[0.5, 0.5]], "entropy")  # type: ignore[arg-type]
