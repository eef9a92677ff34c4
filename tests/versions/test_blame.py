"""Blame names the commit that last changed a cell, through merges and renamed columns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import NotFound, UsageError
from headwater.versions.blame import blame
from headwater.versions.repo import Repo
from tests.places import Fresh


def started(fresh: Fresh) -> Repo:
    repo = Repo.init(fresh())
    with repo.transaction("first") as tx:
        tx.append("d", [{"id": number, "a": 0, "b": 0} for number in range(3)], key="id")
    return repo


def changed(repo: Repo, rows: list[dict[str, Any]], branch: str = "main") -> str:
    with repo.branch(branch).transaction(f"{rows}") as tx:
        tx.upsert("d", rows)
    assert tx.commit_id is not None
    return tx.commit_id


def by_column(repo: Repo, key: str, ref: str | None = None) -> dict[str, str]:
    return {line.column: line.commit for line in blame(repo, "d", key, ref=ref)}


def test_each_cell_has_its_commit(fresh: Fresh) -> None:
    repo = started(fresh)
    first = repo.head
    one = changed(repo, [{"id": 1, "a": 1}])
    two = changed(repo, [{"id": 1, "b": 2}, {"id": 2, "a": 9}])
    changed(repo, [{"id": 0, "a": 5}])
    assert by_column(repo, "1") == {"id": first, "a": one, "b": two}
    assert by_column(repo, "1", "main~2") == {"id": first, "a": one, "b": first}
    (line,) = blame(repo, "d", "2", "a")
    assert (line.commit, line.value, line.summary) == (two, 9, repo.commit(two).summary)


def test_merges_are_looked_through(fresh: Fresh) -> None:
    repo = started(fresh)
    first = repo.head
    fix = changed(repo, [{"id": 1, "a": 1}], "fix")
    main = changed(repo, [{"id": 1, "b": 2}])
    repo.merge("fix")
    assert by_column(repo, "1") == {"id": first, "a": fix, "b": main}


def test_a_value_that_came_back_is_of_the_commit_that_brought_it_back(fresh: Fresh) -> None:
    repo = started(fresh)
    changed(repo, [{"id": 1, "a": 1}])
    back = changed(repo, [{"id": 1, "a": 0}])
    assert by_column(repo, "1")["a"] == back
    with repo.transaction("gone") as tx:
        tx.delete("d", keys=[1])
    again = changed(repo, [{"id": 1, "a": 0, "b": 0}])
    assert set(by_column(repo, "1").values()) == {again}


def test_renamed_columns_and_keys_are_followed_and_added_ones_are_of_their_commit(fresh: Fresh) -> None:
    repo = started(fresh)
    first = repo.head
    one = changed(repo, [{"id": 1, "a": 1}])
    with repo.transaction("names") as tx:
        tx.rename_columns("d", {"a": "alpha", "id": "key"})
    with repo.transaction("more") as tx:
        tx.add_columns("d", {"key": [0, 1, 2], "c": ["x", "y", "z"]})
    assert by_column(repo, "1") == {"key": first, "alpha": one, "b": first, "c": repo.head}


def test_what_cannot_be_followed_is_refused(fresh: Fresh) -> None:
    repo = started(fresh)
    with repo.transaction("keyless") as tx:
        tx.append("n", [{"x": 1}])
    with pytest.raises(NotFound, match="no row with key 77"):
        blame(repo, "d", "77")
    with pytest.raises(NotFound, match="Column 'z' not found"):
        blame(repo, "d", "1", "z")
    with pytest.raises(NotFound, match="Dataset 'e' not found"):
        blame(repo, "e", "1")
    with pytest.raises(UsageError, match="has no key"):
        blame(repo, "n", "1")
    with pytest.raises(UsageError, match="as JSON"):
        blame(repo, "d", "x y")


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from("ab"), st.integers(0, 2)), max_size=8))
def test_along_one_line_it_is_the_last_commit_that_changed_the_value(
    fresh: Fresh,
    changes: list[tuple[int, str, int]],
) -> None:
    repo = started(fresh)
    model = {(row, column): (0, str(repo.head)) for row in range(3) for column in "ab"}
    for row, column, value in changes:
        if model[row, column][0] != value:
            model[row, column] = (value, changed(repo, [{"id": row, column: value}]))
    for row in range(3):
        found = by_column(repo, str(row))
        assert {column: found[column] for column in "ab"} == {
            column: model[row, column][1] for column in "ab"
        }
