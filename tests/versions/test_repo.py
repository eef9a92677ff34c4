"""A repository from end to end: commit, branch, diff, merge, conflicts, revert, undo."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from headwater.core.errors import MergeConflict, NotFound, UsageError
from headwater.versions.repo import Repo
from tests.places import Fresh

ROWS = [{"id": 1, "a": "x", "b": 1.5}, {"id": 2, "a": "y", "b": None}, {"id": 3, "a": "z", "b": 2.0}]


@pytest.fixture
def repo(location: str) -> Repo:
    """A repository with three rows on main."""
    made = Repo.init(f"{location} ünï #1")
    with made.transaction("first") as tx:
        tx.append("p", ROWS, key="id")
    return made


def rows(repo: Repo, name: str = "p") -> dict[Any, dict[str, Any]]:
    """Return the rows by key."""
    return {row["id"]: row for row in repo[name].to_arrow().to_pylist()}


def test_branch_diff_and_three_way_merge_by_cell(repo: Repo) -> None:
    with repo.branch("fix").transaction("fix") as tx:
        tx.upsert("p", [{"id": 2, "a": "Y"}, {"id": 9, "a": "new"}])
        tx.delete("p", keys=[3])
    diff = repo.diff("main", "fix")["p"]
    stat = diff.stat()
    assert [stat[name] for name in ("added", "removed", "changed", "unchanged")] == [1, 1, 1, 1]
    assert diff.cells().to_pylist() == [{"id": 2, "_column": "a", "_before": "y", "_after": "Y"}]
    assert {row["_change"] for row in diff.rows().to_pylist()} == {"added", "removed", "before", "after"}
    json.dumps(diff.to_dict(), allow_nan=False)
    with repo.transaction("other cells of the same row") as tx:
        tx.upsert("p", [{"id": 1, "b": 7.0}, {"id": 2, "b": 3.0}])
    assert repo.merge("fix").kind == "merge"
    assert rows(repo) == {
        1: {"id": 1, "a": "x", "b": 7.0},
        2: {"id": 2, "a": "Y", "b": 3.0},
        9: {"id": 9, "a": "new", "b": None},
    }
    assert repo.merge("fix").kind == "up-to-date"


def test_conflict_changes_nothing_and_is_resolved_by_a_side(repo: Repo) -> None:
    for branch, value in (("mine", "m"), ("yours", "y")):
        with repo.branch(branch, "main").transaction(branch) as tx:
            tx.upsert("p", [{"id": 1, "a": value}])
    repo.merge("mine")
    head = repo.head
    with pytest.raises(MergeConflict) as raised:
        repo.merge("yours")
    assert raised.value.conflicts.to_pylist() == [
        {"dataset": "p", "key": "1", "column": "a", "base": "x", "ours": "m", "theirs": "y"}
    ]
    assert repo.head == head
    repo.merge("yours", resolve="theirs")
    assert rows(repo)[1]["a"] == "y"


def test_deleted_on_one_side_and_changed_on_the_other_is_a_conflict(repo: Repo) -> None:
    with repo.branch("gone").transaction("gone") as tx:
        tx.delete("p", keys=[1])
    with repo.transaction("changed") as tx:
        tx.upsert("p", [{"id": 1, "a": "changed"}])
    with pytest.raises(MergeConflict):
        repo.merge("gone")
    repo.merge("gone", resolve="theirs")
    assert 1 not in rows(repo)


def test_revert_and_undo(repo: Repo) -> None:
    first = repo.head
    with repo.transaction("second") as tx:
        tx.upsert("p", [{"id": 1, "a": "changed"}])
    with repo.transaction("third") as tx:
        tx.upsert("p", [{"id": 2, "a": "changed too"}])
    repo.revert("HEAD~1")
    assert rows(repo)[1]["a"] == "x"
    assert rows(repo)[2]["a"] == "changed too"
    for _ in range(3):
        repo.undo()
    assert repo.head == first
    assert rows(repo) == {row["id"]: row for row in ROWS}


def test_fingerprint_is_that_of_the_rows_however_they_came_about(fresh: Fresh, repo: Repo) -> None:
    with repo.transaction("there") as tx:
        tx.upsert("p", [{"id": 1, "a": "other"}])
    with repo.transaction("and back, reordered") as tx:
        tx.overwrite("p", ROWS[::-1])
    other = Repo.init(fresh())
    with other.transaction("fresh") as tx:
        tx.append("p", ROWS, key="id")
    assert repo["p"].fingerprint == other["p"].fingerprint


def test_many_rows_in_several_chunks_survive_updates_and_deletes(
    fresh: Fresh, rng: np.random.Generator
) -> None:
    repo = Repo.init(fresh())
    count = 300_000
    table = pa.table({"id": rng.permutation(count), "v": rng.normal(size=count)})
    with repo.transaction("many") as tx:
        tx.append("big", table, key="id")
    assert len(repo["big"].chunks) == 3
    picked = rng.choice(count, 3000, replace=False)
    with repo.transaction("change") as tx:
        tx.upsert("big", pa.table({"id": picked[:2000], "v": np.zeros(2000)}))
        tx.delete("big", keys=picked[2000:].tolist())
    stat = repo.diff()["big"].stat()
    assert (stat["changed"], stat["removed"]) == (2000, 1000)
    now = repo["big"].to_arrow()
    assert now.num_rows == count - 1000
    assert set(np.asarray(now.filter(pc.equal(now.column("v"), 0.0)).column("id"))) == set(picked[:2000])


def test_names_that_are_not_there_are_suggested(repo: Repo) -> None:
    with pytest.raises(NotFound, match="Did you mean 'main'"):
        repo.at("mian")
    with pytest.raises(NotFound, match="Datasets: p"):
        repo["q"]


def test_a_repository_is_made_once(tmp_path: Path) -> None:
    Repo.init(tmp_path)
    with pytest.raises(UsageError, match="already"):
        Repo.init(tmp_path)
    with pytest.raises(NotFound, match="hw init"):
        Repo.open(tmp_path.parent / "nowhere")


def test_a_diff_says_which_datasets_are_in_it(repo: Repo) -> None:
    with repo.transaction("second") as tx:
        tx.upsert("p", [{"id": 1, "a": "changed"}])
    diff = repo.diff()
    assert "p" in diff
    assert "q" not in diff
    assert diff.get("q") is None
