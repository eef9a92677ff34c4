"""Weights against unequal rates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import SchemaError, UsageError
from headwater.recipes.split import split
from headwater.transforms.base import make
from headwater.transforms.run import run
from headwater.versions.repo import Repo
from tests.checks.targets import loans
from tests.transforms.cases import people, repo_of


def weighed(
    table: pa.Table, *, label: str, sensitive: tuple[str, ...], key: str | None = None, **parameters: Any
) -> Repo:
    repo = repo_of(table, key=key, contract=Contract(dataset="people", label=label, sensitive=sensitive))
    run(repo, "people", make("rebalance.reweigh", parameters))
    return repo


def rates(table: pa.Table, group: str, label: str, positive: Any) -> dict[Any, float]:
    """Return the weighted rate of a label in each group."""
    groups, hit = np.asarray(table.column(group)), np.asarray(table.column(label)) == positive
    weight = np.asarray(table.column("_weight"))
    return {g: float(np.average(hit[groups == g], weights=weight[groups == g])) for g in np.unique(groups)}


def test_weighted_adult_has_the_same_rate_for_women_and_men(shared: Path) -> None:
    frame = pytest.importorskip("pandas").read_csv(shared / "fairness" / "adult.csv.gz")
    table = pa.Table.from_pandas(frame, preserve_index=False)
    repo = weighed(table, label="salary-class", sensitive=("sex",))
    after = repo["people"].to_arrow()
    by_sex = rates(after, "sex", "salary-class", ">50K")
    assert by_sex["Female"] == pytest.approx(by_sex["Male"])
    # Kamiran and Calders, section 4.2: P(group) P(label) / P(group, label).
    rich = (10771 * 7841 / 32561) / 1179
    women = after.filter(pa.array((frame["sex"] == "Female") & (frame["salary-class"] == ">50K")))
    assert np.unique(np.asarray(women.column("_weight"))) == pytest.approx([rich])
    assert float(np.sum(np.asarray(after.column("_weight")))) == pytest.approx(32561)


def test_groups_are_the_combinations_of_features() -> None:
    repo = weighed(loans(), label="approve", sensitive=("race", "sex"), key="application")
    table = repo["people"].to_arrow()
    both = [f"{a} {b}" for a, b in zip(*[table.column(c).to_pylist() for c in ("race", "sex")], strict=True)]
    approved = rates(table.append_column("both", pa.array(both)), "both", "approve", 1)
    assert len(approved) > 6
    full = [rate for name, rate in approved.items() if rate < 1.0]
    assert full == pytest.approx([full[0]] * len(full))
    record = next(iter(repo.log())).provenance.record
    assert {row["group"] for row in record["weights"]} >= {"black, male", "white, missing"}
    assert record["columns_added"] == ["_weight"]
    assert record["updated"] == 0


def test_many_numbers_are_cut_into_ranges() -> None:
    repo = weighed(people(), label="approved", sensitive=("age",), key="id")
    record = next(iter(repo.log())).provenance.record
    assert len({row["group"] for row in record["weights"]}) == 6


def test_rows_without_a_label_weigh_one(rng: np.random.Generator) -> None:
    table = pa.table(
        {"g": rng.choice(["a", "b"], 50), "y": pa.array(rng.integers(0, 2, 50), mask=np.arange(50) < 5)}
    )
    weights = np.asarray(weighed(table, label="y", sensitive=("g",))["people"].to_arrow().column("_weight"))
    assert (weights[:5] == 1.0).all()


def test_weights_can_be_learnt_from_training_rows_alone(rng: np.random.Generator) -> None:
    table = pa.table({"id": range(500), "g": rng.choice(["a", "b"], 500), "y": rng.integers(0, 2, 500)})
    repo = weighed(table, label="y", sensitive=("g",), key="id", holdout=0.25)
    rows = repo["people"].to_arrow()
    train = rows.filter(pa.array(split(repo["people"], rows, holdout=0.25).train))
    found = rates(train, "g", "y", 1)
    assert found["a"] == pytest.approx(found["b"])


def test_weights_follow_when_rows_change() -> None:
    repo = weighed(people(), label="approved", sensitive=("sex",), key="id")
    with repo.transaction("another label") as tx:
        tx.upsert("people", [{"id": 5, "approved": False}, {"id": 8, "approved": False}])
    result = run(repo, "people", make("rebalance.reweigh"))
    assert result.is_new
    assert result.record["columns_added"] == []
    assert result.record["updated"] > 0


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match="no sensitive features"):
        weighed(people(), label="approved", sensitive=(), key="id")
    with pytest.raises(UsageError, match="number to predict"):
        weighed(people(), label="income", sensitive=("sex",), key="id")
    with pytest.raises(SchemaError, match="would overwrite column 'sex'"):
        weighed(people(), label="approved", sensitive=("sex",), key="id", into="sex")
    with pytest.raises(SchemaError, match="'city' is string"):
        weighed(people(), label="approved", sensitive=("sex",), key="id", into="city")
    repo = repo_of(people(), contract=Contract(dataset="people", sensitive=("sex",)))
    with pytest.raises(UsageError, match="no label in its contract"):
        run(repo, "people", make("rebalance.reweigh"))
