"""Rows that stand for the same thing: published sets with known truth, injected errors, and data without any."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import UsageError
from headwater.methods.buckets import components
from headwater.methods.typos import add_typos
from headwater.reading.dataset import Dataset
from headwater.recipes.entities import Linked, entity_pairs, link_rows
from headwater.versions.repo import Repo

pandas: Any = pytest.importorskip("pandas")
pytest.importorskip("scipy")


def repo_of(**tables: Any) -> Repo:
    repo = Repo.init("memory://")
    for name, rows in tables.items():
        with repo.transaction(name) as tx:
            tx.append(name, rows, key=None if isinstance(rows, pa.Table) else rows.columns[0])
    return repo


def read(path: Path) -> Any:
    return pandas.read_csv(path, dtype=str)


def f1(found: set[Any], true: set[Any]) -> float:
    return 2 * len(found & true) / (len(found) + len(true))


def clustered(labels: list[Any]) -> set[tuple[int, int]]:
    groups: dict[Any, list[int]] = {}
    for row, label in enumerate(labels):
        groups.setdefault(label, []).append(row)
    return {(a, b) for rows in groups.values() for at, a in enumerate(rows) for b in rows[at + 1 :]}


def column(dataset: Dataset, name: str) -> list[Any]:
    values: list[Any] = dataset.to_arrow([name]).column(0).to_pylist()
    return values


@pytest.mark.parametrize(
    ("folder", "left", "right", "least"),
    [("er_dblp_acm", "dblp", "acm", 0.98), ("er_fodors_zagats", "fodors", "zagats", 0.965)],
)
def test_two_datasets_are_linked_without_labels(
    shared: Path, folder: str, left: str, right: str, least: float
) -> None:
    place = shared / folder
    repo = repo_of(**{name: read(place / f"{name}.csv.gz") for name in (left, right)})
    found = link_rows(repo[left], repo[right])
    one, two = column(repo[left], "id"), column(repo[right], "id")
    pairs = {(one[a], two[b]) for a, b in zip(found.left, found.right, strict=True)}
    truth = {tuple(pair) for pair in read(place / "truth.csv.gz").to_numpy().tolist()}
    assert f1(pairs, truth) >= least
    assert len(set(found.left)) == len(found.left)
    assert len(set(found.right)) == len(found.right)
    if left == "dblp":
        return
    back = link_rows(repo[right], repo[left])
    assert f1({(one[b], two[a]) for a, b in zip(back.left, back.right, strict=True)}, pairs) > 0.995


@pytest.mark.parametrize("name", ["dataset1", "dataset3"])
def test_duplicates_of_people_are_found_without_labels(shared: Path, name: str) -> None:
    repo = repo_of(people=read(shared / "er_febrl" / f"{name}.csv.gz"))
    people = [key.split("-")[1] for key in column(repo["people"], "rec_id")]
    found = entity_pairs(repo["people"], cache=repo.cache)
    assert (
        f1(clustered(components(found.left, found.right, len(people)).tolist()), clustered(people)) >= 0.997
    )


@pytest.fixture(scope="module")
def census() -> Any:
    from tests.conftest import SHARED

    if not SHARED.is_dir():
        pytest.skip("no data sets")
    rows = read(SHARED / "fairness" / "adult.csv.gz").head(1500).drop_duplicates()
    rows.insert(0, "id", range(len(rows)))
    return rows


def test_next_to_nothing_is_found_where_there_are_no_duplicates(shared: Path, census: Any) -> None:
    people = read(shared / "er_febrl" / "dataset3.csv.gz")
    people = people[people.rec_id.str.endswith("-org")]
    food = read(shared / "er_fodors_zagats" / "fodors.csv.gz")
    repo = repo_of(people=people, food=food, census=census)
    for name in ("people", "food", "census"):
        assert len(entity_pairs(repo[name]).left) <= 0.004 * repo[name].num_rows, name


def test_injected_copies_with_typing_errors_are_found(census: Any, rng: np.random.Generator) -> None:
    copies = census.head(250).copy()
    for name in copies.columns[1:]:
        copies[name] = add_typos(pa.array(copies[name].to_list()), rate=0.02, rng=rng)[0].to_pylist()
    copies["id"] += 10_000
    repo = repo_of(census=pandas.concat([census, copies]))
    ids = column(repo["census"], "id")
    found = entity_pairs(repo["census"])
    pairs = {
        tuple(sorted((ids[a] % 10_000, ids[b] % 10_000)))
        for a, b in zip(found.left, found.right, strict=True)
    }
    true = {(key, key) for key in census["id"].head(250).tolist()}
    assert f1(pairs, true) > 0.95


def linked(found: Linked, ids: list[Any]) -> dict[Any, float]:
    return {
        tuple(sorted((ids[a], ids[b]))): round(float(p), 6)
        for a, b, p in zip(found.left, found.right, found.probability, strict=True)
    }


def test_order_layout_and_the_cache_do_not_matter(shared: Path) -> None:
    rows = read(shared / "er_febrl" / "dataset1.csv.gz").head(400)
    whole = repo_of(people=rows.sample(frac=1, random_state=3))
    parts = Repo.init("memory://")
    for start in range(0, 400, 150):
        with parts.transaction("part") as tx:
            tx.append("people", rows.iloc[start : start + 150], key="rec_id")
        entity_pairs(parts["people"], cache=parts.cache)
    one = linked(entity_pairs(whole["people"]), column(whole["people"], "rec_id"))
    two = linked(entity_pairs(parts["people"], cache=parts.cache), column(parts["people"], "rec_id"))
    assert one == two
    with parts.transaction("less") as tx:
        tx.delete("people", keys=[rows.rec_id.iloc[0]])
    kept = entity_pairs(parts["people"], cache=parts.cache)
    assert linked(kept, column(parts["people"], "rec_id")) == linked(
        entity_pairs(parts["people"]), column(parts["people"], "rec_id")
    )


def test_all_equal_rows_empty_rows_and_no_rows_are_no_trouble() -> None:
    rows = pa.table({"a": ["same"] * 5000, "b": ["thing"] * 5000})
    repo = repo_of(
        equal=rows, none=rows.slice(0, 0), void=pa.table({"a": [None, "", " "], "b": [None, None, ""]})
    )
    assert len(entity_pairs(repo["equal"]).left) == 4999
    assert len(entity_pairs(repo["none"]).left) == 0
    assert len(entity_pairs(repo["void"]).left) == 0
    assert len(link_rows(repo["equal"], repo["none"]).left) == 0
    assert len(link_rows(repo["none"], repo["void"]).left) == 0


def test_one_field_is_too_few() -> None:
    repo = repo_of(one=pa.table({"a": ["x", "y"]}))
    with pytest.raises(UsageError, match="only 'a'"):
        entity_pairs(repo["one"])
