"""Details of an evaluation: as scikit-learn counts them, with intervals, and nothing for what is not there."""

from __future__ import annotations

import json

import numpy as np
import pytest

from headwater.models.detail import detail_of
from headwater.recipes.base import Labels


@pytest.mark.parametrize("classes", [2, 5])
def test_classes_and_confusion_are_those_of_scikit_learn(rng: np.random.Generator, classes: int) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    truth = rng.integers(0, classes, 600)
    said = rng.dirichlet(np.ones(classes), 600) + 0.4 * np.eye(classes)[truth]
    said /= said.sum(axis=1, keepdims=True)
    names = tuple("abcde"[:classes])
    found = detail_of(Labels(values=truth.astype(float), classes=names), said, rng=rng)
    json.dumps(found, allow_nan=False)
    table = np.zeros((classes, classes))
    for one in found["confusion"]:
        table[names.index(one["label"]), names.index(one["predicted"])] = one["rows"]
    np.testing.assert_array_equal(table, metrics.confusion_matrix(truth, said.argmax(axis=1)))
    p, r, f, n = metrics.precision_recall_fscore_support(truth, said.argmax(axis=1))
    for place, one in enumerate(found["classes"]):
        assert [one["precision"], one["recall"], one["f1"]] == pytest.approx([p[place], r[place], f[place]])
        assert one["rows"] == n[place]
        for name in ("precision", "recall", "f1"):
            low, high = one[f"{name}_interval"]
            assert low < one[name] < high < low + 0.3
    assert found["calibration"]["bins"]


def test_a_class_that_no_row_has_is_not_defined(rng: np.random.Generator) -> None:
    said = np.tile([0.9, 0.1, 0.0], (40, 1))
    found = detail_of(Labels(values=np.arange(40.0) % 2, classes=("a", "b", "c")), said, rng=rng)
    json.dumps(found, allow_nan=False)
    second, third = found["classes"][1:]
    assert second["precision"] is None
    assert second["recall"] == 0.0
    assert third["recall"] is third["f1"] is None
    assert detail_of(Labels(values=np.zeros(0), classes=("a", "b")), np.zeros((0, 2)), rng=rng) == {}


def test_residuals_have_quantiles_that_cover(rng: np.random.Generator) -> None:
    truth = rng.normal(size=2000)
    found = detail_of(Labels(values=truth), np.full((2000, 1), 0.5), rng=rng)["residuals"]
    assert found["mean"] == pytest.approx(-0.5, abs=0.1)
    for one, expected in zip(found["quantiles"], (-2.145, -1.174, -0.5, 0.174, 1.145), strict=True):
        assert one["interval"][0] <= one["value"] <= one["interval"][1]
        assert one["value"] == pytest.approx(expected, abs=0.15)
    assert detail_of(Labels(values=np.zeros(1)), np.ones((1, 1)), rng=rng)["residuals"]["mean"] == -1
