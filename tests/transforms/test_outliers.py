"""Numbers far from the others are clipped, made missing, marked or dropped, by limits of the training rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import SchemaError, UsageError
from headwater.reading.splits import set_split
from headwater.transforms.base import make
from headwater.transforms.run import TransformResult, run
from headwater.versions.repo import Repo
from tests.transforms.cases import repo_of

RNG = np.random.default_rng(4)
VALUES = np.concatenate([RNG.normal(50, 5, 97), [500.0, -400.0, np.nan]])
TABLE = pa.table(
    {
        "id": range(100),
        "x": VALUES,
        "whole": pa.array(np.r_[np.arange(99), 10**6], pa.int64(), mask=np.arange(100) == 3),
        "group": ["a", "b"] * 50,
        "word": ["w"] * 100,
    }
)


def clean(table: pa.Table = TABLE, **parameters: Any) -> tuple[Repo, TransformResult]:
    repo = repo_of(table, contract=Contract(dataset="people"))
    return repo, run(repo, "people", make("clean.outliers", parameters))


def values(repo: Repo, name: str = "x") -> np.ndarray[Any, np.dtype[np.float64]]:
    column = repo["people"].to_arrow().sort_by("id").column(name)
    return np.array([np.nan if value is None else value for value in column.to_pylist()])


def test_values_beyond_are_clipped_to_the_limits() -> None:
    repo, done = clean()
    first, third = np.nanquantile(VALUES, [0.25, 0.75])
    low, high = first - 3 * (third - first), third + 3 * (third - first)
    assert done.record["limits"]["x"] == pytest.approx([low, high])
    np.testing.assert_allclose(values(repo), np.clip(VALUES, low, high))
    first, third = np.quantile(np.delete(np.r_[np.arange(99), 10**6], 3), [0.25, 0.75])
    assert values(repo, "whole")[99] == np.floor(third + 3 * (third - first))
    assert repo["people"].schema.field("whole").type == pa.int64()
    assert not run(repo, "people", make("clean.outliers")).is_new


def test_each_action_does_what_it_says() -> None:
    repo, _ = clean(columns=["x"], action="null")
    assert np.isnan(values(repo)).sum() == 3
    repo, done = clean(columns=["x"], action="drop")
    assert done.record["deleted"] == 2
    repo, _ = clean(columns=["x"], action="flag")
    assert np.flatnonzero(values(repo, "x_outlier")).tolist() == [97, 98]
    np.testing.assert_array_equal(values(repo), VALUES)


def test_known_limits_are_taken_as_they_are() -> None:
    repo, done = clean(columns=["x"], low=0, high=100)
    assert values(repo)[97:99].tolist() == [100.0, 0.0]
    assert done.record["limits"] == {"x": [0, 100]}
    repo, _ = clean(columns=["x"], low=0)
    assert values(repo)[97:99].tolist() == [500.0, 0.0]


def test_the_reason_names_the_limit() -> None:
    repo = repo_of(TABLE, contract=Contract(dataset="people"))
    plan = run(repo, "people", make("clean.outliers", {"columns": ["x"], "high": 100}), dry_run=True)
    assert plan.changes().column("reason").to_pylist() == ["above 100"]


def test_groups_have_limits_of_their_own_and_small_ones_those_of_all() -> None:
    x = np.r_[np.arange(20.0), 1000 + np.arange(20.0), 500.0]
    table = pa.table({"id": range(41), "x": x, "group": ["a"] * 20 + ["b"] * 20 + ["c"]})
    repo, done = clean(table, columns=["x"], by=["group"], method="quantiles", quantiles=[0.1, 0.9])
    found = values(repo)
    assert (found[:20].min(), found[:20].max()) == (1.0, 18.0)
    assert (found[20:40].min(), found[20:40].max()) == (1001.0, 1018.0)
    assert found[40] == 500.0
    assert done.record["groups"] == 3


def test_limits_are_learnt_from_the_training_rows_alone() -> None:
    repo = repo_of(TABLE, contract=Contract(dataset="people"))
    with repo.transaction("split") as tx:
        set_split(tx, "people", {"train": 0.6, "test": 0.4})
    train = repo["people"].split("train").to_arrow(["x"]).column("x").to_numpy()
    done = run(
        repo, "people", make("clean.outliers", {"columns": ["x"], "method": "quantiles"}), dry_run=True
    )
    low, high = np.nanquantile(train, 0.01, method="lower"), np.nanquantile(train, 0.99, method="higher")
    assert done.record["limits"]["x"] == [low, high]
    assert done.record["learnt_from"] == {"part": "train", "rows": len(train), "of": 100}
    whole = run(repo, "people", make("clean.outliers", {"columns": ["x"], "part": "all"}), dry_run=True)
    assert "learnt_from" not in whole.record


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SchemaError, match="looked for among numbers"):
        clean(columns=["word"])
    for wrong, said in (
        ({"factor": 0}, "factor is 0"),
        ({"quantiles": [0.9, 0.1]}, "quantiles are"),
        ({"low": 1}, "Name the columns"),
        ({"columns": ["x"], "low": 2, "high": 1}, "no value lies between"),
        ({"by": ["nope"]}, "'nope' not found"),
        ({"part": "train"}, "no split"),
        ({"action": "keep"}, "action is one of"),
    ):
        with pytest.raises(UsageError, match=said):
            clean(**wrong)


def test_columns_without_spread_or_values_stay() -> None:
    table = pa.table(
        {"id": range(5), "c": [1, 1, 1, 1, 9], "e": pa.nulls(5, pa.float64()), "i": [np.inf, 1, 2, 3, 4]}
    )
    repo, done = clean(table)
    assert values(repo, "c").tolist() == [1, 1, 1, 1, 9]
    assert done.record["cells"] == {"i": 1}
