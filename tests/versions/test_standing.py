"""Where the branches of a proposal are by now, and what that means for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from headwater.versions.gc import collect
from headwater.versions.proposals import Proposals
from headwater.versions.repo import Repo
from headwater.versions.standing import standing_of
from tests.versions.reviewing import changed, with_fix


@pytest.fixture
def repo(home: str) -> Repo:
    """Return ada's repository with a branch to propose."""
    return with_fix(home)


def test_looking_at_where_it_stands_writes_nothing(repo: Repo, ada: Proposals) -> None:
    made = ada.open("fix", into="main", approvals=0)
    assert standing_of(repo, made).reasons == []
    for branch in ("fix", "main"):
        changed(repo, branch, 8, "both")
    standing = standing_of(repo, made)
    assert (standing.source_commit, standing.target_commit) == (repo.resolve("fix"), repo.resolve("main"))
    assert not standing.is_current
    assert "fix and main moved since: `hw propose refresh 1`" in standing.reasons[0]
    assert ada[1] == made
    ada.close(1)
    assert standing_of(repo, ada[1]).reasons == ["It is closed already."]


def test_a_target_that_is_gone_is_in_the_way(repo: Repo, ada: Proposals) -> None:
    repo.create_branch("release", "main")
    ada.open("fix", into="release", approvals=0)
    repo.delete_branch("release")
    (reason,) = ada.standing(ada[1]).reasons
    assert "Branch release here lacks commits" in reason


def test_a_branch_that_was_rewritten_is_looked_at_anew(repo: Repo, ada: Proposals, bob: Proposals) -> None:
    changed(repo, "main", 9, "on main")
    old = ada.open("fix", into="main").picture.source_commit
    bob.approve(1)
    repo.branch("fix").rebase("main")
    found = ada.look(1)
    assert found.picture.source_commit == repo.resolve("fix") != old
    assert (found.status, found.approvals) == ("open", ())
    repo.undo("fix")
    assert ada.look(1).picture.source_commit == old
    assert ada[1].approvals == ("bob",)


def test_a_branch_of_that_name_with_other_commits_is_not_taken_for_it(
    repo: Repo, ada: Proposals, bob: Proposals
) -> None:
    ada.open("fix", into="main")
    bob.approve(1)
    repo.refs.move("heads", "fix", None, expected=repo.resolve("fix"), reason="gone")
    assert ada.standing(ada[1]).reasons == []
    collect(repo, grace=timedelta(), keep_reflog=timedelta())
    repo.create_branch("fix", "main")
    changed(repo, "fix", 7, "something else")
    assert "fix has other commits than were proposed" in ada.standing(ada[1]).reasons[0]
    ada.open("fix", into="main")
    assert list(ada) == [1]
    assert ada[1].picture.diff["d"]["changed"] == 1
    assert ada[1].approvals == ()
