"""More rows of rare classes."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import SchemaError, UsageError
from headwater.recipes.split import split
from headwater.transforms.base import make
from headwater.transforms.run import run
from headwater.versions.repo import Repo
from tests.checks.targets import loans
from tests.transforms.cases import people, repo_of


def three_classes(rng: np.random.Generator, rows: int = 400) -> pa.Table:
    return pa.table(
        {
            "id": np.arange(rows),
            "x": rng.normal(size=rows),
            "n": pa.array(rng.integers(0, 9, rows), pa.int8()),
            "colour": rng.choice(["red", "green"], rows),
            "y": rng.choice(["a", "b", "c"], rows, p=[0.7, 0.2, 0.1]),
        }
    )


def smoted(table: pa.Table, *, key: Any = "id", **parameters: Any) -> tuple[Repo, Any]:
    repo = repo_of(table, key=key, contract=Contract(dataset="people", label="y"))
    return repo, run(repo, "people", make("augment.smote", parameters))


def made_rows(repo: Repo) -> pa.Table:
    table = repo["people"].to_arrow()
    return table.filter(table.column("_augmented_from").is_valid())


@pytest.mark.parametrize("key", ["id", ["colour", "id"], None], ids=str)
def test_classes_get_as_many_training_rows_as_the_largest(key: Any, rng: np.random.Generator) -> None:
    repo, result = smoted(three_classes(rng), key=key)
    table = repo["people"].to_arrow()
    train = table.filter(pa.array(split(repo["people"], table).train))
    counts = {item["values"]: item["counts"] for item in pc.value_counts(train.column("y")).to_pylist()}
    assert len(set(counts.values())) == 1
    assert result.record["made"].keys() == {"b", "c"}
    assert result.record["added"] == sum(result.record["made"].values()) == made_rows(repo).num_rows


def test_rows_lie_between_rows_of_their_class_and_name_their_source(rng: np.random.Generator) -> None:
    table = three_classes(rng)
    repo, _ = smoted(table)
    before = {row["id"]: row for row in table.to_pylist()}
    for row in made_rows(repo).to_pylist():
        source = before[json.loads(row["_augmented_from"])]
        assert row["y"] == source["y"]
        assert row["id"] >= len(before)
        same = [other["x"] for other in before.values() if other["y"] == row["y"]]
        assert min(same) <= row["x"] <= max(same)
    assert repo["people"].schema.field("n").type == pa.int8()


@pytest.mark.parametrize("key", ["id", None], ids=str)
def test_no_row_is_made_from_a_held_out_row(key: Any, rng: np.random.Generator) -> None:
    repo, _ = smoted(three_classes(rng), key=key)
    table = repo["people"].to_arrow()
    masks = split(repo["people"], table)
    held = set(repo["people"].keys_of(table.filter(pa.array(masks.test))))
    made = made_rows(repo)
    assert made.num_rows > 100
    assert not held & set(made.column("_augmented_from").to_pylist())
    # None of the new rows is held out or kept from training.
    assert (masks.train | masks.test).all()


def test_augmented_rows_are_no_source(rng: np.random.Generator) -> None:
    repo, _ = smoted(three_classes(rng), ratio=0.5)
    run(repo, "people", make("augment.smote"))
    real = set(range(400))
    assert {json.loads(text) for text in made_rows(repo).column("_augmented_from").to_pylist()} <= real


def test_chosen_classes_and_ratio(rng: np.random.Generator) -> None:
    _, result = smoted(three_classes(rng), classes=["c"], ratio=0.5)
    assert result.record["made"].keys() == {"c"}


def test_mixed_columns_of_the_loan_applications_are_filled() -> None:
    repo = repo_of(loans(), key="application", contract=Contract(dataset="people", label="approve"))
    result = run(repo, "people", make("augment.smote", {"ratio": 0.5}))
    made = made_rows(repo)
    assert made.num_rows == result.record["made"]["0"] > 300
    assert set(made.column("race").to_pylist()) <= {"black", "hispanic", "white", None}
    assert pc.unique(made.column("approve")).to_pylist() == [0]
    assert repo["people"].schema.names == [*loans().schema.names, "_augmented_from"]


def test_classes_with_a_single_row_are_skipped_and_said_so(rng: np.random.Generator) -> None:
    table = three_classes(rng)
    y = np.where(np.arange(400) == 0, "z", np.asarray(table.column("y")))
    table = table.set_column(4, "y", pa.array(y))
    _, result = smoted(table, holdout=0.0)
    assert result.record["too_few_rows"] == ["z"]


def test_what_does_not_fit_is_refused(rng: np.random.Generator) -> None:
    table = three_classes(rng)
    with pytest.raises(UsageError, match="number to predict"):
        smoted(table, label="x")
    with pytest.raises(UsageError, match="No row has the label 'd'"):
        smoted(table, classes=["d"])
    with pytest.raises(UsageError, match=r"ratio is 2\.0"):
        smoted(table, ratio=2.0)
    with pytest.raises(UsageError, match="neighbours is 0"):
        smoted(table, neighbours=0)
    with pytest.raises(UsageError, match="no label in its contract"):
        run(repo_of(people(), contract=Contract(dataset="people")), "people", make("augment.smote"))
    dated = table.append_column("day", pa.array(np.arange(400), pa.int32()).cast(pa.date32()))
    with pytest.raises(SchemaError, match="need new keys"):
        smoted(dated, key="day")
    with pytest.raises(UsageError, match="no column to put rows between"):
        smoted(table.select(["id", "y"]))
