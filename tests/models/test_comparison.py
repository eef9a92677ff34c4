"""Paired comparison: the interval covers, direction follows the metric, few rows and many parts are not trusted."""

from __future__ import annotations

import numpy as np
import pytest

from headwater.models.comparison import Change, compare, compare_gaps
from headwater.models.evaluation import Part
from headwater.models.metrics import METRICS
from headwater.recipes.base import Labels

TWO = ("no", "yes")


def everything(rows: int) -> Part:
    """Return the part of all rows."""
    return Part(name="all", kind="all", rows=np.ones(rows, np.bool_))


def models(rng: np.random.Generator, truth: np.ndarray, skill: float, seeds: int = 4) -> np.ndarray:
    """Return probabilities of noisy models, shape (seeds, n, 2): the more skill the nearer to the truth."""
    lean = skill * (2 * truth - 1) + rng.normal(size=(seeds, len(truth)))
    p = 1 / (1 + np.exp(-lean))
    return np.stack([1 - p, p], axis=2)


def by_metric(changes: list[Change]) -> dict[str, Change]:
    """Return the changes of the first part by metric."""
    return {change.metric: change for change in changes if change.kind == "all"}


def test_better_is_better_in_the_direction_of_every_metric(rng: np.random.Generator) -> None:
    truth = rng.integers(0, 2, 600).astype(float)
    labels = Labels(values=truth, classes=TWO)
    worse, better = models(rng, truth, 0.3), models(rng, truth, 2.0)
    parts = [everything(600)]
    up = by_metric(compare(labels, worse, better, parts, METRICS["roc_auc"], rng))
    down = by_metric(compare(labels, better, worse, parts, METRICS["roc_auc"], rng))
    for name in ("roc_auc", "accuracy", "log_loss", "brier"):
        assert up[name].verdict == "better", name
        assert down[name].verdict == "worse", name
    assert up["log_loss"].difference < 0 < up["accuracy"].difference
    assert set(up) == set(down) > {"calibration_error", "f1_macro"}


def test_equal_models_differ_by_exactly_nothing(rng: np.random.Generator) -> None:
    truth = rng.integers(0, 2, 100).astype(float)
    said = models(rng, truth, 1.0)
    for change in compare(
        Labels(values=truth, classes=TWO), said, said, [everything(100)], METRICS["accuracy"], rng
    ):
        assert (change.difference, change.interval, change.detectable) == (0.0, (0.0, 0.0), 0.0)
        assert change.verdict == "no clear difference"


def test_equally_good_models_are_rarely_told_apart() -> None:
    # 60 pairs of models of the same skill: at 95 % three false verdicts are expected, nine are very unlikely.
    verdicts = []
    for number in range(60):
        rng = np.random.default_rng(number)
        truth = rng.integers(0, 2, 150).astype(float)
        first, second = models(rng, truth, 1.0), models(rng, truth, 1.0)
        labels = Labels(values=truth, classes=TWO)
        changes = compare(labels, first, second, [everything(150)], METRICS["accuracy"], rng, resamples=200)
        verdicts.append(changes[0].verdict)
    assert sum(verdict != "no clear difference" for verdict in verdicts) <= 6


def test_few_rows_get_figures_and_no_verdict(rng: np.random.Generator) -> None:
    truth = (np.arange(200) % 2).astype(float)
    few = Part(name="few", kind="slice", rows=np.arange(200) < 20)
    wrong, right = np.eye(2)[(1 - truth).astype(int)][None], np.eye(2)[truth.astype(int)][None]
    labels = Labels(values=truth, classes=TWO)
    overall, *_, small = compare(labels, wrong, right, [everything(200), few], METRICS["accuracy"], rng)
    assert (overall.verdict, small.verdict) == ("better", "no clear difference")
    assert (small.rows, small.difference) == (20, 1.0)


def test_many_parts_ask_for_more_than_their_interval(rng: np.random.Generator) -> None:
    truth = rng.integers(0, 2, 60 * 100).astype(float)
    labels = Labels(values=truth, classes=TWO)
    parts = [Part(name=f"part {n}", kind="slice", rows=np.arange(6000) // 60 == n) for n in range(100)]
    first, second = models(rng, truth, 1.0, seeds=1), models(rng, truth, 1.0, seeds=1)
    changes = compare(
        labels, first, second, [everything(6000), *parts], METRICS["accuracy"], rng, resamples=200
    )
    slices = [change for change in changes if change.kind == "slice"]
    outside = [change for change in slices if not change.interval[0] <= 0 <= change.interval[1]]
    assert len(slices) == 100
    assert len(outside) > 0
    assert all(change.verdict == "no clear difference" for change in slices)


def test_rows_of_an_unknown_class_are_left_out(rng: np.random.Generator) -> None:
    truth = np.r_[np.full(50, -1.0), np.arange(100) % 2]
    said = np.eye(2)[np.r_[np.zeros(50), np.arange(100) % 2].astype(int)][None]
    labels = Labels(values=truth, classes=TWO)
    found = compare(labels, said, said, [everything(150)], METRICS["accuracy"], rng)[0]
    assert (found.rows, found.base) == (100, 1.0)


def test_a_gap_that_closes_is_better(rng: np.random.Generator) -> None:
    truth = np.ones(400)
    south = np.arange(400) % 2 == 1
    parts = [
        everything(400),
        Part(name="region = north", kind="group", feature="region", rows=~south),
        Part(name="region = south", kind="group", feature="region", rows=south),
        Part(name="tiny = yes", kind="group", feature="tiny", rows=np.arange(400) < 10),
        Part(name="tiny = no", kind="group", feature="tiny", rows=np.arange(400) >= 10),
    ]
    unfair = np.where(south, rng.random(400) < 0.2, True).astype(int)
    labels = Labels(values=truth, classes=TWO)
    found = compare_gaps(labels, np.eye(2)[unfair][None], np.eye(2)[np.ones(400, int)][None], parts, rng)
    gaps = {(change.part, change.metric): change for change in found}
    assert {part for part, _ in gaps} == {"region"}
    change = gaps["region", "selection_rate_gap"]
    assert change.base == pytest.approx(0.8, abs=0.1)
    assert (change.head, change.verdict, change.kind) == (0.0, "better", "gap")


def test_numbers_are_compared_by_their_error(rng: np.random.Generator) -> None:
    truth = rng.normal(size=300)
    near, far = (truth + rng.normal(size=300) * scale for scale in (0.1, 1.0))
    found = by_metric(
        compare(
            Labels(values=truth),
            far[None, :, None],
            near[None, :, None],
            [everything(300)],
            METRICS["root_mean_squared_error"],
            rng,
        )
    )
    assert found["root_mean_squared_error"].verdict == found["r_squared"].verdict == "better"
    assert found["r_squared"].difference > 0 > found["mean_absolute_error"].difference
