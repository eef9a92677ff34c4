"""Proposals are made, reviewed and merged; the gate holds, and no word is lost."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from headwater.core.errors import GateClosed, NotFound, StorageDenied, UsageError
from headwater.core.findings import Outcome
from headwater.store.storage import Storage
from headwater.versions.fsck import verify
from headwater.versions.gc import collect
from headwater.versions.proposals import Proposals
from headwater.versions.repo import Repo
from tests.conftest import ROOT
from tests.versions.reviewing import Fixed, changed, reviewed, with_fix


def rows(repo: Repo, ref: str = "main") -> dict[int, Any]:
    return {row["id"]: row["v"] for row in repo.at(ref)["d"].to_arrow().to_pylist()}


@pytest.fixture
def repo(home: str) -> Repo:
    """Return ada's repository with a branch to propose."""
    return with_fix(home)


def refused(proposals: Proposals, number: int = 1) -> list[str]:
    with pytest.raises(GateClosed) as caught:
        proposals.merge(number)
    reasons: list[str] = caught.value.facts["reasons"]
    return reasons


def test_a_proposal_is_reviewed_and_merged(location: str) -> None:
    repo = with_fix(location)
    ada, bob = Proposals(repo, Fixed("warn")), reviewed(repo, "bob")
    made = ada.open("fix", into="main", reviewers=["bob"])
    assert (made.number, made.title, made.status) == (1, "1 is fixed", "open")
    assert made.picture.diff["d"]["changed"] == 1
    assert (made.picture.outcome, made.picture.conflicts) == ("warn", 0)
    assert refused(ada)[0].startswith("1 more approval")
    bob.comment(1, "looks good")
    assert bob.approve(1).status == "approved"
    done = ada.merge(1)
    assert done.status == "merged"
    assert rows(repo)[1] == "fixed"
    commit = repo.commit("main")
    assert (commit.id, commit.message) == (done.merge_commit, "Merge proposal 1: 1 is fixed")
    assert commit.provenance.record == {"proposal": made.id, "approved_by": ["bob"]}
    assert [(event.kind, event.author) for event in bob[1].events] == [
        ("open", "ada"),
        ("comment", "bob"),
        ("approve", "bob"),
        ("merging", "ada"),
        ("merged", "ada"),
    ]
    assert verify(Repo.open(location)).outcome == Outcome.PASS


def test_what_is_merged_is_what_was_checked(repo: Repo, bob: Proposals) -> None:
    checker = Fixed()
    ada = Proposals(repo, checker)
    changed(repo, "main", 2, "main has moved")
    ada.open("fix", only=["schema"])
    ((candidate, target, names, only),) = checker.asked
    assert (target, names, only) == (repo.head, ["d"], ["schema"])
    assert rows(repo, candidate) == {**rows(repo, "main"), 1: "fixed"}
    bob.approve(1)
    # Neither showing, nor reviewing, nor merging runs them again where nothing moved.
    ada.merge(1)
    assert len(checker.asked) == 1
    assert repo["d"].fingerprint == repo.at(candidate)["d"].fingerprint


def test_checks_that_fail_or_break_close_the_gate(repo: Repo, bob: Proposals) -> None:
    for outcome in ("fail", "error"):
        ada = Proposals(repo, Fixed(outcome))
        ada.open("fix", into="main")
        ada.refresh(1, force=True)
        bob.approve(1)
        assert refused(ada) == [f"The checks do not pass: d ({outcome})."]
    assert rows(repo)[1] == "row 1"
    # Checks that broke run again.
    assert Proposals(repo, Fixed()).merge(1).picture.outcome == "pass"


def test_when_the_branch_moves_checks_and_approvals_are_of_the_past(
    repo: Repo, ada: Proposals, bob: Proposals
) -> None:
    first = ada.open("fix", into="main").picture.source_commit
    bob.approve(1)
    second = changed(repo, "fix", 3, "more")
    standing = ada.standing(ada[1])
    assert (standing.status, standing.approvals, standing.is_current) == ("open", 0, False)
    # Checks run again as soon as somebody wants to merge; the approval was of another commit.
    reasons = refused(Proposals(repo, Fixed("fail")))
    assert reasons[0] == "The checks do not pass: d (fail)."
    assert "bob approved an earlier commit" in reasons[1]
    assert ada[1].picture.source_commit == second
    with pytest.raises(UsageError, match="by now, not at"):
        bob.approve(1, commit=first)
    bob.approve(1, commit=second)
    ada.refresh(1, force=True)
    assert ada.merge(1).status == "merged"


def test_when_the_target_moves_the_checks_run_again_and_approvals_stand(repo: Repo, bob: Proposals) -> None:
    checker = Fixed()
    ada = Proposals(repo, checker)
    ada.open("fix", into="main")
    bob.approve(1)
    changed(repo, "main", 5, "elsewhere")
    assert ada.merge(1).status == "merged"
    assert len(checker.asked) == 2
    assert (rows(repo)[1], rows(repo)[5]) == ("fixed", "elsewhere")


def test_conflicts_close_the_gate_until_they_are_decided(repo: Repo, ada: Proposals, bob: Proposals) -> None:
    changed(repo, "main", 1, "otherwise")
    made = ada.open("fix", into="main")
    assert (made.picture.conflicts, made.picture.candidate, made.picture.outcome) == (1, None, None)
    assert made.picture.diff["d"]["changed"] == 1
    bob.approve(1)
    assert refused(ada)[0].startswith("1 conflict(s)")
    repo.merge("main", into="fix", resolve="ours")
    bob.approve(1)
    assert ada.merge(1).status == "merged"
    assert rows(repo)[1] == "fixed"


def test_requests_for_changes_close_the_gate(ada: Proposals, bob: Proposals, repo: Repo) -> None:
    ada.open("fix", into="main", approvals=0)
    bob.request_changes(1, "row 1 was right")
    assert refused(ada) == ["Changes are requested by bob."]
    bob.approve(1)
    assert ada.merge(1).status == "merged"


def test_two_approvals_are_two_others(ada: Proposals, bob: Proposals, repo: Repo) -> None:
    ada.open("fix", into="main", approvals=2)
    with pytest.raises(UsageError, match="is your own"):
        ada.approve(1)
    bob.approve(1)
    bob.approve(1, "still")
    assert refused(bob)[0].startswith("1 more approval(s)")
    reviewed(repo, "cleo").approve(1)
    assert bob.merge(1).status == "merged"


def test_a_branch_is_proposed_once_and_an_edit_keeps_what_was_said(
    ada: Proposals, bob: Proposals, repo: Repo
) -> None:
    ada.open("fix", into="main", reviewers=["bob"])
    bob.approve(1)
    again = ada.open("fix", into="main", title="Better", reviewers=["cleo"], approvals=3)
    assert (again.number, again.title, again.reviewers) == (1, "Better", ("bob", "cleo"))
    assert (again.required, again.approvals) == (3, ("bob",))
    assert ada.open("fix", into="main").events == again.events
    ada.close(1)
    assert ada.open("fix", into="main").number == 2
    assert ada.reopen(1).status == "open"


def test_what_cannot_be_is_refused(ada: Proposals, bob: Proposals, repo: Repo) -> None:
    wrong: list[tuple[Callable[[], object], str]] = [
        (lambda: ada.open("nowhere", into="main"), "Branch 'nowhere' not found"),
        (lambda: ada.open("fix", into="nowhere"), "Branch 'nowhere' not found"),
        (lambda: ada.open("fix", into="fix"), "Into which branch"),
        (lambda: ada.open("main", into="fix"), "nothing to propose"),
        (lambda: ada.open("fix", approvals=-1), "cannot be negative"),
        (lambda: ada[1], "Proposal '1' not found"),
        (lambda: ada.merge(4), "Proposal '4' not found"),
    ]
    for call, complaint in wrong:
        with pytest.raises(UsageError, match=complaint):
            call()
    ada.open("fix", into="main")
    actions: list[tuple[Callable[[], object], str]] = [
        (lambda: bob.comment(1, " "), "needs a text"),
        (lambda: bob.request_changes(1, ""), "needs a text"),
        (lambda: bob.reopen(1), "is open; only a closed one"),
    ]
    for act, complaint in actions:
        with pytest.raises(UsageError, match=complaint):
            act()
    ada.close(1, "no need")
    bob.comment(1, "why?")
    later: list[Callable[[], object]] = [
        lambda: bob.approve(1),
        lambda: bob.close(1),
        lambda: bob.request_changes(1, "x"),
    ]
    for late in later:
        with pytest.raises(UsageError, match="is closed already"):
            late()
    assert refused(ada) == ["It is closed already."]
    with pytest.raises(NotFound):
        repo.resolve("1")


def test_a_merge_by_hand_or_one_that_was_cut_is_noted(ada: Proposals, bob: Proposals, repo: Repo) -> None:
    ada.open("fix", into="main")
    repo.merge("fix", into="main")
    assert ada.look(1).merge_commit == repo.head
    changed(repo, "fix", 2, "next")
    ada.open("fix", into="main")
    bob.approve(2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Proposals, "_merged", killed)
        with pytest.raises(KeyboardInterrupt):
            ada.merge(2)
    assert ada[2].status == "approved"
    merged = repo.head
    changed(repo, "main", 3, "later")
    assert ada.merge(2).merge_commit == merged
    assert refused(ada, 2) == ["It is merged already."]


def killed(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_word_said_during_a_merge_is_heard(
    ada: Proposals, bob: Proposals, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.open("fix", into="main")
    bob.approve(1)
    spoken: list[object] = []

    def hook(repo: Repo, branch: str, commit: object) -> None:
        if not spoken:
            spoken.append(reviewed(repo, "cleo").request_changes(1, "wait"))

    repo.hooks.append(hook)
    assert refused(ada) == ["Changes are requested by cleo."]
    assert rows(repo)[1] == "row 1"
    # The target moves at the last moment: the gate is judged again, for where it is then.
    reviewed(repo, "cleo").approve(1)
    moved: list[object] = []

    def mover(repo: Repo, branch: str, commit: object) -> None:
        if not moved:
            view = Repo.open(repo.storage.location.removesuffix("/.headwater"))
            moved.append(changed(view, "main", 30, "at the last moment"))

    repo.hooks[:] = [mover]
    assert ada.merge(1).status == "merged"
    assert (rows(repo)[1], rows(repo)[30]) == ("fixed", "at the last moment")


def test_hooks_can_stop_a_merge(ada: Proposals, bob: Proposals, repo: Repo) -> None:
    def hook(repo: Repo, branch: str, commit: object) -> None:
        raise GateClosed("not on Fridays")

    ada.open("fix", into="main")
    bob.approve(1)
    repo.hooks.append(hook)
    with pytest.raises(GateClosed, match="Fridays"):
        ada.merge(1)
    assert rows(repo)[1] == "row 1"
    assert ada[1].status == "approved"


@pytest.mark.skipif(sys.platform == "win32", reason="slow there")
def test_reviewers_in_processes_of_their_own_never_lose_a_word(repo: Repo, ada: Proposals) -> None:
    ada.open("fix", into="main", approvals=4)
    folder = repo.storage.location.removesuffix("/.headwater")
    names = ["bob", "cleo", "dora", "emil"]
    command = [sys.executable, "-m", "tests.versions.reviewing", folder]
    running = [
        subprocess.Popen([*command, name, "5"], cwd=ROOT, stderr=subprocess.PIPE, text=True) for name in names
    ]
    for process in running:
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said
    found = ada[1]
    texts = [event.facts["text"] for event in found.events if event.kind == "comment"]
    assert sorted(texts) == sorted(f"{name} {number}" for name in names for number in range(5))
    assert sorted(found.approvals) == names
    assert found.status == "approved"
    assert verify(repo).findings == []


def test_all_that_a_proposal_speaks_of_is_kept(repo: Repo, ada: Proposals, bob: Proposals) -> None:
    changed(repo, "main", 2, "main has moved")
    made = ada.open("fix", into="main")
    repo.delete_branch("fix")
    collect(repo, grace=timedelta(), keep_reflog=timedelta())
    assert made.picture.candidate is not None
    fresh = Repo.open(repo.storage.location.removesuffix("/.headwater"))
    assert rows(fresh, made.picture.candidate)[1] == "fixed"
    assert rows(fresh, made.picture.source_commit)[1] == "fixed"
    bob.approve(1)
    assert ada.merge(1).status == "merged"
    assert verify(repo).findings == []


def test_where_nothing_can_be_written_proposals_can_be_read(
    repo: Repo, ada: Proposals, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada.open("fix", into="main")
    changed(repo, "fix", 3, "more")

    def denied(*_: object, **__: object) -> bool:
        raise StorageDenied("read only")

    monkeypatch.setattr(Storage, "_put", denied)
    assert ada.look(1).number == 1
    assert ada.standing(ada[1]).status == "open"


def test_without_a_checker_nothing_is_merged(repo: Repo, bob: Proposals) -> None:
    bare = Proposals(repo)
    bare.open("fix", into="main")
    bob.approve(1)
    assert "have not run" in refused(bare)[0]
