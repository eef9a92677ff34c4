"""One spelling for each value."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as csv
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import SchemaError, UsageError
from headwater.transforms.base import make
from headwater.transforms.run import TransformResult, run
from headwater.versions.repo import Repo
from tests.transforms.cases import repo_of

CITIES: list[str | None] = list(
    ["New York"] * 40
    + ["Boston"] * 20
    + ["new york", " New York", "York, New", "Nwe York", "NYC", "Bostn", "boston"]
)


def clean(values: list[str | None], **parameters: Any) -> tuple[Repo, TransformResult]:
    table = pa.table(
        {"id": range(len(values)), "city": pa.array(values, pa.string()), "n": range(len(values))}
    )
    repo = repo_of(table, contract=Contract(dataset="people"))
    return repo, run(repo, "people", make("clean.categories", parameters))


def counted(repo: Repo) -> dict[str, int]:
    found = repo["people"].to_arrow().column("city").value_counts().to_pylist()
    return {item["values"]: item["counts"] for item in found}


def test_variants_get_the_most_frequent_spelling_with_a_reason_each() -> None:
    repo, done = clean([*CITIES, None])
    assert counted(repo) == {"New York": 44, "Boston": 22, "NYC": 1, None: 1}
    said = done.record["columns"]["city"]
    assert (said["variants"], said["of"]) == (6, 2)
    assert said["mapping"]["Nwe York"] == "New York"
    repo = repo_of(repo.at(f"{repo.head}~1")["people"].to_arrow(), contract=Contract(dataset="people"))
    reasons = (
        run(repo, "people", make("clean.categories"), dry_run=True).changes().column("reason").to_pylist()
    )
    assert any("typing error of a value" in reason for reason in reasons)
    assert not run(clean(CITIES)[0], "people", make("clean.categories")).is_new


def test_a_mapping_is_followed_by_variants_too() -> None:
    repo, _ = clean(CITIES, mapping={"NYC": "New York City", "New York": "New York City"})
    assert counted(repo) == {"New York City": 45, "Boston": 22}
    repo, _ = clean(CITIES, methods=[], mapping={"NYC": "New York"})
    assert counted(repo)["New York"] == 41
    assert counted(repo)["Bostn"] == 1


def test_values_that_are_right_stay() -> None:
    repo, _ = clean(CITIES, keep=["Bostn", "boston"])
    assert counted(repo)["Bostn"] == 1
    assert counted(repo)["boston"] >= 1


def test_columns_of_many_values_hold_no_categories() -> None:
    values: list[str | None] = [f"Person {n}" for n in range(30)]
    _, done = clean(values, most_distinct=20)
    assert not done.is_new
    with pytest.raises(UsageError, match="more than 20 different values"):
        clean(values, columns=["city"], most_distinct=20)


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SchemaError, match="categories are text"):
        clean(CITIES, columns=["n"])
    for wrong, said in (
        ({"methods": ["soundex"]}, "methods is one of"),
        ({"methods": []}, "nothing to do"),
        ({"ratio": 1}, "ratio is 1"),
        ({"size": 0}, "size is 0"),
    ):
        with pytest.raises(UsageError, match=said):
            clean(CITIES, **wrong)


def test_what_is_proposed_for_a_published_messy_table_is_right(shared: Path) -> None:
    dirty, truth = (
        csv.read_csv(shared / "raha_hospital" / f"{name}.csv.gz").sort_by("index")
        for name in ("dirty", "clean")
    )
    repo = Repo.init("memory://")
    with repo.transaction("hospitals") as tx:
        tx.append("hospitals", dirty, key="index")
    proposed = run(repo, "hospitals", make("clean.categories"), dry_run=True).changes()
    place = {key: row for row, key in enumerate(truth.column("index").to_pylist())}
    columns = dict(zip(dirty.column_names, truth.columns, strict=True))
    right = [
        columns[row["column"]][place[int(row["key"])]].as_py() == row["new"] for row in proposed.to_pylist()
    ]
    assert len(right) > 150
    assert np.mean(right) > 0.98
