"""Proposals travel between directories and buckets, and what both sides said is joined."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headwater.core.errors import Diverged
from headwater.core.findings import Outcome
from headwater.versions.exchange import bring_proposals, send_proposals
from headwater.versions.fsck import verify
from headwater.versions.proposals import Proposals
from headwater.versions.remotes import clone
from headwater.versions.repo import Repo
from tests.versions.reviewing import Fixed, changed, reviewed, with_fix


def place(repo: Repo) -> str:
    return repo.storage.location.removesuffix("/.headwater")


def said(repo: Repo, number: int = 1) -> list[str]:
    return [event.facts["text"] for event in repo.proposals[number].events if event.facts.get("text")]


def copy(repo: Repo, target: object, author: str) -> tuple[Repo, Proposals]:
    made = clone(Repo, place(repo), str(target))
    made.author = author
    return made, Proposals(made, Fixed())


@pytest.fixture
def origin(location: str) -> Repo:
    """Return a repository, in every kind of place, with an open proposal."""
    repo = with_fix(location)
    Proposals(repo, Fixed()).open("fix", into="main", reviewers=["bob"])
    return repo


def test_a_proposal_survives_clone_push_and_fetch_and_is_merged_elsewhere(
    origin: Repo, tmp_path: Path
) -> None:
    here, bob = copy(origin, tmp_path / "bob", "bob")
    there, cleo = copy(origin, tmp_path / "cleo", "cleo")
    assert bob[1] == Proposals(origin)[1]
    assert bob.standing(bob[1]).is_current
    bob.approve(1, "bob says yes")
    cleo.comment(1, "cleo asks")
    assert [change.name for change in here.push().changes] == ["proposal 1"]
    assert [change.name for change in there.push(proposals="only").changes] == ["proposal 1"]
    assert here.fetch().changes != ()
    # Both words are there, in one order everywhere.
    assert said(here) == said(there) == said(Repo.open(place(origin))) == ["bob says yes", "cleo asks"]
    assert here.fetch().changes == there.fetch().changes == ()
    assert here.push().changes == there.push().changes == ()
    assert bob.merge(1).status == "merged"
    changes = {change.name for change in here.push().changes}
    assert changes == {"main", "proposal 1"}
    assert Repo.open(place(origin)).proposals[1].status == "merged"
    there.pull()
    assert cleo[1].merge_commit == there.head
    for repo in (here, there, Repo.open(place(origin))):
        assert verify(repo).outcome == Outcome.PASS


def test_words_on_both_sides_of_many_rounds_are_joined_alike(origin: Repo, tmp_path: Path) -> None:
    sides = [copy(origin, tmp_path / name, name) for name in ("bob", "cleo")]
    for number in range(3):
        for repo, proposals in sides:
            proposals.comment(1, f"{repo.author} {number}")
        for repo, _ in sides:
            repo.push(proposals="only")
    for repo, _ in sides:
        repo.fetch()
    wanted = sorted(f"{name} {number}" for name in ("bob", "cleo") for number in range(3))
    first, second = (said(repo) for repo, _ in sides)
    assert first == second == said(Repo.open(place(origin)))
    assert sorted(first) == wanted
    heads = {repo.refs.get("proposals", "1") for repo, _ in sides}
    assert len(heads) == 1


def test_of_two_proposals_with_one_number_the_shared_one_keeps_it(origin: Repo, tmp_path: Path) -> None:
    here, bob = copy(origin, tmp_path / "bob", "bob")
    changed(here, "mine", 5, "mine")
    mine = bob.open("mine", into="main")
    assert mine.number == 2
    origin.create_branch("other", "main")
    changed(origin, "other", 6, "other")
    other = Proposals(origin, Fixed()).open("other", into="main")
    assert other.number == 2
    fetched = here.fetch()
    assert fetched.renumbered == {2: 3}
    assert {number: one.id for number, one in bob.items()} == {1: bob[1].id, 2: other.id, 3: mine.id}
    here.push(proposals="only")
    there = Repo.open(place(origin)).proposals
    assert {number: one.id for number, one in there.items()} == {1: bob[1].id, 2: other.id, 3: mine.id}
    # What it speaks of went along, though the branch was never pushed.
    at = there[3].picture.source_commit
    assert Repo.open(place(origin)).at(at)["d"].to_arrow(where="id = 5")["v"].to_pylist() == ["mine"]
    assert verify(Repo.open(place(origin))).outcome == Outcome.PASS


def test_a_renumbering_that_was_killed_is_finished(origin: Repo, tmp_path: Path) -> None:
    here, bob = copy(origin, tmp_path / "bob", "bob")
    changed(here, "mine", 5, "mine")
    mine = bob.open("mine", into="main")
    origin.create_branch("other", "main")
    changed(origin, "other", 6, "other")
    other = Proposals(origin, Fixed()).open("other", into="main")
    whole = here.refs.move

    def killed(kind: Any, name: str, to: Any, **options: Any) -> bool:
        if kind == "proposals" and to is None:
            raise KeyboardInterrupt
        return whole(kind, name, to, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(here.refs, "move", killed)
        with pytest.raises(KeyboardInterrupt):
            here.fetch()
    again = Repo.open(place(here))
    again.fetch()
    assert {n: p.id for n, p in again.proposals.items()} == {1: bob[1].id, 2: other.id, 3: mine.id}


def test_numbers_of_a_second_remote_change_none_of_ours(tmp_path: Path) -> None:
    one = with_fix(tmp_path / "one")
    two = clone(Repo, place(one), tmp_path / "two")
    two.author = "tim"
    first = Proposals(one, Fixed()).open("fix", into="main")
    two.create_branch("b", "main")
    changed(two, "b", 3, "b")
    second = Proposals(two, Fixed()).open("b", into="main")
    here = clone(Repo, place(one), tmp_path / "here")
    here.remotes.add("two", place(two))
    # Each has a proposal 1. Ours came from origin, where others know it by this number.
    assert here.fetch("two").renumbered == {}
    assert {n: p.id for n, p in here.proposals.items()} == {1: first.id, 2: second.id}
    here.push("two", proposals="only")
    here.push("origin", proposals="only")
    assert {p.id for p in Repo.open(place(one)).proposals.values()} == {first.id, second.id}
    assert Repo.open(place(one)).proposals[1].id == first.id
    assert Repo.open(place(two)).proposals[1].id == second.id
    assert here.fetch().changes == here.fetch("two").changes == ()


def test_a_review_is_pushed_though_the_branch_is_behind(origin: Repo, tmp_path: Path) -> None:
    here, bob = copy(origin, tmp_path / "bob", "bob")
    changed(origin, "main", 8, "meanwhile")
    bob.approve(1)
    with pytest.raises(Diverged):
        here.push()
    here.push(proposals="only")
    ada = reviewed(origin, "ada")
    assert ada[1].approvals == ("bob",)
    # Here main lacks what it has there, so here nothing is merged.
    here.fetch()
    reasons = bob.standing(bob[1]).reasons
    assert any("`hw pull` first" in reason for reason in reasons)
    here.pull()
    bob.refresh(1)
    assert bob.standing(bob[1]).reasons == []


def test_a_branch_that_moved_at_origin_is_seen_after_a_fetch(origin: Repo, tmp_path: Path) -> None:
    here, bob = copy(origin, tmp_path / "bob", "bob")
    bob.approve(1)
    new = changed(origin, "fix", 9, "another")
    here.fetch()
    assert bob.standing(bob[1]).source_commit == new
    assert bob.look(1).approvals == ()
    # The old commit of an own copy of the branch is nothing new.
    here.refs.move("heads", "fix", here.resolve("origin/fix~1"), expected=None, reason="old")
    assert bob.look(1).picture.source_commit == new


def test_partial_clones_hold_proposals(origin: Repo, tmp_path: Path) -> None:
    parts: list[dict[str, Any]] = [{"depth": 1}, {"lazy": True}, {"datasets": ["d"]}]
    for options in parts:
        target = tmp_path / "-".join(options)
        made = clone(Repo, place(origin), target, **options)
        made.author = "bob"
        bob = Proposals(made, Fixed())
        bob.approve(1, "from a part")
        assert made.push(proposals="only").changes != ()
        assert bob.merge(1).status == "merged"
    assert said(Repo.open(place(origin))) == ["from a part"] * 3


def test_others_may_be_faster_while_we_push(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    origin = with_fix(tmp_path / "origin")
    Proposals(origin, Fixed()).open("fix", into="main")
    here, bob = copy(origin, tmp_path / "bob", "bob")
    bob.comment(1, "mine")
    there = Repo.open(place(origin))
    words = iter(["first", "second"])
    move = there.refs.move

    def slow(*args: Any, **kwargs: Any) -> bool:
        word = next(words, None)
        if word:
            reviewed(origin, "cleo").comment(1, word)
        return move(*args, **kwargs)

    monkeypatch.setattr(there.refs, "move", slow)
    send_proposals(here, there)
    assert sorted(said(origin)) == ["first", "mine", "second"]
    assert bring_proposals(here, Repo.open(place(origin))).changes == ()


def test_a_copy_that_is_cut_leaves_the_proposals_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from headwater.versions import transfer

    origin = with_fix(tmp_path / "origin")
    here, _ = copy(origin, tmp_path / "bob", "bob")
    Proposals(origin, Fixed()).open("fix", into="main")
    whole = transfer._copy
    left = iter(range(1))

    def cut(*args: Any, **options: Any) -> int:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return whole(*args, **options)

    monkeypatch.setattr(transfer, "_copy", cut)
    with pytest.raises(KeyboardInterrupt):
        here.fetch()
    assert list(Repo.open(place(here)).proposals) == []
    monkeypatch.setattr(transfer, "_copy", whole)
    here.fetch()
    assert list(here.proposals) == [1]
    assert verify(here).outcome == Outcome.PASS
