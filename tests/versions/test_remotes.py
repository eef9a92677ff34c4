"""History goes from one repository to another and back; nothing is lost, and what is cut goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headwater.core.errors import (
    CorruptObject,
    Diverged,
    MergeConflict,
    NotFound,
    StorageError,
    UsageError,
)
from headwater.core.findings import Outcome
from headwater.core.ids import CommitId
from headwater.store.objects import object_path
from headwater.store.storage import Storage
from headwater.versions import transfer
from headwater.versions.fsck import verify
from headwater.versions.gc import collect
from headwater.versions.remotes import Remotes, apart, clone
from headwater.versions.repo import Repo

ROWS = [{"id": number, "v": f"row {number}"} for number in range(50)]


def changed(repo: Repo, rows: list[dict[str, Any]], dataset: str = "d", branch: str | None = None) -> str:
    here = repo.branch(branch) if branch else repo
    with here.transaction(f"change {rows[0]}") as tx:
        if dataset in tx:
            tx.upsert(dataset, rows)
        else:
            tx.append(dataset, rows, key="id")
    assert tx.commit_id is not None
    return tx.commit_id


def content(repo: Repo, ref: str = "main", dataset: str = "d") -> dict[int, Any]:
    return {row["id"]: row["v"] for row in repo.at(ref)[dataset].to_arrow().to_pylist()}


def assert_whole(repo: Repo) -> None:
    found = verify(repo)
    assert found.outcome == Outcome.PASS, found.findings
    assert found.elsewhere == 0


@pytest.fixture
def origin(home: str) -> Repo:
    """Return a repository with two datasets, a branch, a tag and some history."""
    repo = Repo.init(home)
    changed(repo, ROWS)
    changed(repo, [{"id": 1, "v": "other"}])
    repo.create_tag("v1")
    changed(repo, ROWS[:5], dataset="e")
    repo.create_branch("fix")
    changed(repo, [{"id": 2, "v": "fixed"}], branch="fix")
    return repo


@pytest.fixture
def here(origin: Repo, tmp_path: Path) -> Repo:
    """Return a clone of it."""
    return clone(Repo, origin_location(origin), tmp_path / "here")


def origin_location(origin: Repo) -> str:
    return origin.storage.location.removesuffix("/.headwater")


def test_what_was_measured_and_found_goes_along(
    origin: Repo, location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = origin.resolve("main")
    origin.notes(head).put("findings.parquet", b"found")
    (group,) = (one.object for one in origin["d"].manifest.chunks[0].groups)
    origin.cache.put(f"states/{group}/live", b"measured")
    origin.cache.put(f"states/{'0' * 64}/live", b"of another chunk")
    for listed in (1000, 0):
        monkeypatch.setattr(transfer, "_LISTED", listed)
        copy = clone(Repo, origin_location(origin), f"{location}-{listed}")
        assert copy.notes(head).get("findings.parquet") == b"found"
        assert copy.cache.get(f"states/{group}/live") == b"measured"
        assert copy.cache.list("states") == [f"states/{group}/live"]
    # What is there stays.
    changed(copy, [{"id": 9, "v": "more"}])
    tip = copy.resolve("main")
    for repo, note in ((origin, b"theirs"), (copy, b"ours")):
        repo.notes(tip).put("findings.parquet", note)
    copy.push()
    assert origin.notes(tip).get("findings.parquet") == b"theirs"


def test_a_clone_has_all_history_and_follows(origin: Repo, location: str) -> None:
    repo = clone(Repo, origin_location(origin), location)
    assert repo.refs.names("remotes") == {
        "origin/main": origin.resolve("main"),
        "origin/fix": origin.resolve("fix"),
    }
    assert repo.branches() == {"main": origin.resolve("main")}
    assert repo.tags() == origin.tags()
    assert content(repo, "origin/fix")[2] == "fixed"
    assert [c.id for c in repo.log()] == [c.id for c in origin.log()]
    assert_whole(repo)
    new = changed(origin, [{"id": 99, "v": "new"}])
    fetched = repo.fetch()
    assert [(change.name, change.after) for change in fetched.changes] == [("origin/main", new)]
    # Of the change one chunk with its indexes, a manifest and a commit.
    assert fetched.copied.commits == 1
    assert fetched.copied.objects <= 6
    assert 99 not in content(repo)
    assert repo.pull().merged.kind == "fast-forward"
    assert content(repo) == content(origin)
    assert repo.pull().merged.kind == "up-to-date"
    assert repo.fetch().changes == ()
    assert_whole(repo)


def test_what_is_pushed_is_there(origin: Repo, here: Repo, location: str) -> None:
    target = clone(Repo, origin_location(origin), location)
    here.remotes.add("bucket", location)
    here.fetch("bucket")
    changed(here, [{"id": 1, "v": "pushed"}, {"id": 100, "v": "more"}])
    here.create_tag("v2")
    here.create_branch("topic")
    done = here.push("bucket", branches=["main", "topic"], tags=True)
    assert {change.name for change in done.changes} == {"main", "topic", "v2"}
    assert done.copied.commits == 1
    again = Repo.open(location)
    assert content(again) == content(here)
    assert again.tags() == here.tags()
    assert_whole(again)
    assert here.refs.get("remotes", "bucket/main") == here.resolve("main")
    assert here.push("bucket").changes == ()
    assert [change.after for change in here.push("bucket", branches=["topic"], delete=True).changes] == [None]
    assert "topic" not in target.branches()


def test_diverged_branches_are_refused_with_the_ways_out(origin: Repo, here: Repo) -> None:
    ours = changed(here, [{"id": 3, "v": "ours"}])
    theirs = changed(origin, [{"id": 4, "v": "theirs"}])
    with pytest.raises(Diverged, match="has commits that are not here"):
        here.push()
    with pytest.raises(Diverged, match="not here"):
        here.push(force=True)
    with pytest.raises(Diverged, match=r"1 commit\(s\) here, 1 there.*--merge.*--theirs"):
        here.pull()
    assert here.head == ours
    assert origin.head == theirs
    assert apart(here, CommitId(ours), here.resolve("origin/main")) == (1, 1)
    assert here.pull(diverged="merge").merged.kind == "merge"
    assert (content(here)[3], content(here)[4]) == ("ours", "theirs")
    here.push()
    assert content(origin) == content(here)
    assert_whole(origin)


def test_theirs_can_be_taken_and_undone_and_ours_forced(origin: Repo, here: Repo) -> None:
    ours = changed(here, [{"id": 3, "v": "ours"}])
    theirs = changed(origin, [{"id": 3, "v": "theirs"}])
    with pytest.raises(MergeConflict):
        here.pull(diverged="merge")
    assert here.pull(diverged="theirs").merged.kind == "reset"
    assert here.head == theirs
    here.undo()
    assert here.head == ours
    here.push(force=True)
    assert origin.head == ours
    assert origin.undo() == theirs


def test_branches_that_go_there_go_here_and_tags_that_differ_stay(origin: Repo, here: Repo) -> None:
    origin.delete_branch("fix")
    here.delete_tag("v1")
    here.create_tag("v1", "main")
    fetched = here.fetch()
    assert [(change.name, change.after) for change in fetched.changes] == [("origin/fix", None)]
    assert fetched.kept_tags == ("v1",)
    assert here.tags()["v1"] == here.resolve("main")
    with pytest.raises(UsageError, match="Tag 'v1' means another commit at 'origin'"):
        here.push(tags=True)


@pytest.mark.parametrize("part", [{"lazy": True}, {"depth": 1}, {"datasets": ["e"]}])
def test_what_a_partial_clone_leaves_out_is_fetched_when_it_is_read(
    origin: Repo, tmp_path: Path, part: dict[str, Any]
) -> None:
    repo = clone(Repo, origin_location(origin), tmp_path / "here", **part)
    whole = clone(Repo, origin_location(origin), tmp_path / "whole")
    assert size(repo) < size(whole)
    found = verify(repo)
    assert found.outcome == Outcome.PASS
    assert (found.elsewhere > 0) != found.is_shallow
    again = Repo.open(tmp_path / "here")
    assert content(again) == content(origin)
    assert content(again, "main~2")[1] == "row 1"
    assert any(again.storage.list("lazy"))
    changed(again, [{"id": 1, "v": "mine"}])
    changed(origin, [{"id": 7, "v": "yours"}])
    again.pull(diverged="merge")
    again.push()
    assert content(origin)[1] == "mine"
    assert_whole(origin)
    collect(again)
    assert content(again) == content(origin)


def test_a_clone_of_limited_depth_is_verified_as_far_as_it_goes_without_its_remote(
    origin: Repo, tmp_path: Path
) -> None:
    repo = clone(Repo, origin_location(origin), tmp_path / "here", depth=1)
    repo.remotes.remove("origin")
    found = verify(repo)
    assert (found.findings, found.is_shallow, found.elsewhere) == ([], True, 0)
    assert 0 < found.commits < verify(origin).commits
    assert not any(repo.storage.list("lazy"))
    repo.storage.delete([object_path(repo["d"].manifest.chunks[0].row_hashes)])
    assert verify(repo).elsewhere == 1
    assert not verify(origin).is_shallow


def test_what_was_fetched_on_reading_is_dropped_again_past_the_bound(origin: Repo, tmp_path: Path) -> None:
    repo = clone(Repo, origin_location(origin), tmp_path / "here", lazy=True, cache_bytes=3000)
    assert content(repo) == content(origin)
    assert content(repo, "main~2")[1] == "row 1"
    assert 0 < sum(entry.size for entry in repo.storage.list("lazy")) <= 3000


def test_a_clone_that_was_cut_goes_on(origin: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0
    write = Storage.write

    def cut(self: Storage, path: str, data: bytes | memoryview) -> None:
        nonlocal written
        written += path.startswith("objects/")
        if written > 8:
            raise StorageError("the line is cut", path=path)
        write(self, path, data)

    with monkeypatch.context() as patch:
        patch.setattr(Storage, "write", cut)
        with pytest.raises(StorageError, match="cut"):
            clone(Repo, origin_location(origin), tmp_path / "here")
    before = {entry.path: entry.modified for entry in Storage(tmp_path / "here/.headwater").list("objects")}
    assert before
    repo = clone(Repo, origin_location(origin), tmp_path / "here")
    after = {entry.path: entry.modified for entry in repo.storage.list("objects")}
    assert content(repo) == content(origin)
    assert all(after[path] == when for path, when in before.items())
    assert_whole(repo)


def test_damage_on_the_way_is_noticed_and_tried_again(
    origin: Repo, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = Storage.read
    seen: set[str] = set()

    def cut_short(self: Storage, path: str) -> bytes:
        data = read(self, path)
        if path.startswith("objects/") and path not in seen:
            seen.add(path)
            return data[:-1]
        return data

    monkeypatch.setattr(Storage, "read", cut_short)
    repo = clone(Repo, origin_location(origin), tmp_path / "here")
    monkeypatch.undo()
    assert_whole(repo)


def test_a_damaged_source_is_told_and_leaves_no_half_clone_in_use(origin: Repo, tmp_path: Path) -> None:
    name = origin.manifest("d", origin.head).chunks[0].groups[0].object  # type: ignore[union-attr]
    origin.storage.write(object_path(name), b"damaged")
    with pytest.raises(CorruptObject, match=name[:12]):
        clone(Repo, origin_location(origin), tmp_path / "here")
    repo = Repo.open(tmp_path / "here")
    assert repo.branches() == {}
    assert repo.refs.names("remotes") == {}


def size(repo: Repo) -> int:
    return sum(entry.size for entry in repo.storage.list("objects"))


def test_bad_requests_are_refused(origin: Repo, here: Repo, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no repository"):
        clone(Repo, tmp_path / "nowhere", tmp_path / "x")
    with pytest.raises(UsageError, match="There is a repository at"):
        clone(Repo, origin_location(origin), origin_location(here))
    with pytest.raises(NotFound, match=r"Dataset 'dd' not found.*Did you mean 'd'"):
        clone(Repo, origin_location(origin), tmp_path / "y", datasets=["dd"])
    with pytest.raises(UsageError, match="depth is 0"):
        clone(Repo, origin_location(origin), tmp_path / "y", depth=0)
    with pytest.raises(NotFound, match=r"Remote 'up' not found.*Remotes: origin"):
        here.fetch("up")
    with pytest.raises(UsageError, match="There is a remote 'origin' already"):
        here.remotes.add("origin", "elsewhere")
    with pytest.raises(UsageError, match="not a valid name of a remote"):
        here.remotes.add("a/b", "elsewhere")
    here.remotes.add("gone", tmp_path / "gone")
    with pytest.raises(NotFound, match="hw remote remove gone"):
        here.push("gone")
    here.remotes.remove("gone")
    assert list(here.remotes) == ["origin"]
    with pytest.raises(NotFound, match="Branch 'nope' not found"):
        here.push(branches=["nope"])
    with pytest.raises(NotFound, match="Branch 'nope' not found in remote 'origin'"):
        here.push(branches=["nope"], delete=True)
    here.branch("mine").transaction("x")
    here.create_branch("mine")
    here.switch("mine")
    with pytest.raises(NotFound, match="Branch 'mine' not found in remote 'origin'"):
        here.pull()
    here.storage.write("remotes.json", b"{")
    with pytest.raises(CorruptObject, match="is damaged"):
        list(Remotes(here.storage))


def test_an_empty_repository_can_be_cloned_and_pushed_to(tmp_path: Path) -> None:
    empty = Repo.init(tmp_path / "empty", branch="trunk")
    repo = clone(Repo, tmp_path / "empty", tmp_path / "here")
    assert repo.branch_name == "trunk"
    assert repo.head is None
    changed(repo, ROWS)
    repo.push()
    assert content(empty, "trunk") == content(repo, "trunk")
    assert_whole(empty)
