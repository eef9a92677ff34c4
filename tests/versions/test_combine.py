"""Merge, revert, cherry-pick and rebase bring changes to a branch, or leave it as it is."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.core.errors import MergeConflict, NotFound, UsageError
from headwater.store.commit import Provenance
from headwater.versions.repo import Repo
from tests.places import Fresh


@pytest.fixture
def repo(place: str) -> Repo:
    """Return a repository with one dataset of four rows."""
    made = Repo.init(place)
    with made.transaction("four") as tx:
        tx.append("d", [{"id": number, "a": 0, "b": 0} for number in range(4)], key="id")
    return made


def changed(repo: Repo, branch: str, rows: list[dict[str, Any]], **options: Any) -> str:
    with repo.branch(branch).transaction(f"{branch} {rows}", **options) as tx:
        tx.upsert("d", rows)
    assert tx.commit_id is not None
    return tx.commit_id


def content(repo: Repo, branch: str) -> dict[int, tuple[int, int]]:
    rows = repo.at(branch)["d"].to_arrow().to_pylist()
    return {row["id"]: (row["a"], row["b"]) for row in rows}


def test_a_picked_commit_brings_its_own_change_only(repo: Repo) -> None:
    changed(repo, "fix", [{"id": 0, "a": 1}])
    picked = changed(
        repo,
        "fix",
        [{"id": 1, "a": 2}],
        provenance=Provenance(kind="transform", id="clean.values"),
        author="Ada",
    )
    changed(repo, "fix", [{"id": 2, "a": 3}])
    changed(repo, "main", [{"id": 1, "b": 9}])
    new = repo.commit(repo.cherry_pick(picked))
    assert content(repo, "main") == {0: (0, 0), 1: (2, 9), 2: (0, 0), 3: (0, 0)}
    assert new.provenance.id == "clean.values"
    assert new.message.endswith(f"Picked from commit {picked}.")
    assert repo.cherry_pick(picked) == new.id
    # What is there already, alike, is no conflict.
    assert repo.merge("fix").kind == "merge"
    assert content(repo, "main") == {0: (1, 0), 1: (2, 9), 2: (3, 0), 3: (0, 0)}


def test_the_first_commit_can_be_picked_and_what_clashes_is_told(repo: Repo) -> None:
    first = repo.head
    assert first is not None
    assert repo.cherry_pick(first) == first
    picked = changed(repo, "fix", [{"id": 1, "a": 2}])
    head = changed(repo, "main", [{"id": 1, "a": 3}])
    with pytest.raises(MergeConflict, match=f"trying to pick {picked[:12]}.*ours '3', theirs '2'"):
        repo.cherry_pick(picked)
    assert repo.head == head
    repo.cherry_pick(picked, resolve="theirs", message="theirs is right")
    assert content(repo, "main")[1] == (2, 0)
    with pytest.raises(NotFound):
        repo.cherry_pick("nope")


def test_a_rebased_branch_has_its_commits_on_top(repo: Repo) -> None:
    old = [
        changed(repo, "fix", [{"id": 0, "a": 1}], author="Ada"),
        changed(repo, "fix", [{"id": 1, "a": 2}]),
        changed(repo, "fix", [{"id": 2, "a": 3}]),
    ]
    main = changed(repo, "main", [{"id": 0, "b": 7}, {"id": 1, "a": 2}])
    fix = repo.branch("fix")
    done = fix.rebase("main")
    assert list(done.commits) == old
    # The second one is in main already.
    assert done.commits[old[1]] is None  # type: ignore[index]
    assert content(repo, "fix") == {0: (1, 7), 1: (2, 0), 2: (3, 0), 3: (0, 0)}
    log = list(repo.log("fix"))
    assert [commit.message for commit in log[:2]] == [
        repo.commit(old[2]).message,
        repo.commit(old[0]).message,
    ]
    assert log[1].author == "Ada"
    assert log[2].id == main
    assert repo.merge("fix").kind == "fast-forward"
    assert fix.rebase("main").commits == {}
    assert fix.undo() == old[-1]


def test_a_rebase_that_clashes_leaves_the_branch(repo: Repo) -> None:
    changed(repo, "fix", [{"id": 0, "a": 1}])
    bad = changed(repo, "fix", [{"id": 1, "a": 2}])
    changed(repo, "main", [{"id": 1, "a": 5}])
    fix = repo.branch("fix")
    with pytest.raises(MergeConflict, match=f"making commit {bad[:12]}.*anew on 'main'"):
        fix.rebase("main")
    assert fix.head == bad
    fix.rebase("main", resolve="theirs")
    assert content(repo, "fix")[1] == (2, 0)


def test_merges_on_the_way_are_made_anew_as_their_change(repo: Repo) -> None:
    changed(repo, "fix", [{"id": 0, "a": 1}])
    changed(repo, "side", [{"id": 3, "a": 8}])
    repo.merge("side", into="fix")
    changed(repo, "main", [{"id": 2, "b": 6}])
    done = repo.branch("fix").rebase("main")
    assert len(done.commits) == 2
    assert content(repo, "fix") == {0: (1, 0), 1: (0, 0), 2: (0, 6), 3: (8, 0)}
    assert all(len(commit.parents) <= 1 for commit in repo.log("fix"))


def test_branches_without_a_common_commit_cannot_be_rebased(fresh: Fresh, repo: Repo) -> None:
    other = Repo.init(fresh())
    with other.transaction("other") as tx:
        tx.append("e", [{"id": 1}], key="id")
    strange = other.head
    assert strange is not None
    commit = other.commit(strange)
    for name in (commit.id, *commit.datasets.values()):
        repo.objects.put(other.objects.get(name))  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="no commit in common"):
        repo.rebase(strange)
