"""Conflicts decided one by one: each cell, row, column and statement goes to the side that was chosen for it."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.contract import Contract
from headwater.core.errors import MergeConflict, UsageError
from headwater.versions.decisions import Decisions
from headwater.versions.repo import Repo
from tests.places import Fresh

Row = tuple[str, str | None, str | None, str]


def decisions(*rows: Row) -> Decisions:
    names = ("dataset", "key", "column", "choose")
    return Decisions(pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows]))


def clashing(fresh: Fresh) -> Repo:
    """Return a repository whose branches clash in cells, rows, the contract and a tag."""
    repo = Repo.init(fresh())
    with repo.transaction("base") as tx:
        tx.append("d", [{"id": n, "a": 0, "b": 0} for n in range(6)], key="id")
    for branch, value, gone, changed in (("main", 1, 4, 5), ("fix", 2, 5, 4)):
        with repo.branch(branch, start=None).transaction(branch) as tx:
            tx.upsert("d", [{"id": 0, "a": value, "b": value}, {"id": 1, "a": value, "b": 0}])
            tx.upsert("d", [{"id": changed, "a": value}])
            tx.delete("d", keys=[gone])
            tx.set_contract("d", Contract(dataset="d", label="ab"[value - 1]))
            tx.set_tags("d", "a", {"unit": str(value)})
        if branch == "main":
            repo.create_branch("fix", "main~1")
    return repo


def content(repo: Repo) -> dict[int, tuple[int, int]]:
    return {row["id"]: (row["a"], row["b"]) for row in repo["d"].to_arrow().to_pylist()}


def test_each_conflict_goes_to_its_side(fresh: Fresh) -> None:
    repo = clashing(fresh)
    with pytest.raises(MergeConflict) as caught:
        repo.merge("fix")
    conflicts = caught.value.conflicts
    assert {(row["key"], row["column"]) for row in conflicts.to_pylist()} == {
        ("0", "a"), ("0", "b"), ("1", "a"), ("4", None), ("5", None), ("contract: label", None), ("tags: a.unit", "a"),
    }  # fmt: skip
    chosen = decisions(
        ("d", "0", "a", "ours"),
        ("d", "0", "b", "theirs"),
        ("d", "1", "a", "theirs"),
        ("d", "4", None, "theirs"),
        ("d", "5", None, "ours"),
        ("d", "contract: label", None, "theirs"),
        ("d", "tags: a.unit", "a", "ours"),
    )
    assert repo.merge("fix", resolve=chosen).kind == "merge"
    assert content(repo) == {0: (1, 2), 1: (2, 0), 2: (0, 0), 3: (0, 0), 4: (2, 0), 5: (1, 0)}
    contract = repo["d"].contract
    assert contract is not None
    assert contract.label == "b"
    assert repo["d"].manifest.tags == {"a": {"unit": "1"}}


def test_what_is_not_decided_is_left_as_a_conflict(fresh: Fresh) -> None:
    repo = clashing(fresh)
    head = repo.head
    with pytest.raises(MergeConflict) as caught:
        repo.merge("fix", resolve=decisions(("d", None, "a", "ours"), ("d", "0", "b", "theirs")))
    left = {(row["key"], row["column"]) for row in caught.value.conflicts.to_pylist()}
    assert left == {("4", None), ("5", None), ("contract: label", None)}
    assert repo.head == head


def test_a_column_or_a_dataset_is_decided_as_a_whole(fresh: Fresh) -> None:
    repo = clashing(fresh)
    repo.merge(
        "fix",
        resolve=decisions(("d", None, "a", "theirs"), ("d", None, None, "ours"), ("d", "1", "a", "ours")),
    )
    assert content(repo) == {0: (2, 1), 1: (1, 0), 2: (0, 0), 3: (0, 0), 5: (1, 0)}


def test_a_dataset_that_one_side_deleted_is_decided(fresh: Fresh) -> None:
    for side, there in (("ours", False), ("theirs", True)):
        repo = clashing(fresh)
        with repo.transaction("gone") as tx:
            tx.drop("d")
        repo.merge("fix", resolve=decisions(("d", None, None, side)))
        assert ("d" in repo.datasets()) == there


def test_a_column_that_one_side_dropped_goes_to_one_side(fresh: Fresh) -> None:
    def dropped() -> Repo:
        repo = clashing(fresh)
        with repo.transaction("drop") as tx:
            tx.drop_columns("d", ["b"])
        return repo

    rest: Row = ("d", None, None, "ours")
    repo = dropped()
    repo.merge("fix", resolve=decisions(("d", None, "b", "theirs"), rest))
    assert {row["id"]: row["b"] for row in repo["d"].to_arrow().to_pylist()} == {0: 2, 1: 0, 2: 0, 3: 0, 5: 0}
    repo = dropped()
    repo.merge("fix", resolve=decisions(("d", None, "b", "ours"), ("d", None, None, "theirs")))
    assert repo["d"].schema.names == ["id", "a"]


def test_without_a_key_all_goes_to_one_side(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("base") as tx:
        tx.append("n", [{"x": 1, "y": 1}])
    repo.create_branch("fix")
    with repo.branch("fix").transaction("fix") as tx:
        tx.drop_columns("n", ["y"])
        tx.set_tags("n", "x", {"unit": "a"})
    with repo.transaction("main") as tx:
        tx.append("n", [{"x": 2, "y": 2}])
        tx.set_tags("n", "x", {"unit": "b"})
    with pytest.raises(MergeConflict, match="has no key, so its conflicts can only all go to one side"):
        repo.merge("fix", resolve=decisions(("n", None, "y", "ours"), ("n", None, None, "theirs")))
    repo.merge("fix", resolve=decisions(("n", None, None, "theirs")))
    assert repo["n"].schema.names == ["x"]


def test_a_table_that_decides_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="no column 'choose'"):
        Decisions(pa.table({"dataset": ["d"], "key": ["1"], "column": ["a"]}))
    with pytest.raises(UsageError, match="'ours' or 'theirs', not 'mine'"):
        decisions(("d", "1", "a", "mine"))


@given(data=st.data())
def test_any_choices_give_the_cells_that_were_chosen(fresh: Fresh, data: st.DataObject) -> None:
    keys = range(4)
    cells = st.fixed_dictionaries({"a": st.integers(0, 2), "b": st.integers(0, 2)})
    base, ours, theirs = ({key: data.draw(cells) for key in keys} for _ in range(3))
    repo = Repo.init(fresh())

    def written(branch: str, values: dict[int, dict[str, int]]) -> None:
        with repo.branch(branch).transaction(branch) as tx:
            rows: list[dict[str, Any]] = [{"id": key, **row} for key, row in values.items()]
            if "d" in tx:
                tx.upsert("d", rows)
            else:
                tx.append("d", rows, key="id")

    written("main", base)
    repo.create_branch("fix")
    written("main", ours)
    written("fix", theirs)
    expected = {}
    rows: list[Row] = []
    for key in keys:
        expected[key] = dict(ours[key])
        for column in "ab":
            before, mine, yours = (side[key][column] for side in (base, ours, theirs))
            if mine == before:
                expected[key][column] = yours
            elif yours not in (before, mine):
                side = data.draw(st.sampled_from(["ours", "theirs"]))
                rows.append(("d", str(key), column, side))
                expected[key][column] = mine if side == "ours" else yours
    repo.merge("fix", resolve=decisions(*rows, ("other", None, None, "ours")))
    assert {row.pop("id"): row for row in repo["d"].to_arrow().to_pylist()} == expected
