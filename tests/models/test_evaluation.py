"""Evaluation: parts of the held-out rows, intervals that cover, gaps with theirs."""

from __future__ import annotations

import json

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.models.evaluation import Part, draws, evaluate, evaluate_gaps, groups_of, parts_of
from headwater.reading.dataset import Dataset
from headwater.recipes.base import Labels
from headwater.versions.repo import Repo

ROWS = pa.table(
    {
        "id": np.arange(200),
        "sex": pa.array(["f", "m", None, "m"] * 50),
        "flag": pa.array([0.0, 1.0] * 100),
        "age": np.arange(200) / 2,
    }
)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("data", ROWS, key="id")
    return repo["data"]


def test_parts_are_all_rows_slices_and_groups(dataset: Dataset) -> None:
    parts = parts_of(dataset, ROWS, groups=["sex", "flag"], slices=["age < 10 AND flag = 1"])
    assert {part.name: int(part.rows.sum()) for part in parts} == {
        "all": 200, "age < 10 AND flag = 1": 10, "sex = f": 50, "sex = m": 100, "flag = 0": 100, "flag = 1": 100,
    }  # fmt: skip


def test_numbers_with_many_values_are_cut_at_their_quartiles(dataset: Dataset) -> None:
    parts = parts_of(dataset, ROWS, groups=["age"])[1:]
    assert [int(part.rows.sum()) for part in parts] == [50, 50, 50, 50]
    assert {part.feature for part in parts} == {"age"}


def test_parts_that_make_no_sense_are_refused(dataset: Dataset) -> None:
    with pytest.raises(UsageError, match="no column 'race'"):
        parts_of(dataset, ROWS, groups=["race"])
    names = ROWS.append_column("name", pa.array([f"n{place}" for place in range(200)]))
    with pytest.raises(UsageError, match="too many groups"):
        parts_of(dataset, names, groups=["name"])
    with pytest.raises(UsageError, match="does not fit"):
        parts_of(dataset, ROWS, slices=["aeg < 10"])


def test_interval_of_an_accuracy_agrees_with_the_binomial(rng: np.random.Generator) -> None:
    truth = np.zeros(400)
    said = np.eye(2)[(rng.random(400) < 0.2).astype(int)]
    labels = Labels(values=truth, classes=("a", "b"))
    everything = Part(name="all", kind="all", rows=np.ones(400, np.bool_))
    found = next(
        score
        for score in evaluate(labels, said, [everything], rng=rng, resamples=2000)
        if score.metric == "accuracy"
    )
    half = 1.96 * np.sqrt(found.value * (1 - found.value) / 400)
    assert found.interval == pytest.approx((found.value - half, found.value + half), abs=0.006)


def test_what_is_not_defined_becomes_null(rng: np.random.Generator) -> None:
    labels = Labels(values=np.zeros(40), classes=("a", "b"))
    everything = Part(name="all", kind="all", rows=np.ones(40, np.bool_))
    nothing = Part(name="none", kind="slice", rows=np.zeros(40, np.bool_))
    scores = evaluate(labels, np.full((40, 2), 0.5), [everything, nothing], rng=rng)
    found = {(score.part, score.metric): score.to_dict() for score in scores}
    assert found["all", "roc_auc"]["value"] is None
    assert found["none", "accuracy"]["interval"] == [None, None]
    json.dumps(list(found.values()), allow_nan=False)


def test_gaps_come_with_intervals_for_features_with_two_large_groups(
    dataset: Dataset, rng: np.random.Generator
) -> None:
    parts = parts_of(dataset, ROWS, groups=["sex", "flag"])
    assert list(groups_of(parts)) == ["sex", "flag"]
    assert list(groups_of(parts, known=np.arange(200) < 60)) == ["flag"]
    truth = np.ones(200)
    said = np.eye(2)[np.where(np.asarray(ROWS.column("flag")) == 1, 1, 0)]
    scores = evaluate_gaps(Labels(values=truth, classes=("no", "yes")), said, parts, rng=rng)
    found = {(score.part, score.metric): score for score in scores}
    assert found["flag", "selection_rate_gap"].value == 1.0
    low, high = found["sex", "selection_rate_gap"].interval
    assert low <= found["sex", "selection_rate_gap"].value <= high


def test_every_resample_has_as_many_rows(rng: np.random.Generator) -> None:
    drawn = draws(50, 20, rng)
    np.testing.assert_array_equal(drawn.sum(axis=1), np.full(21, 50))
    np.testing.assert_array_equal(drawn[0], np.ones(50))
